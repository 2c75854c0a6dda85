//! What a KiB costs on a disk and through a connection, counted by a guest and by its host.
//!
//! A count is a line `bench: KIND KIB NANOSECONDS`. In a lab host whose clock counts instructions a nanosecond is
//! one, in the guest as well: what is counted is all that is done meanwhile, by whomever.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Instant;

use rustix::fs::OFlags;

use super::{BLOCK, Side, block};

/// Writes so many MiB until the disk has them, and reads them back. A guest goes past its page cache: what it
/// asks for is asked of the disk. A host's file is in memory and nowhere else.
///
/// # Errors
/// In words, what failed.
pub fn disk(side: Side, path: &str, mib: u64) -> Result<(), String> {
    disk_at(side, Path::new(path), mib).map_err(|error| format!("{path}: {error}"))
}

fn disk_at(side: Side, path: &Path, mib: u64) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match side {
        Side::Guest => options.custom_flags(OFlags::DIRECT.bits().cast_signed()),
        Side::Host => options.create(true),
    };
    let mut disk = options.open(path)?;
    let mut bytes = vec![0; BLOCK + PAGE];
    // Past the page cache go whole pages alone.
    let begin = bytes.as_ptr().align_offset(PAGE);
    let bytes = &mut bytes[begin..begin + BLOCK];
    bytes.copy_from_slice(&block(0));

    let begun = Instant::now();
    (0..mib).try_for_each(|_| disk.write_all(bytes))?;
    disk.sync_all()?;
    say(side, "disk-write", mib, begun);
    disk.rewind()?;
    let begun = Instant::now();
    (0..mib).try_for_each(|_| disk.read_exact(bytes))?;
    say(side, "disk-read", mib, begun);
    match bytes == block(0) {
        true => Ok(()),
        false => Err(io::Error::other("what was read is not what was written")),
    }
}

/// Sends so many MiB, until the other end has them; `kind` is what is said of it.
///
/// # Errors
/// In words, what failed.
pub fn send(side: Side, kind: &str, mut stream: impl Read + Write, mib: u64) -> Result<(), String> {
    let bytes = block(0);
    let begun = Instant::now();
    let sent = (0..mib)
        .try_for_each(|_| stream.write_all(&bytes))
        .and_then(|()| stream.read_exact(&mut [0]));
    sent.map_err(|error| format!("send {mib} MiB: {error}"))?;
    say(side, kind, mib, begun);
    Ok(())
}

/// The other end of [`send`].
///
/// # Errors
/// In words, what failed.
pub fn receive(mut stream: impl Read + Write, mib: u64) -> Result<(), String> {
    let mut bytes = vec![0; BLOCK];
    let received = (0..mib)
        .try_for_each(|_| stream.read_exact(&mut bytes))
        .and_then(|()| stream.write_all(&[1]));
    received.map_err(|error| format!("receive {mib} MiB: {error}"))
}

fn say(side: Side, kind: &str, mib: u64, begun: Instant) {
    let who = match side {
        Side::Guest => "guest",
        Side::Host => "host",
    };
    let nanoseconds = begun.elapsed().as_nanos();
    println!("bench: {who}:{kind} {} {nanoseconds}", mib << 10);
}

const PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        let path = path.to_str().unwrap();
        assert_eq!(disk(Side::Host, path, 2), Ok(()));
        assert_eq!(std::fs::metadata(path).unwrap().len(), 2 << 20);
        assert!(disk(Side::Host, "/no/such/disk", 1).is_err());
    }

    #[test]
    fn a_sender_waits_until_all_is_there() {
        let (one, other) = UnixStream::pair().unwrap();
        let there = thread::spawn(move || receive(&other, 2));
        assert_eq!(send(Side::Host, "stream", &one, 2), Ok(()));
        assert_eq!(there.join().unwrap(), Ok(()));
    }

    #[test]
    fn a_receiver_that_goes_early_is_an_error() {
        let (one, other) = UnixStream::pair().unwrap();
        let there = thread::spawn(move || receive(&other, 1));
        assert!(send(Side::Host, "stream", &one, 3).is_err());
        assert_eq!(there.join().unwrap(), Ok(()));
    }
}
