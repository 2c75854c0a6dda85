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
    /// Somebody outside asked for it.
    Outside,
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
    /// How many vCPU threads have not come to their end.
    living: Mutex<usize>,
    gone: Condvar,
}

/// A vCPU's thread, from before it starts until it has ended, be it by a panic.
#[derive(Debug)]
pub(crate) struct Living<'a, K>(&'a Control<K>);

impl<K: Kick> Control<K> {
    /// A machine that runs, with the handles to kick each of its vCPUs.
    pub(crate) fn new(kickers: Vec<K>) -> Self {
        Self {
            kickers,
            stopped: AtomicBool::new(false),
            stop: Mutex::new(None),
            changed: Condvar::new(),
            living: Mutex::new(0),
            gone: Condvar::new(),
        }
    }

    /// Counts one more vCPU thread, for as long as it lives.
    pub(crate) fn live(&self) -> Living<'_, K> {
        *self.living() += 1;
        Living(self)
    }

    /// Ends the machine; only the first reason counts.
    pub(crate) fn stop(&self, reason: Stop) {
        self.lock().get_or_insert(reason);
        self.abandon();
    }

    /// Ends the machine without a reason: a thread of it panics, and the panic goes on where its
    /// threads are joined. The state changes before the kicks, as [`Kick`] wants it.
    pub(crate) fn abandon(&self) {
        {
            // Under the lock, so that nobody is between looking and waiting.
            let _stop = self.lock();
            self.stopped.store(true, Ordering::SeqCst);
        }
        self.kick_all();
        self.changed.notify_all();
    }

    /// Gets every vCPU out of the guest, to look at what has changed before.
    pub(crate) fn kick_all(&self) {
        for kicker in &self.kickers {
            kicker.kick();
        }
    }

    /// Has the machine ended?
    pub(crate) fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Waits until the machine ends; ends it itself if that takes longer than `limit`.
    pub(crate) fn wait(&self, limit: Option<Duration>) {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut stop = self.lock();
        while !self.has_stopped() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            stop = match left {
                None => self
                    .changed
                    .wait(stop)
                    .unwrap_or_else(PoisonError::into_inner),
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

    /// Waits, after [`wait`](Control::wait), until every vCPU thread has ended. One kick is enough
    /// for each; more do no harm, and a machine must not hang on one that a kernel has lost.
    pub(crate) fn wait_for_threads(&self) {
        let mut living = self.living();
        while *living != 0 {
            let (still, waited) = self
                .gone
                .wait_timeout(living, KICK_AGAIN)
                .unwrap_or_else(PoisonError::into_inner);
            living = still;
            if waited.timed_out() {
                drop(living);
                self.kick_all();
                living = self.living();
            }
        }
    }

    /// Why the machine ended, after [`wait`](Control::wait). It is told once.
    pub(crate) fn take_reason(&self) -> Stop {
        let stop = self.lock().take();
        stop.expect("a machine that ended without a panic has a reason")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Stop>> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Control<K> {
    fn living(&self) -> MutexGuard<'_, usize> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Drop for Living<'_, K> {
    fn drop(&mut self) {
        *self.0.living() -= 1;
        self.0.gone.notify_all();
    }
}

/// How long a vCPU that was kicked may take to leave before it is kicked again.
const KICK_AGAIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use vambrace_core::psci::Reset;

    use super::*;

    /// Counts kicks.
    #[derive(Debug, Clone, Default)]
    struct Counted(Arc<AtomicUsize>);

    impl Kick for Counted {
        fn kick(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn of_two() -> (Control<Counted>, Counted) {
        let counted = Counted::default();
        (
            Control::new(vec![counted.clone(), counted.clone()]),
            counted,
        )
    }

    #[test]
    fn an_end_kicks_every_vcpu() {
        let (control, counted) = of_two();
        assert!(!control.has_stopped());
        control.stop(Stop::TimeLimit);
        assert!(control.has_stopped());
        assert_eq!(counted.0.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn the_first_reason_counts() {
        let (control, _) = of_two();
        control.stop(Stop::Event(SystemEvent::Off));
        control.stop(Stop::Event(SystemEvent::Reset(Reset::Cold)));
        control.wait(Some(Duration::ZERO));
        assert!(matches!(
            control.take_reason(),
            Stop::Event(SystemEvent::Off)
        ));
    }

    #[test]
    fn the_wait_ends_with_the_machine() {
        let (control, _) = of_two();
        thread::scope(|scope| {
            scope.spawn(|| control.stop(Stop::Event(SystemEvent::Off)));
            control.wait(None);
        });
        assert!(matches!(
            control.take_reason(),
            Stop::Event(SystemEvent::Off)
        ));
    }

    #[test]
    fn the_wait_ends_the_machine_when_its_time_is_up() {
        let (control, counted) = of_two();
        control.wait(Some(Duration::from_millis(1)));
        assert_eq!(counted.0.load(Ordering::SeqCst), 2);
        assert!(matches!(control.take_reason(), Stop::TimeLimit));
    }

    #[test]
    fn a_time_limit_beyond_the_clock_is_none() {
        let (control, _) = of_two();
        control.stop(Stop::TimeLimit);
        control.wait(Some(Duration::MAX));
    }

    #[test]
    fn vcpus_are_kicked_until_the_last_of_their_threads_has_ended() {
        let (control, counted) = of_two();
        control.stop(Stop::TimeLimit);
        let living = control.live();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _living = living;
                // Deaf to the first two kicks.
                while counted.0.load(Ordering::SeqCst) < 6 {
                    thread::yield_now();
                }
            });
            control.wait_for_threads();
        });
        assert!(counted.0.load(Ordering::SeqCst) >= 6);
    }

    #[test]
    fn threads_that_have_ended_are_not_waited_for() {
        let (control, counted) = of_two();
        drop(control.live());
        control.wait_for_threads();
        assert_eq!(counted.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn an_abandoned_machine_ends_without_a_reason() {
        let (control, counted) = of_two();
        control.abandon();
        control.wait(None);
        assert_eq!(counted.0.load(Ordering::SeqCst), 2);
    }
}
