//! The host's ends of devices that lead to its programs: Unix sockets, and a look at many at once.
//!
//! A socket's file is made with it, and removed by whoever made it. One that exists is somebody
//! else's, perhaps another machine's: it is refused, not replaced.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use log::warn;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, connect, socket_with,
};

/// A socket in the file system that programs of the host's connect to.
#[derive(Debug)]
pub struct HostSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Somebody may have connected since the last look.
    callers: bool,
    /// That callers cannot be heard was told.
    reported: bool,
}

/// A socket's file, which goes when this does. A device may outlive its machine's end by as long as
/// some thread knows of it; the file need not.
#[derive(Debug)]
#[must_use = "the file is removed when this is dropped"]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode: what lies at the path later may be another's.
    identity: (u64, u64),
}

/// Why there is no such socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Something lies there.
    #[error(
        "cannot make the socket `{}`: it exists; name another, or remove it if no running machine \
         uses it", .0.display()
    )]
    Exists(PathBuf),
    /// The host refuses.
    #[error("cannot make the socket `{}`: {source}", path.display())]
    Bind {
        /// Where.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
}

impl HostSocket {
    /// Makes a socket at `path`, to which those may connect who may write to the file.
    ///
    /// # Errors
    /// [`SocketError`].
    pub fn bind(path: &Path) -> Result<(Self, SocketFile), SocketError> {
        let failed = |source| SocketError::Bind {
            path: path.into(),
            source,
        };
        let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => SocketError::Exists(path.into()),
            _ => failed(error),
        })?;
        let metadata = fs::symlink_metadata(path).map_err(failed)?;
        let file = SocketFile {
            path: path.into(),
            identity: (metadata.dev(), metadata.ino()),
        };
        listener.set_nonblocking(true).map_err(failed)?;
        let socket = Self {
            listener,
            path: path.into(),
            callers: true,
            reported: false,
        };
        Ok((socket, file))
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Somebody may have connected.
    pub(super) fn wake(&mut self) {
        self.callers = true;
    }

    /// Is [`accept`](Self::accept) worth a try?
    pub(super) fn may_have_callers(&self) -> bool {
        self.callers
    }

    /// The next program that has connected, if it can be taken; neither of us waits for the other.
    pub(super) fn accept(&mut self) -> Option<UnixStream> {
        // In one call: the sandbox has none that makes a socket non-blocking later.
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let accepted = accept_with(&self.listener, flags);
        accepted
            .map_err(|errno| self.note(&errno.into()))
            .ok()
            .map(UnixStream::from)
    }

    fn note(&mut self, error: &io::Error) {
        self.callers = error.kind() == io::ErrorKind::Interrupted;
        if !self.callers
            && error.kind() != io::ErrorKind::WouldBlock
            && !std::mem::replace(&mut self.reported, true)
        {
            warn!(
                "cannot take who connects to `{}`: {error}; they wait, and this is not reported \
                 again",
                self.path.display()
            );
        }
    }
}

impl AsFd for HostSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl SocketFile {
    /// The folder that it lies in.
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let there = fs::symlink_metadata(&self.path);
        if there.is_ok_and(|there| (there.dev(), there.ino()) == self.identity) {
            // Whoever has moved it meanwhile keeps it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Connects to the program that listens at `path`, if it takes us at once.
///
/// # Errors
/// Nobody listens there, or so many wait already that we would too.
pub(super) fn connect_to(path: &Path) -> Result<UnixStream, Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

/// Several descriptors as one: it is readable when one of them has news.
pub(super) struct Watch(OwnedFd);

/// News of a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct News {
    /// The number it was added by.
    pub(super) number: u64,
    /// Its other end was closed, and not only for one direction.
    pub(super) closed: bool,
}

impl Watch {
    pub(super) fn new() -> Result<Self, Errno> {
        epoll::create(epoll::CreateFlags::CLOEXEC).map(Self)
    }

    /// Adds a descriptor, until it is closed: each time it gets something to read or room to
    /// write, that is news once.
    pub(super) fn add(&self, source: impl AsFd, number: u64) -> Result<(), Errno> {
        use epoll::EventFlags as Flags;
        let flags = Flags::IN | Flags::OUT | Flags::RDHUP | Flags::ET;
        epoll::add(&self.0, source, epoll::EventData::new_u64(number), flags)
    }

    /// The next news; fewer than [`NEWS`] are all there are.
    pub(super) fn look(&self) -> Vec<News> {
        let mut events = Vec::with_capacity(NEWS);
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // It fails only if a signal comes: what there is to see stays.
        let _ = epoll::wait(&self.0, spare_capacity(&mut events), Some(&at_once));
        let news = events.into_iter().map(|event| {
            let flags = event.flags;
            News {
                number: event.data.u64(),
                closed: flags.contains(epoll::EventFlags::HUP),
            }
        });
        news.collect()
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// How many news one look brings.
pub(super) const NEWS: usize = 64;

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn a_path_where_something_lies_is_refused_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        fs::write(&path, "mine").unwrap();
        let error = HostSocket::bind(&path).unwrap_err();
        assert!(matches!(&error, SocketError::Exists(there) if *there == path));
        assert!(error.to_string().contains("it exists"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn a_path_that_cannot_be_is_named() {
        for path in [Path::new("/nowhere/at/all"), Path::new(&"x".repeat(200))] {
            let error = HostSocket::bind(path).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
    }

    #[test]
    fn the_file_goes_when_its_owner_says_so_unless_it_is_anothers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (_socket, file) = HostSocket::bind(&path).unwrap();
        drop(file);
        assert!(!path.exists());
        let (_socket, file) = HostSocket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"another's");
    }

    #[test]
    fn news_come_once_and_tell_of_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let (mut socket, _file) = HostSocket::bind(&folder.path().join("socket")).unwrap();
        let watch = Watch::new().unwrap();
        watch.add(&socket, 7).unwrap();
        assert_eq!(watch.look(), []);
        let mut far = connect_to(socket.path()).unwrap();
        let news = |number, closed| vec![News { number, closed }];
        assert_eq!(watch.look(), news(7, false));
        assert_eq!(watch.look(), []);
        let mut near = socket.accept().unwrap();
        let waits = near.read(&mut [0]).unwrap_err();
        assert_eq!(waits.kind(), io::ErrorKind::WouldBlock);
        assert!(socket.may_have_callers());
        assert!(socket.accept().is_none());
        assert!(!socket.may_have_callers());
        watch.add(&near, 8).unwrap();
        assert_eq!(watch.look(), news(8, false));
        far.write_all(b"x").unwrap();
        assert_eq!(watch.look(), news(8, false));
        drop(far);
        assert_eq!(watch.look(), news(8, true));
        assert!(connect_to(Path::new("/nowhere/at/all")).is_err());
    }
}
