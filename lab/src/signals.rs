//! Signals for the one command of a lab host, on a way of their own.
//!
//! They do not travel with the command's input: a command that does not read keeps that waiting,
//! and is just the one that is to be ended. The way is a second virtio-serial port, on which each
//! byte is a signal's number.

use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// Sends signals to a command in a lab host; what is sent before it runs waits for it. Clones have
/// the same one.
#[derive(Debug, Clone)]
pub struct Signals(Arc<UnixStream>);

/// The end that a [`Job`](crate::Job) has.
#[derive(Debug, Clone)]
pub struct SignalsEnd(Arc<OwnedFd>);

impl Signals {
    /// Both ends of the way.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new() -> io::Result<(Self, SignalsEnd)> {
        let (ours, theirs) = UnixStream::pair()?;
        // More than fits in between is more than anybody means to send.
        ours.set_nonblocking(true)?;
        Ok((Self(Arc::new(ours)), SignalsEnd(Arc::new(theirs.into()))))
    }

    /// Sends the signal with this number.
    pub fn send(&self, number: u8) {
        // A host that is gone has ended its command.
        let _ = (&*self.0).write_all(&[number]);
    }
}

impl AsFd for SignalsEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_signal_is_a_byte_that_waits_for_its_reader() {
        let (signals, end) = Signals::new().unwrap();
        signals.send(15);
        signals.clone().send(10);
        let mut reader = UnixStream::from(end.as_fd().try_clone_to_owned().unwrap());
        let mut bytes = [0; 2];
        reader.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, [15, 10]);
    }

    #[test]
    fn nobody_waits_for_a_reader_that_never_comes() {
        let (signals, end) = Signals::new().unwrap();
        (0..1_000_000).for_each(|_| signals.send(15));
        drop(end);
        signals.send(15);
    }
}
