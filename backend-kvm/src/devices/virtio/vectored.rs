//! Reads and writes between files and guest memory, without a copy on our side.
//!
//! The kernel moves the bytes: it may find them changed meanwhile, as it would with any buffer
//! shared between processes, and no reference to them exists here.

#![expect(
    unsafe_code,
    reason = "the kernel is given addresses of guest memory, which no slice may refer to"
)]

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_void, iovec, off_t};

use super::Buffers;

/// Reads once from `offset` on into as many of the buffers as there are bytes (preadv).
///
/// # Errors
/// What the kernel says.
pub(super) fn read_at(fd: BorrowedFd<'_>, into: &Buffers<'_>, offset: u64) -> io::Result<usize> {
    let vectors = vectors(into);
    let (count, offset) = (count(&vectors), position(offset)?);
    // SAFETY: `vectors` names pieces of guest memory, which stays mapped for as long as `into` is
    // borrowed and whose bytes may be changed by anybody at any time.
    let read = unsafe { libc::preadv(fd.as_raw_fd(), vectors.as_ptr(), count, offset) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}

/// Writes once from `offset` on what the buffers hold (pwritev).
///
/// # Errors
/// What the kernel says.
pub(super) fn write_at(fd: BorrowedFd<'_>, from: &Buffers<'_>, offset: u64) -> io::Result<usize> {
    let vectors = vectors(from);
    let (count, offset) = (count(&vectors), position(offset)?);
    // SAFETY: as in `read_at`; the kernel only reads.
    let written = unsafe { libc::pwritev(fd.as_raw_fd(), vectors.as_ptr(), count, offset) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

fn vectors(buffers: &Buffers<'_>) -> Vec<iovec> {
    let pieces = buffers.pieces().map(|piece| iovec {
        iov_base: piece.ptr_guard_mut().as_ptr().cast::<c_void>(),
        iov_len: piece.len(),
    });
    pieces.take(MOST).collect()
}

fn count(vectors: &[iovec]) -> c_int {
    c_int::try_from(vectors.len()).unwrap_or(c_int::MAX)
}

fn position(offset: u64) -> io::Result<off_t> {
    off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// UIO_MAXIOV: what lies beyond is for the next call.
const MOST: usize = 1024;
