//! A slot that threads share: accesses by vCPUs, turns by I/O threads.
//!
//! The slot's lock is held for as long as registers are read or written, never while a device
//! works. An access that needs what a turn works on waits at the gate, without the lock, for the
//! turn's end or the life's. Whoever has come to the gate during one turn is served before the next,
//! so that a device that always has something to do lets its driver through.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{Access, Cause, Driven, InterruptLines, MmioDevice, Slot};
use crate::memory::GuestMemory;

/// A slot behind its lock.
#[derive(Debug)]
pub struct Place<D: ?Sized> {
    gate: Mutex<Gate>,
    changed: Condvar,
    slot: Mutex<Slot<D>>,
}

/// Locked with the slot's lock held, or alone.
#[derive(Debug, Default)]
struct Gate {
    /// How many accesses wait for a turn to end, or have and are not made yet.
    waiting: u32,
    /// How many turns have ended.
    turns: u64,
    /// The machine's life is over: no access waits, and no turn begins.
    over: bool,
}

impl<D> Place<D> {
    pub(super) fn new(slot: Slot<D>) -> Self {
        Self {
            gate: Mutex::default(),
            changed: Condvar::new(),
            slot: Mutex::new(slot),
        }
    }
}

impl<D: MmioDevice + ?Sized> Place<D> {
    /// Makes an access as soon as the device lets it be made; `None` if the life ends before.
    ///
    /// # Errors
    /// As of [`Slot::with`].
    pub fn access<R, L: InterruptLines>(
        &self,
        access: Access,
        lines: &L,
        act: impl FnOnce(&mut D) -> R,
    ) -> Result<Option<R>, L::Error> {
        let mut slot = lock(self);
        if !slot.device.must_wait(access) {
            return slot.with(lines, act).map(Some);
        }
        self.gate().waiting += 1;
        let result = loop {
            if !slot.device.must_wait(access) {
                break slot.with(lines, act).map(Some);
            }
            // Read with the slot locked: the turn that is waited for has not ended.
            let turns = self.gate().turns;
            drop(slot);
            if self
                .wait_while(|gate| gate.turns == turns && !gate.over)
                .over
            {
                break Ok(None);
            }
            slot = lock(self);
        };
        self.gate().waiting -= 1;
        self.changed.notify_all();
        result
    }
}

impl Place<dyn Driven + Send> {
    /// A turn of the device.
    pub(super) fn serve<L: InterruptLines>(&self, cause: Cause, lines: &L) -> Result<(), L::Error> {
        drop(self.wait_while(|gate| gate.waiting != 0 && !gate.over));
        let mut slot = lock(self);
        if self.gate().over {
            return Ok(());
        }
        let Some(mut turn) = slot.with(lines, |device| device.begin_turn(cause))? else {
            return Ok(());
        };
        drop(slot);
        turn.run(cause);
        let mut slot = lock(self);
        let ended = slot.with(lines, |device| device.end_turn(turn));
        self.gate().turns += 1;
        self.changed.notify_all();
        ended
    }

    pub(super) fn begin_life(&self, memory: &GuestMemory) {
        let mut slot = lock(self);
        self.gate().over = false;
        slot.device.begin_life(memory);
    }

    pub(super) fn end_life(&self) {
        let slot = lock(self);
        self.gate().over = true;
        slot.device.hurry();
        self.changed.notify_all();
    }
}

impl<D: ?Sized> Place<D> {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, condition: impl Fn(&Gate) -> bool) -> MutexGuard<'_, Gate> {
        let waited = self.changed.wait_while(self.gate(), |gate| condition(gate));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> u32 {
        self.gate().waiting
    }
}

/// Locks a slot. A thread that panicked in a device left plain register values behind, all of
/// which are legal, so the others carry on.
pub fn lock<D: ?Sized>(place: &Place<D>) -> MutexGuard<'_, Slot<D>> {
    place.slot.lock().unwrap_or_else(PoisonError::into_inner)
}
