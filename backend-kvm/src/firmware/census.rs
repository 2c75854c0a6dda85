//! Are all other vCPUs off? Asked of vCPUs whose state only KVM knows.
//!
//! A vCPU that executes can turn others on and itself off behind the back of whoever looks at one
//! after the other. So nobody is looked at before everybody has left the guest: the census is
//! called, every vCPU is kicked and arrives here on its own thread, and only when all have arrived
//! each tells its own state and goes on. What they tell was true at one instant.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::sys::{self, MpState};

/// Counts which vCPUs of a machine are on.
#[derive(Debug)]
pub(super) struct Census {
    vcpus: usize,
    round: Mutex<Option<Round>>,
    changed: Condvar,
}

/// A census under way.
#[derive(Debug)]
struct Round {
    caller: usize,
    arrived: Vec<bool>,
    told: Vec<bool>,
    others: Others,
}

/// What a census says of the vCPUs other than its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// None executes, nor can any start.
    AllOff,
    /// One was on when all had left the guest.
    SomeOn,
}

/// A census is under way: its caller is on, as is whoever asked for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnderWay;

/// What a vCPU that attended goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attended {
    /// Nothing was asked, or another vCPU did.
    ForOthers,
    /// Its own census is complete.
    AsCaller(Others),
    /// The machine ended meanwhile.
    Ended,
}

impl Census {
    /// For a machine of this many vCPUs.
    pub(super) const fn new(vcpus: usize) -> Self {
        Self {
            vcpus,
            round: Mutex::new(None),
            changed: Condvar::new(),
        }
    }

    /// Calls a census for vCPU `caller`. Every vCPU, the caller too, has to be kicked next.
    pub(super) fn call(&self, caller: usize) -> Result<(), UnderWay> {
        let mut round = self.lock();
        if round.is_some() {
            return Err(UnderWay);
        }
        *round = Some(Round {
            caller,
            arrived: vec![false; self.vcpus],
            told: vec![false; self.vcpus],
            others: Others::AllOff,
        });
        Ok(())
    }

    /// vCPU `index` is out of the guest: takes part in the census under way, if it has not yet.
    /// Fails as `state`, which asks KVM for the vCPU's state, does.
    pub(super) fn attend(
        &self,
        index: usize,
        ended: impl Fn() -> bool,
        state: impl FnOnce() -> sys::Result<MpState>,
    ) -> sys::Result<Attended> {
        let mut round = self.lock();
        match round.as_mut() {
            None => return Ok(Attended::ForOthers),
            Some(round) if round.told[index] => return Ok(Attended::ForOthers),
            Some(round) => round.arrived[index] = true,
        }
        let Some(mut round) = self.wait(round, &ended, |round| &round.arrived) else {
            return Ok(Attended::Ended);
        };
        let state = state()?;
        let Some(under_way) = round.as_mut() else {
            return Ok(Attended::Ended);
        };
        under_way.told[index] = true;
        if under_way.caller != index {
            if state != MpState::Stopped {
                under_way.others = Others::SomeOn;
            }
            self.changed.notify_all();
            return Ok(Attended::ForOthers);
        }
        match self.wait(round, &ended, |round| &round.told) {
            Some(mut round) => Ok(round
                .take()
                .map_or(Attended::Ended, |round| Attended::AsCaller(round.others))),
            None => Ok(Attended::Ended),
        }
    }

    /// Lets everybody look whether the machine has ended.
    pub(super) fn wake_all(&self) {
        // Under the lock, so that nobody is between asking and waiting.
        let _round = self.lock();
        self.changed.notify_all();
    }

    /// Forgets a census that the machine's end interrupted.
    pub(super) fn reset(&mut self) {
        *self.round.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Until every vCPU has done its part of the round under way; None if the machine ends first.
    fn wait<'a>(
        &'a self,
        mut guard: MutexGuard<'a, Option<Round>>,
        ended: impl Fn() -> bool,
        parts: impl Fn(&Round) -> &[bool],
    ) -> Option<MutexGuard<'a, Option<Round>>> {
        self.changed.notify_all();
        loop {
            if ended() {
                return None;
            }
            if parts(guard.as_ref()?).iter().all(|done| *done) {
                return Some(guard);
            }
            guard = self
                .changed
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Round>> {
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    /// What vCPU 0 hears of others in these states.
    fn taken(others: &[MpState]) -> Attended {
        let census = Census::new(others.len() + 1);
        census.call(0).unwrap();
        thread::scope(|scope| {
            for (index, state) in (1..).zip(others) {
                let census = &census;
                scope.spawn(move || {
                    let attended = census.attend(index, || false, || Ok(*state));
                    assert_eq!(attended, Ok(Attended::ForOthers));
                });
            }
            census
                .attend(0, || false, || Ok(MpState::Runnable))
                .unwrap()
        })
    }

    #[test]
    fn a_caller_alone_finds_all_others_off() {
        assert_eq!(taken(&[]), Attended::AsCaller(Others::AllOff));
    }

    #[test]
    fn others_that_are_all_stopped_are_off() {
        let off = [MpState::Stopped; 3];
        assert_eq!(taken(&off), Attended::AsCaller(Others::AllOff));
    }

    #[test]
    fn one_that_executes_or_is_suspended_is_on() {
        for on in [MpState::Runnable, MpState::Suspended] {
            let others = [MpState::Stopped, on, MpState::Stopped];
            assert_eq!(taken(&others), Attended::AsCaller(Others::SomeOn));
        }
    }

    #[test]
    fn nobody_is_asked_before_all_have_arrived() {
        let census = Census::new(2);
        census.call(0).unwrap();
        let arrived = AtomicBool::new(false);
        thread::scope(|scope| {
            let caller = scope.spawn(|| {
                let state = || {
                    assert!(arrived.load(Ordering::SeqCst));
                    Ok(MpState::Runnable)
                };
                census.attend(0, || false, state)
            });
            let caller_arrived = || census.lock().as_ref().is_some_and(|round| round.arrived[0]);
            while !caller_arrived() {
                thread::yield_now();
            }
            arrived.store(true, Ordering::SeqCst);
            census.attend(1, || false, || Ok(MpState::Stopped)).unwrap();
            let heard = caller.join().unwrap();
            assert_eq!(heard, Ok(Attended::AsCaller(Others::AllOff)));
        });
    }

    #[test]
    fn whoever_calls_during_a_census_hears_of_it() {
        let census = Census::new(2);
        census.call(0).unwrap();
        assert_eq!(census.call(1), Err(UnderWay));
    }

    #[test]
    fn a_census_that_is_complete_makes_room_for_the_next() {
        let census = Census::new(1);
        for _ in 0..2 {
            census.call(0).unwrap();
            let attended = census.attend(0, || false, || Ok(MpState::Runnable));
            assert_eq!(attended, Ok(Attended::AsCaller(Others::AllOff)));
        }
    }

    #[test]
    fn without_a_census_nobody_is_asked() {
        let never = || -> sys::Result<MpState> { panic!("asked") };
        let attended = Census::new(2).attend(1, || false, never);
        assert_eq!(attended, Ok(Attended::ForOthers));
    }

    #[test]
    fn the_end_of_the_machine_ends_the_wait_and_a_reset_forgets_the_census() {
        let mut census = Census::new(2);
        census.call(0).unwrap();
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            let caller = scope.spawn(|| {
                let ended = || ended.load(Ordering::SeqCst);
                census.attend(0, ended, || Ok(MpState::Runnable))
            });
            ended.store(true, Ordering::SeqCst);
            census.wake_all();
            assert_eq!(caller.join().unwrap(), Ok(Attended::Ended));
        });
        census.reset();
        assert_eq!(census.call(1), Ok(()));
    }
}
