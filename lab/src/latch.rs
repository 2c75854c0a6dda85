//! Events that threads wait for together with file descriptors.
//!
//! A latch is an eventfd that is set once and never read, so it stays readable for every waiter.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// Ends a run from another thread: its host is stopped at once.
#[derive(Debug, Clone)]
pub struct Cancel(Latch);

impl Cancel {
    /// A handle that can be cloned and given to the threads that may cancel.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        Latch::new().map(Self)
    }

    /// Ends every run that was started with this handle, those to come included.
    pub fn cancel(&self) {
        self.0.set();
    }

    /// Whether [`Cancel::cancel`] was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_set()
    }

    pub(crate) fn latch(&self) -> &Latch {
        &self.0
    }
}

/// Something that happens once.
#[derive(Debug, Clone)]
pub(crate) struct Latch(Arc<OwnedFd>);

impl Latch {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?)))
    }

    pub(crate) fn set(&self) {
        // The only failure is a counter at its limit, which is set as well.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    pub(crate) fn is_set(&self) -> bool {
        wait_readable(&[self.as_fd()], Some(Instant::now())).is_ok_and(|ready| ready == Some(0))
    }
}

impl AsFd for Latch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits until one of `sources` is readable or ended, and says which, the first if several are;
/// `None` when `deadline` has passed.
pub(crate) fn wait_readable(
    sources: &[BorrowedFd<'_>],
    deadline: Option<Instant>,
) -> io::Result<Option<usize>> {
    let mut entries: Vec<PollFd<'_>> = sources
        .iter()
        .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
        .collect();
    loop {
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        match poll(&mut entries, timeout.as_ref()) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(entries.iter().position(|entry| !entry.revents().is_empty())),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_set_latch_stays_set_for_every_waiter() {
        let (latch, other) = (Latch::new().unwrap(), Latch::new().unwrap());
        assert!(!latch.is_set());
        latch.clone().set();
        latch.set();
        assert!(latch.is_set() && latch.is_set());
        assert_eq!(
            wait_readable(&[other.as_fd(), latch.as_fd()], None).unwrap(),
            Some(1)
        );
    }

    #[test]
    fn a_deadline_that_has_passed_ends_the_wait() {
        let latch = Latch::new().unwrap();
        let soon = Instant::now() + Duration::from_millis(1);
        assert_eq!(wait_readable(&[latch.as_fd()], Some(soon)).unwrap(), None);
    }
}
