//! The end of a machine: whoever decides it first, everybody hears it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vambrace_core::SystemEvent;

use super::{Crash, Error};
use crate::sys::Kick;

/// Why a machine stopped, be it for ever or to boot again.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The guest asked for it.
    Event(SystemEvent),
    /// The guest did what no machine can carry out.
    Crashed(Crash),
    /// Its time was up.
    TimeLimit,
    /// Something of ours or of the host's failed.
    Failed(Error),
}

/// What a machine's threads share to end together.
#[derive(Debug)]
pub(crate) struct Control<K> {
    kickers: Vec<K>,
    stopped: AtomicBool,
    stop: Mutex<Option<Stop>>,
    changed: Condvar,
}

impl<K: Kick> Control<K> {
    /// A machine that runs, with the handles to kick each of its vCPUs.
    pub(crate) fn new(kickers: Vec<K>) -> Self {
        Self {
            kickers,
            stopped: AtomicBool::new(false),
            stop: Mutex::new(None),
            changed: Condvar::new(),
        }
    }

    /// Ends the machine; only the first reason counts. The state changes before the kicks, as
    /// [`Kick`] wants it.
    pub(crate) fn stop(&self, reason: Stop) {
        {
            let mut stop = self.lock();
            stop.get_or_insert(reason);
            self.stopped.store(true, Ordering::SeqCst);
        }
        for kicker in &self.kickers {
            kicker.kick();
        }
        self.changed.notify_all();
    }

    /// Has the machine ended?
    pub(crate) fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Waits until the machine ends; ends it itself if that takes longer than `limit`.
    pub(crate) fn wait(&self, limit: Option<Duration>) {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut stop = self.lock();
        while stop.is_none() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            stop = match left {
                None => self.changed.wait(stop).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    drop(stop);
                    return self.stop(Stop::TimeLimit);
                }
                Some(left) => {
                    self.changed
                        .wait_timeout(stop, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    /// Why the machine ended, after [`wait`](Control::wait).
    pub(crate) fn into_reason(self) -> Stop {
        let stop = self.stop.into_inner().unwrap_or_else(PoisonError::into_inner);
        stop.expect("the wait ends once there is a reason")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Stop>> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
