//! The queues of a device while it serves them.
//!
//! What can be served at once is bounded: after [`BUDGET`] chains of one queue, [`BYTES`] in all,
//! or the time that the transport gives, the rest waits for the other devices' turns, so that no
//! guest keeps the I/O thread to one of them. Whatever the other queues took, each has one chain in
//! a turn, and what was begun is ended ([`Queues::pop_more`]): so every turn brings every queue
//! forward. While a queue is served its driver need not ring; it is asked to ring again when the
//! queue is found empty.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::{Duration, Instant};

use virtio_bindings::virtio_ring::VRING_AVAIL_F_NO_INTERRUPT;
use virtio_queue::{Queue, QueueOwnedT, QueueT};
use vm_memory::{Bytes, GuestAddress};

use super::{Chain, Head, Malformed};
use crate::memory::GuestMemory;

/// The queues of one device, for one turn.
#[derive(Debug)]
pub struct Queues<'a> {
    memory: &'a GuestMemory,
    queues: &'a mut [Option<Queue>],
    turns: Vec<Turn>,
    /// How many bytes the chains of this turn have.
    bytes: u64,
    /// When no other chain is begun.
    until: Option<Instant>,
    /// Somebody waits for the end of the turn.
    hurry: &'a AtomicBool,
    config_changed: bool,
    again: bool,
}

/// What became of one queue in this turn.
#[derive(Debug, Clone, Copy)]
struct Turn {
    left: u16,
    used: bool,
    exhausted: bool,
}

/// What a turn leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Effects {
    /// The driver wants to be told that buffers were used.
    pub(super) interrupt: bool,
    /// The configuration space is another.
    pub(super) config_changed: bool,
    /// Something is left to be served.
    pub(super) more: bool,
}

impl<'a> Queues<'a> {
    /// A turn that begins its last chain after `time`, if that is not for ever, or when it is to
    /// hurry.
    pub(super) fn new(
        memory: &'a GuestMemory,
        queues: &'a mut [Option<Queue>],
        time: Duration,
        hurry: &'a AtomicBool,
    ) -> Self {
        let turn = Turn {
            left: BUDGET,
            used: false,
            exhausted: false,
        };
        Self {
            memory,
            turns: vec![turn; queues.len()],
            queues,
            bytes: 0,
            until: Instant::now().checked_add(time),
            hurry,
            config_changed: false,
            again: false,
        }
    }

    /// The next chain that the driver made available; `None` if there is none for now, or no such
    /// queue. The driver rings when there is another.
    ///
    /// # Errors
    /// What is available cannot be followed.
    pub fn pop(&mut self, queue: usize) -> Result<Option<Chain<'a>>, Malformed> {
        let Some(turn) = self.turns.get_mut(queue) else {
            return Ok(None);
        };
        let late = || self.until.is_some_and(|until| Instant::now() > until);
        let begun = turn.left < BUDGET;
        let hurry = self.hurry.load(Ordering::SeqCst);
        if turn.left == 0 || hurry || begun && (self.bytes >= BYTES || late()) {
            turn.exhausted = true;
            return Ok(None);
        }
        self.pop_more(queue)
    }

    /// The next chain for what was begun with one that [`pop`](Queues::pop) gave: it is there
    /// however long the turn has lasted. Who calls this knows how much it takes at most.
    ///
    /// # Errors
    /// As of [`pop`](Queues::pop).
    pub fn pop_more(&mut self, queue: usize) -> Result<Option<Chain<'a>>, Malformed> {
        let memory = self.memory.mapping();
        let (Some(Some(ring)), Some(turn)) =
            (self.queues.get_mut(queue), self.turns.get_mut(queue))
        else {
            return Ok(None);
        };
        // Twice, because the driver may have added one just before it was asked to ring. More
        // often only a driver that plays with its index makes it: it waits for another turn.
        for _ in 0..2 {
            let next = ring
                .iter(memory)
                .map_err(|_| Malformed::Available(queue))?
                .next();
            if let Some(descriptors) = next {
                if turn.left == BUDGET {
                    ring.disable_notification(memory)
                        .map_err(|_| Malformed::Rings(queue))?;
                }
                turn.left = turn.left.saturating_sub(1);
                let chain = Chain::read(queue, ring.max_size(), descriptors, memory)?;
                self.bytes += chain.readable.length() + chain.writable.length();
                return Ok(Some(chain));
            }
            let raced = ring.enable_notification(memory);
            if !raced.map_err(|_| Malformed::Rings(queue))? {
                return Ok(None);
            }
        }
        turn.exhausted = true;
        Ok(None)
    }

    /// Makes the chain that [`pop`](Queues::pop) returned last available to the device again. It
    /// has had its place in this turn: looking at it took time too.
    pub fn put_back(&mut self, queue: usize, chain: Chain<'_>) {
        let Head(_) = chain.head;
        if let Some(Some(ring)) = self.queues.get_mut(queue) {
            ring.go_to_previous_position();
            let bytes = chain.readable.length() + chain.writable.length();
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }

    /// Gives a chain back to the driver, with its first `written` writable bytes written.
    ///
    /// # Errors
    /// There is no such descriptor.
    pub fn complete(&mut self, queue: usize, head: Head, written: u32) -> Result<(), Malformed> {
        if let Some(Some(ring)) = self.queues.get_mut(queue) {
            ring.add_used(self.memory.mapping(), head.0, written)
                .map_err(|_| Malformed::Chain(queue))?;
            self.turns[queue].used = true;
        }
        Ok(())
    }

    /// Is it time to stop, if only for now? A device whose chains may take long asks in between,
    /// and [puts back](Queues::put_back) what it has not finished.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.hurry.load(Ordering::SeqCst) || self.until.is_some_and(|until| Instant::now() > until)
    }

    /// Says that the configuration space reads otherwise from now on.
    pub fn config_changed(&mut self) {
        self.config_changed = true;
    }

    /// Asks for another turn: the device has bounded this one itself.
    pub fn again(&mut self) {
        self.again = true;
    }

    /// The guest's RAM.
    #[must_use]
    pub fn memory(&self) -> &'a GuestMemory {
        self.memory
    }

    /// Ends the turn.
    pub(super) fn finish(self) -> Effects {
        let mut interrupt = false;
        for (ring, turn) in self.queues.iter_mut().zip(&self.turns) {
            if let (Some(ring), true) = (ring, turn.used) {
                interrupt |= wants_interrupt(ring, self.memory);
            }
        }
        Effects {
            interrupt,
            config_changed: self.config_changed,
            more: self.again || self.turns.iter().any(|turn| turn.exhausted),
        }
    }
}

/// Whether the driver wants to hear of what was used (§2.7.7.2, §2.7.10). One whose wish cannot be
/// read hears of it.
fn wants_interrupt(ring: &mut Queue, memory: &GuestMemory) -> bool {
    let memory = memory.mapping();
    if ring.event_idx_enabled() {
        return ring.needs_notification(memory).unwrap_or(true);
    }
    // The used index has to be there before the flags are read: a driver that asks for interrupts
    // and then finds nothing used relies on it (§2.7.7.1).
    fence(Ordering::SeqCst);
    let flags: Result<u16, _> = memory.load(GuestAddress(ring.avail_ring()), Ordering::Acquire);
    flags.map_or(true, |flags| {
        u32::from(u16::from_le(flags)) & VRING_AVAIL_F_NO_INTERRUPT == 0
    })
}

/// How many chains of one queue are served before other devices have their turn.
pub(super) const BUDGET: u16 = 256;
/// After how many bytes no other chain is begun.
const BYTES: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use std::hint::spin_loop;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use vm_memory::GuestAddress;

    use super::*;
    use crate::layout::RAM_BASE;

    const USED_INDEX: u64 = 0x2002;

    fn ring() -> Queue {
        let mut ring = Queue::new(256).unwrap();
        let base = RAM_BASE.value();
        ring.try_set_desc_table_address(GuestAddress(base)).unwrap();
        ring.try_set_avail_ring_address(GuestAddress(base + 0x1000))
            .unwrap();
        ring.try_set_used_ring_address(GuestAddress(base + 0x2000))
            .unwrap();
        ring.set_ready(true);
        ring
    }

    /// Two threads meet without sleeping, so that they go on at the same time.
    #[derive(Default)]
    struct Meeting(AtomicUsize);

    impl Meeting {
        fn wait(&self) {
            let number = self.0.fetch_add(1, Ordering::SeqCst) / 2 + 1;
            let mut spins = 0_u32;
            while self.0.load(Ordering::SeqCst) < number * 2 {
                spin_loop();
                spins += 1;
                if spins.is_multiple_of(1000) {
                    thread::yield_now();
                }
            }
        }
    }

    #[test]
    fn a_driver_that_asks_for_interrupts_and_finds_nothing_used_gets_one() {
        let memory = GuestMemory::new(0x40_0000).unwrap();
        let mapping = memory.mapping();
        let base = RAM_BASE.value();
        let meeting = Meeting::default();
        let hurry = AtomicBool::new(false);
        let rounds = 1..=2000_u16;
        let interrupts = thread::scope(|scope| {
            let device = scope.spawn(|| {
                let mut queues = [Some(ring())];
                let rounds = rounds.clone().map(|_| {
                    meeting.wait();
                    let mut turn = Queues::new(&memory, &mut queues, Duration::MAX, &hurry);
                    turn.complete(0, Head(0), 0).unwrap();
                    let interrupt = turn.finish().interrupt;
                    meeting.wait();
                    interrupt
                });
                rounds.collect::<Vec<_>>()
            });
            let mut found = Vec::new();
            for round in rounds.clone() {
                let flags = |flags: u16, order| {
                    let at = GuestAddress(base + 0x1000);
                    mapping.store(flags.to_le(), at, order).unwrap();
                };
                flags(1, Ordering::SeqCst);
                meeting.wait();
                flags(0, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                let at = GuestAddress(base + USED_INDEX);
                let used: u16 = mapping.load(at, Ordering::Relaxed).unwrap();
                found.push(u16::from_le(used) == round);
                meeting.wait();
            }
            let interrupts = device.join().unwrap();
            interrupts.into_iter().zip(found).collect::<Vec<_>>()
        });
        assert!(interrupts.iter().all(|(told, found)| *told || *found));
    }
}
