//! One command to run in a lab host, with what goes in and what comes back.
//!
//! Paths inside are absolute or relative to [`DIRECTORY`], where the command starts. They are
//! resolved and checked before a host is started: none leaves the root or hides what init needs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cpio::Archive;
use crate::error::Error;
use crate::signals::SignalsEnd;
use crate::start::Start;

/// The directory inside in which the command starts.
pub const DIRECTORY: &str = "/lab";

/// A command, its files and its limits.
#[derive(Debug, Clone)]
pub struct Job {
    /// What to run.
    pub executable: Executable,
    /// Its arguments, without the command's own name.
    pub arguments: Vec<OsString>,
    /// Variables to set for it.
    pub environment: Vec<(OsString, OsString)>,
    /// Files to put inside before it starts.
    pub inputs: Vec<Input>,
    /// Files to bring back when it has ended.
    pub outputs: Vec<Output>,
    /// Block devices that the host has while it runs.
    pub disks: Vec<HostDisk>,
    /// Signals for the command, from a [`Signals`].
    ///
    /// [`Signals`]: crate::Signals
    pub signals: Option<SignalsEnd>,
    /// How long the whole run may take, the host's start included.
    pub time_limit: Option<Duration>,
    /// How long the host may say nothing once it is up. A host whose command speaks at intervals
    /// and that has gone quiet is stuck: an emulator can hang for ever and look busy.
    pub quiet_limit: Option<Duration>,
}

/// What a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Executable {
    /// `vambrace` itself, which is in every host.
    Vambrace,
    /// A static arm64 program of this machine; it is copied into [`DIRECTORY`].
    File(PathBuf),
    /// A path inside, put there as an input.
    Inside(String),
}

/// A file that goes in.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its content.
    pub source: Source,
    /// Where it is put.
    pub destination: String,
}

/// The content of a file that goes in.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file of this machine, with its permissions.
    File(PathBuf),
    /// These bytes, readable by all.
    Bytes(Vec<u8>),
}

/// A file that comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Where the command leaves it inside.
    pub inside: String,
    /// Where it is put on this machine; an existing file is replaced once the new one is whole.
    pub outside: PathBuf,
}

/// A block device of the host's that is a file or block device of this machine: what is written
/// and flushed inside is written and flushed here.
#[derive(Debug, Clone)]
pub struct HostDisk {
    /// It, opened as it is to be used: what is opened for reading alone cannot be written inside.
    /// Whoever opened it has seen to it that nobody else writes.
    pub file: Arc<OwnedFd>,
    /// Where the command finds the block device.
    pub destination: String,
}

impl Job {
    /// A job that runs `executable` with `arguments` and nothing else.
    #[must_use]
    pub fn new(executable: Executable, arguments: Vec<OsString>) -> Self {
        Self {
            executable,
            arguments,
            environment: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            disks: Vec::new(),
            signals: None,
            time_limit: None,
            quiet_limit: None,
        }
    }

    /// Looks for mistakes without starting anything: paths that cannot be, files that are missing,
    /// a program that cannot run inside.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(&self) -> Result<(), Error> {
        self.start()?;
        self.files()?
            .values()
            .try_for_each(|source| source.open().map(|_| ()))
    }

    /// What init is asked to run.
    pub(crate) fn start(&self) -> Result<Start, Error> {
        let command = match &self.executable {
            Executable::Vambrace => "vambrace".to_owned(),
            Executable::File(path) => resolve(&file_name(path)?)?,
            Executable::Inside(path) => resolve(path)?,
        };
        let bytes = |text: &OsString| text.clone().into_vec();
        let start = Start {
            arguments: std::iter::once(command.into_bytes())
                .chain(self.arguments.iter().map(bytes))
                .collect(),
            environment: self
                .environment
                .iter()
                .map(|(n, v)| (bytes(n), bytes(v)))
                .collect(),
            outputs: self
                .outputs
                .iter()
                .map(|output| resolve(&output.inside).map(String::into_bytes))
                .collect::<Result<_, _>>()?,
            disks: self
                .disks
                .iter()
                .map(|disk| resolve(&disk.destination).map(String::into_bytes))
                .collect::<Result<_, _>>()?,
        };
        check_start(&start)?;
        Ok(start)
    }

    /// Writes the job's files into the initramfs.
    pub(crate) fn write_files(
        &self,
        archive: &mut Archive<impl std::io::Write>,
        limit: u64,
    ) -> Result<(), Error> {
        let files = self.files()?;
        let mut left = limit;
        for (destination, source) in &files {
            let size = source.add(archive, destination)?;
            left = left.checked_sub(size).ok_or_else(|| too_large(limit))?;
        }
        Ok(())
    }

    /// Every file that goes in, by where it goes.
    fn files(&self) -> Result<BTreeMap<String, Source>, Error> {
        let mut files = BTreeMap::new();
        let program = match &self.executable {
            Executable::File(path) => {
                crate::executable::check(path)?;
                Some(Input {
                    source: Source::File(path.clone()),
                    destination: file_name(path)?,
                })
            }
            Executable::Vambrace | Executable::Inside(_) => None,
        };
        for input in self.inputs.iter().chain(&program) {
            let destination = resolve(&input.destination)?;
            if files
                .insert(destination.clone(), input.source.clone())
                .is_some()
            {
                return Err(Error::Job(format!(
                    "two files are to be put at {destination} inside"
                )));
            }
        }
        Ok(files)
    }
}

impl Executable {
    /// What the first word of a command line means: `vambrace` is the program itself; the
    /// destination of an input is a path inside; anything else is a file of this machine.
    #[must_use]
    pub fn named(word: &std::ffi::OsStr, inputs: &[Input]) -> Self {
        if word == "vambrace" {
            return Self::Vambrace;
        }
        match word.to_str() {
            Some(path)
                if inputs
                    .iter()
                    .any(|input| same_place(&input.destination, path)) =>
            {
                Self::Inside(path.to_owned())
            }
            _ => Self::File(PathBuf::from(word)),
        }
    }
}

impl Source {
    /// Adds the file to the archive and says how large it is, in bytes.
    fn add(
        &self,
        archive: &mut Archive<impl std::io::Write>,
        destination: &str,
    ) -> Result<u64, Error> {
        let mut content = self.open()?;
        archive
            .file(destination, content.mode, content.size, &mut content.reader)
            .map_err(|source| match self {
                Self::File(path) => file_error("copy into the initramfs", path)(source),
                Self::Bytes(_) => archive_error(source),
            })?;
        Ok(content.size)
    }

    fn open(&self) -> Result<Content<'_>, Error> {
        match self {
            Self::Bytes(bytes) => Ok(Content {
                size: bytes.len() as u64,
                mode: 0o644,
                reader: Box::new(&bytes[..]),
            }),
            Self::File(path) => {
                let file = File::open(path).map_err(file_error("open", path))?;
                let data = file.metadata().map_err(file_error("examine", path))?;
                if !data.is_file() {
                    return Err(Error::Job(format!("`{}` is not a file", path.display())));
                }
                let mode = data.permissions().mode();
                Ok(Content {
                    size: data.len(),
                    mode,
                    reader: Box::new(file),
                })
            }
        }
    }
}

/// An opened [`Source`].
struct Content<'a> {
    size: u64,
    mode: u32,
    reader: Box<dyn Read + 'a>,
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::File {
        action,
        path: path.to_owned(),
        source,
    }
}

/// The absolute path inside that `path` means.
pub(crate) fn resolve(path: &str) -> Result<String, Error> {
    let refuse = |reason: &str| Err(Error::Job(format!("`{path}` {reason}")));
    let mut absolute = match path.strip_prefix('/') {
        Some(_) => String::new(),
        None => DIRECTORY.to_owned(),
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return refuse("is no path inside a lab host: it must not contain `..`"),
            part if part.contains('\0') => return refuse("is no path: it contains a zero byte"),
            part => {
                absolute.push('/');
                absolute.push_str(part);
            }
        }
    }
    if path.is_empty() || path.ends_with('/') || ["", DIRECTORY].contains(&absolute.as_str()) {
        return refuse("names no file inside a lab host");
    }
    let first = absolute[1..].split('/').next().unwrap_or_default();
    if TAKEN.contains(&first) || absolute == "/bin/vambrace" {
        return refuse("is a path inside a lab host that its init needs itself");
    }
    Ok(absolute)
}

fn same_place(a: &str, b: &str) -> bool {
    matches!((resolve(a), resolve(b)), (Ok(a), Ok(b)) if a == b)
}

fn file_name(path: &Path) -> Result<String, Error> {
    path.file_name()
        .and_then(|name| name.to_str())
        .map(str::to_owned)
        .ok_or_else(|| {
            Error::Job(format!(
                "`{}` has no file name that can be used inside",
                path.display()
            ))
        })
}

/// Linux takes no zero byte in any of these, and a frame has a limit.
fn check_start(start: &Start) -> Result<(), Error> {
    let pairs = start.environment.iter();
    if pairs
        .clone()
        .any(|(name, _)| name.is_empty() || name.contains(&b'='))
    {
        return Err(Error::Job(
            "a variable's name is empty or contains `=`".into(),
        ));
    }
    let texts = start
        .arguments
        .iter()
        .chain(pairs.flat_map(|(name, value)| [name, value]));
    if texts.into_iter().any(|text| text.contains(&0)) {
        return Err(Error::Job(
            "an argument or a variable contains a zero byte".into(),
        ));
    }
    let mut encoded = Vec::new();
    start.encode(&mut encoded);
    if encoded.len() > crate::frame::MAX_PAYLOAD {
        return Err(Error::Job(
            "the command line and its variables exceed 1 MiB together".into(),
        ));
    }
    Ok(())
}

fn too_large(limit: u64) -> Error {
    Error::Job(format!(
        "the files that go inside exceed {} MiB together, a third of the host's memory",
        limit >> 20
    ))
}

pub(crate) fn archive_error(source: std::io::Error) -> Error {
    Error::System {
        action: "write the initramfs",
        source,
    }
}

/// What init is, loads, or mounts over.
const TAKEN: [&str; 5] = ["init", "modules", "dev", "proc", "sys"];

#[cfg(test)]
mod tests {
    use super::*;

    fn input(destination: &str) -> Input {
        Input {
            source: Source::Bytes(b"x".to_vec()),
            destination: destination.into(),
        }
    }

    fn job(inputs: Vec<Input>) -> Job {
        Job {
            inputs,
            ..Job::new(Executable::Vambrace, vec!["host".into()])
        }
    }

    fn archive(job: &Job, limit: u64) -> Result<String, Error> {
        let mut archive = Archive::new(Vec::new());
        job.write_files(&mut archive, limit)?;
        Ok(String::from_utf8(archive.finish().unwrap()).unwrap())
    }

    #[test]
    fn relative_paths_are_in_the_working_directory() {
        assert_eq!(resolve("a").unwrap(), "/lab/a");
        assert_eq!(resolve("./a//b").unwrap(), "/lab/a/b");
        assert_eq!(resolve("/etc/a").unwrap(), "/etc/a");
    }

    #[test]
    fn paths_that_leave_hide_or_name_nothing_are_refused() {
        for path in [
            "",
            "/",
            ".",
            "a/",
            "../a",
            "/a/../b",
            "/init",
            "/dev/kvm",
            "proc/../x",
            "a\0",
        ] {
            assert!(resolve(path).is_err(), "{path:?}");
        }
        assert!(resolve("/sys/x").is_err() && resolve("/bin/vambrace").is_err());
    }

    #[test]
    fn vambrace_is_the_program_itself() {
        let start = job(vec![]).start().unwrap();
        assert_eq!(start.arguments, [b"vambrace".to_vec(), b"host".to_vec()]);
    }

    #[test]
    fn a_command_that_was_put_inside_is_not_looked_for_outside() {
        let inputs = [input("/bin/busybox")];
        assert_eq!(
            Executable::named("/bin/busybox".as_ref(), &inputs),
            Executable::Inside("/bin/busybox".into())
        );
        assert_eq!(
            Executable::named("vambrace".as_ref(), &[]),
            Executable::Vambrace
        );
        assert_eq!(
            Executable::named("./vambrace".as_ref(), &[]),
            Executable::File("./vambrace".into())
        );
    }

    #[test]
    fn files_are_written_where_they_are_wanted() {
        let text = archive(&job(vec![input("a/b"), input("/etc/c")]), 100).unwrap();
        assert!(text.contains("lab/a/b\0") && text.contains("etc/c\0"));
    }

    #[test]
    fn two_files_for_one_place_are_refused() {
        let error = archive(&job(vec![input("a"), input("/lab/a")]), 100).unwrap_err();
        assert_eq!(
            error.to_string(),
            "two files are to be put at /lab/a inside"
        );
    }

    #[test]
    fn files_beyond_the_limit_are_refused() {
        let error = archive(&job(vec![input("a"), input("b")]), 1).unwrap_err();
        assert!(error.to_string().contains("a third of the host's memory"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let source = Source::File("/nowhere/at/all".into());
        let error = archive(
            &job(vec![Input {
                source,
                destination: "a".into(),
            }]),
            1,
        )
        .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot open `/nowhere/at/all`: "),
            "{error}"
        );
    }

    #[test]
    fn a_check_finds_what_a_run_would() {
        assert!(job(vec![input("a")]).check().is_ok());
        assert!(job(vec![input("../a")]).check().is_err());
        let source = Source::File("/nowhere/at/all".into());
        assert!(
            job(vec![Input {
                source,
                destination: "a".into()
            }])
            .check()
            .is_err()
        );
        assert!(
            Job::new(Executable::File("/nowhere/at/all".into()), vec![])
                .check()
                .is_err()
        );
    }

    #[test]
    fn a_directory_is_no_file() {
        let source = Source::File("/".into());
        let error = archive(
            &job(vec![Input {
                source,
                destination: "a".into(),
            }]),
            1,
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "`/` is not a file");
    }

    #[test]
    fn variables_need_a_name_without_an_equals_sign() {
        for name in ["", "A=B"] {
            let mut job = job(vec![]);
            job.environment.push((name.into(), "v".into()));
            assert!(job.start().is_err());
        }
    }

    #[test]
    fn a_command_line_beyond_one_frame_is_refused() {
        let mut job = job(vec![]);
        job.arguments.push("x".repeat(1 << 20).into());
        assert!(
            job.start()
                .unwrap_err()
                .to_string()
                .contains("exceed 1 MiB")
        );
    }
}
