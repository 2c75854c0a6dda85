//! Keeps a disk's other users out, as far as they ask.
//!
//! Two locks are held for as long as the file is open:
//!
//! - flock(2) of the whole file, which vambrace's older releases, util-linux and systemd look at.
//! - Locks of the open file description on the bytes by which QEMU says what it does with an image:
//!   byte 100 + n that somebody does n, byte 200 + n that nobody else may. All of them are read
//!   locks; whoever wants to know asks whether a write lock would be refused. So a disk cannot be
//!   had here and there at the same time, unless both only read.
//!
//! Neither keeps out who does not look: mount(8), dd(1), another host that has the same storage.
//! Where the file system has no locks there is nobody to keep out, and the log says so.

#![expect(
    unsafe_code,
    reason = "locks of open file descriptions are made by fcntl alone"
)]

use std::ffi::c_int;
use std::fs::File;
use std::os::fd::AsRawFd;

use libc::{F_OFD_GETLK, F_OFD_SETLK, F_RDLCK, F_UNLCK, F_WRLCK, SEEK_SET, c_short, off_t};
use log::warn;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::Access;

/// Locks a file for somebody who reads, or reads and writes. EAGAIN if another has locked it.
///
/// # Errors
/// What the host says, but for a file system without locks.
pub(super) fn lock(file: &File, access: Access) -> Result<(), Errno> {
    let (how, held, free): (_, &[off_t], &[off_t]) = match access {
        Access::ReadWrite => (
            FlockOperation::NonBlockingLockExclusive,
            &[
                USES + READS,
                USES + WRITES,
                BARS + READS,
                BARS + WRITES,
                BARS + RESIZES,
            ],
            &[
                USES + READS,
                USES + WRITES,
                USES + RESIZES,
                BARS + READS,
                BARS + WRITES,
            ],
        ),
        Access::ReadOnly => (
            FlockOperation::NonBlockingLockShared,
            &[USES + READS, BARS + WRITES],
            &[USES + WRITES, BARS + READS],
        ),
    };
    let locked = flock(file, how).and_then(|()| {
        held.iter().try_for_each(|byte| hold(file, *byte))?;
        free.iter().try_for_each(|byte| check(file, *byte))
    });
    match locked {
        Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            warn!("a disk lies on a file system without locks: nobody else may write to it");
            Ok(())
        }
        Err(Errno::ACCESS) => Err(Errno::AGAIN),
        result => result,
    }
}

/// Says something of this file, by a byte, to all who look.
fn hold(file: &File, byte: off_t) -> Result<(), Errno> {
    fcntl(file, F_OFD_SETLK, F_RDLCK, byte).map(drop)
}

/// Has somebody else said it? EAGAIN if so.
fn check(file: &File, byte: off_t) -> Result<(), Errno> {
    match fcntl(file, F_OFD_GETLK, F_WRLCK, byte)? {
        F_UNLCK => Ok(()),
        _ => Err(Errno::AGAIN),
    }
}

/// Asks for a lock, or about it; the kind that is there then.
fn fcntl(file: &File, command: c_int, kind: c_int, byte: off_t) -> Result<c_int, Errno> {
    let narrow = |number: c_int| c_short::try_from(number).map_err(|_| Errno::INVAL);
    let mut lock = libc::flock {
        l_type: narrow(kind)?,
        l_whence: narrow(SEEK_SET)?,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: `lock` is a whole `struct flock` that the kernel reads and writes during the call.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) };
    match result {
        -1 => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
        _ => Ok(lock.l_type.into()),
    }
}

/// Somebody does it.
const USES: off_t = 100;
/// Nobody else may.
const BARS: off_t = 200;
/// Reading what stays as it is.
const READS: off_t = 0;
const WRITES: off_t = 1;
const RESIZES: off_t = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn twice() -> (File, File) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || {
            File::options()
                .read(true)
                .write(true)
                .open(file.path())
                .unwrap()
        };
        (open(), open())
    }

    /// What QEMU says of an image: bytes that it holds.
    fn says(file: &File, bytes: &[off_t]) {
        for byte in bytes {
            hold(file, *byte).unwrap();
        }
    }

    #[test]
    fn an_image_that_qemu_writes_is_nobody_elses() {
        for access in [Access::ReadWrite, Access::ReadOnly] {
            let (qemu, ours) = twice();
            says(&qemu, &[100, 101, 103, 201, 203]);
            assert_eq!(lock(&ours, access), Err(Errno::AGAIN), "{access:?}");
        }
    }

    #[test]
    fn an_image_that_qemu_reads_can_be_read_and_not_written() {
        let (qemu, ours) = twice();
        says(&qemu, &[100, 201]);
        assert_eq!(lock(&ours, Access::ReadOnly), Ok(()));
        assert_eq!(lock(&ours, Access::ReadWrite), Err(Errno::AGAIN));
    }

    #[test]
    fn qemu_finds_what_is_done_here() {
        let (ours, qemu) = twice();
        lock(&ours, Access::ReadOnly).unwrap();
        assert_eq!(check(&qemu, 101), Ok(()), "nobody writes");
        assert_eq!(check(&qemu, 201), Err(Errno::AGAIN), "nobody may write");
        let (ours, qemu) = twice();
        lock(&ours, Access::ReadWrite).unwrap();
        for byte in [100, 101, 200, 201, 203] {
            assert_eq!(check(&qemu, byte), Err(Errno::AGAIN), "{byte}");
        }
    }

    #[test]
    fn a_lock_ends_with_the_file() {
        let (one, other) = twice();
        lock(&one, Access::ReadWrite).unwrap();
        assert_eq!(lock(&other, Access::ReadOnly), Err(Errno::AGAIN));
        drop(one);
        assert_eq!(lock(&other, Access::ReadWrite), Ok(()));
    }
}
