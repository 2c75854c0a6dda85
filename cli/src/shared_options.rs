//! Devices by which a guest and its host share: memory, sockets, a console.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use vambrace_kvm::devices::virtio::{
    Balloon, Console, GuestCid, HostSocket, SocketFile, VirtioDevice, Vsock,
};

use crate::failure::Failure;
use crate::machine_options::Size;

/// The options that name them.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct SharedOptions {
    /// A memory balloon: memory that the guest does not use goes back to the host. With a size, the
    /// guest is asked to do without so much of its RAM from the start, and gives what it can
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "0",
        value_name = "SIZE")]
    balloon: Option<Size>,

    /// Sockets between guest and host: the guest has the address CID, 3 or higher. A program here
    /// connects to the Unix socket PATH, writes `CONNECT port` and a newline, and reads `OK` and
    /// the port it is known by; the guest's calls to port N of address 2 go to the Unix socket
    /// PATH_N
    #[arg(long, value_name = "CID=PATH", value_parser = SocketPlace::parser())]
    vsock: Option<SocketPlace>,

    /// A console besides (hvc0 in Linux), at a Unix socket, to which one program at a time connects
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    virtio_console: Option<PathBuf>,
}

/// `--vsock CID=PATH`
#[derive(Debug, Clone, PartialEq, Eq)]
struct SocketPlace {
    cid: GuestCid,
    path: PathBuf,
}

/// Devices that are there, and the files of their sockets.
pub(crate) struct Shared {
    pub(crate) devices: Vec<Box<dyn VirtioDevice + Send>>,
    pub(crate) files: SocketFiles,
}

/// The sockets' files: they are there for as long as this is.
#[derive(Debug, Default)]
#[must_use = "the files are removed when this is dropped"]
pub(crate) struct SocketFiles(Vec<SocketFile>);

impl SharedOptions {
    /// How many devices they name.
    pub(crate) fn count(&self) -> usize {
        usize::from(self.balloon.is_some())
            + usize::from(self.vsock.is_some())
            + usize::from(self.virtio_console.is_some())
    }

    /// Makes what they name.
    pub(crate) fn open(&self) -> Result<Shared, Failure> {
        let mut shared = Shared {
            devices: Vec::new(),
            files: SocketFiles::default(),
        };
        if let Some(size) = &self.balloon {
            shared.devices.push(Box::new(Balloon::new(size.bytes())));
        }
        if let Some(SocketPlace { cid, path }) = &self.vsock {
            let socket = shared.files.bind(path)?;
            let vsock = Vsock::new(*cid, socket).map_err(|errno| no_descriptor(&errno))?;
            shared.devices.push(Box::new(vsock));
        }
        if let Some(path) = &self.virtio_console {
            let socket = shared.files.bind(path)?;
            let console = Console::new(socket).map_err(|errno| no_descriptor(&errno))?;
            shared.devices.push(Box::new(console));
        }
        Ok(shared)
    }

    /// A lab host is an emulated machine of its own: its sockets are not in this one's file system.
    pub(crate) fn check_in_lab(&self) -> Result<(), Failure> {
        let option = match (&self.vsock, &self.virtio_console) {
            (Some(_), _) => "--vsock",
            (None, Some(_)) => "--virtio-console",
            (None, None) => return Ok(()),
        };
        Err(Failure::new(format!(
            "cannot make a socket here for a machine in a lab host ({option}): that is an emulated \
             machine of its own"
        ))
        .with_hint(format!(
            "leave out {option}, or run on a machine with arm64 KVM (--host local)"
        )))
    }

    /// The options as they are given inside a lab host.
    pub(crate) fn inside(&self) -> impl Iterator<Item = String> {
        let balloon = self.balloon.map(|size| format!("--balloon={size}"));
        balloon.into_iter()
    }
}

impl SocketFiles {
    /// The folders that they lie in.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(SocketFile::folder)
    }

    fn bind(&mut self, path: &Path) -> Result<HostSocket, Failure> {
        let bound = HostSocket::bind(path).map_err(|error| Failure::new(error.to_string()))?;
        let (socket, file) = bound;
        self.0.push(file);
        Ok(socket)
    }
}

fn no_descriptor(error: &dyn fmt::Display) -> Failure {
    Failure::new(format!("cannot watch a socket: {error}"))
        .with_hint("raise this host's limit on open files (ulimit -n)")
}

impl SocketPlace {
    fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(|text| Self::parse(&text))
    }

    fn parse(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let split = bytes.iter().position(|byte| *byte == b'=');
        let parts = split.map(|at| (&bytes[..at], &bytes[at + 1..]));
        let Some((cid, path @ [_, ..])) = parts else {
            return Err("write CID=PATH, such as 3=guest.vsock".into());
        };
        let number = str::from_utf8(cid).ok().and_then(|cid| cid.parse().ok());
        let cid = number.and_then(GuestCid::new).ok_or_else(|| {
            let most = u32::MAX - 1;
            format!("a guest's address is a number from 3 to {most}: lower ones are reserved")
        })?;
        Ok(Self {
            cid,
            path: OsString::from_vec(path.to_vec()).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: SharedOptions,
    }

    fn parse(words: &[&str]) -> Result<SharedOptions, String> {
        let words = ["x"].iter().chain(words);
        Line::try_parse_from(words)
            .map(|line| line.options)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_balloon_has_a_size_or_none() {
        let size = |words| parse(words).unwrap().balloon.map(Size::bytes);
        assert_eq!(size(&[]), None);
        assert_eq!(size(&["--balloon"]), Some(0));
        assert_eq!(size(&["--balloon=64M"]), Some(64 << 20));
        assert!(parse(&["--balloon=much"]).is_err());
    }

    #[test]
    fn a_guest_has_an_address_that_is_not_reserved() {
        let place = parse(&["--vsock=3=a=b"]).unwrap().vsock.unwrap();
        assert_eq!((place.cid.value(), place.path), (3, "a=b".into()));
        for wrong in ["", "3", "3=", "=a", "2=a", "4294967295=a", "x=a"] {
            assert!(parse(&[&format!("--vsock={wrong}")]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_balloon_can_be_had_in_a_lab_host() {
        let balloon = parse(&["--balloon=1M"]).unwrap();
        assert!(balloon.check_in_lab().is_ok());
        assert_eq!(balloon.inside().collect::<Vec<_>>(), ["--balloon=1M"]);
        for option in ["--vsock=3=a", "--virtio-console=a"] {
            let failure = parse(&[option]).unwrap().check_in_lab().unwrap_err();
            assert!(failure.message().contains("lab host"), "{failure:?}");
        }
    }

    #[test]
    fn sockets_are_there_for_as_long_as_their_files_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let options = SharedOptions {
            balloon: Some("0".parse().unwrap()),
            vsock: Some(SocketPlace {
                cid: GuestCid::new(3).unwrap(),
                path: path("vsock"),
            }),
            virtio_console: Some(path("console")),
        };
        let shared = options.open().unwrap();
        assert_eq!((shared.devices.len(), options.count()), (3, 3));
        assert!(path("vsock").exists() && path("console").exists());
        // Another machine does not take them away.
        let Err(failure) = options.open() else {
            panic!("it took them");
        };
        assert!(failure.message().contains("it exists"), "{failure:?}");
        assert!(path("vsock").exists());
        drop(shared.files);
        assert!(!path("vsock").exists() && !path("console").exists());
    }
}
