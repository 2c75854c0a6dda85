//! A descriptor that wakes an I/O thread of the machine's: rung by the kernel, or by ourselves.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io;

/// A bell of one device. Clones are the same bell.
#[derive(Debug, Clone)]
pub struct Doorbell(Arc<OwnedFd>);

impl Doorbell {
    /// A bell that nobody has rung.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self(Arc::new(eventfd(0, flags)?)))
    }

    /// Rings it. Many rings before anybody comes are one.
    pub fn ring(&self) {
        // It fails only where the counter is at its end. Nobody reads the bells of devices, whose
        // counters only grow: that end is 2^64 - 1 rings away.
        let _ = io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Has it been rung since it was last asked?
    pub fn take(&self) -> bool {
        io::read(&*self.0, &mut [0; 8]).is_ok()
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_before_anybody_comes_are_one() {
        let bell = Doorbell::new().unwrap();
        assert!(!bell.take());
        for _ in 0..3 {
            bell.clone().ring();
        }
        assert!(bell.take());
        assert!(!bell.take());
    }
}
