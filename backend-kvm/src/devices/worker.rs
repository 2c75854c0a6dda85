//! The machine's I/O thread: it serves every device that the host drives too.
//!
//! One thread for all of them, as no device waits for another: each has turns that are bounded,
//! and what is left over after one comes round again behind the others. An epoll instance says
//! whose turn it is:
//!
//! ```text
//! doorbell of each device (KVM's ioeventfd, or ours) ─┐
//! what the host has for it (tap, socket, timer) ──────┼─▶ epoll ─▶ serve, under the slot's lock
//! the end of the life ────────────────────────────────┘
//! ```
//!
//! Doorbells and sources are edge-triggered: nobody has to read a doorbell, and a device is not
//! called again for what it chose to leave. The instance is made anew for every life, which begins
//! with a turn for each device whose descriptors have something to say.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Errno;
use vambrace_core::memory::Ipa;

use super::{Doorbell, InterruptLines, MmioDevice, Shared, lock};
use crate::memory::GuestMemory;

/// A device that the host drives beside the guest.
pub trait Driven: MmioDevice {
    /// A machine's life begins, with this RAM. The device has been reset.
    fn begin_life(&mut self, _memory: &GuestMemory) {}

    /// Does a bounded part of what there is to do.
    fn serve(&mut self, cause: Cause);

    /// What becomes readable when the host has something for the device; edge-triggered.
    fn host_events(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// Why a device is asked to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The guest rang, or work was left over.
    Doorbell,
    /// [`Driven::host_events`] became readable.
    Host,
}

/// The devices that one thread serves.
#[derive(Default)]
pub struct Worker {
    members: Vec<Member>,
    /// Rung when a life ends.
    end: Option<Doorbell>,
    ended: AtomicBool,
}

struct Member {
    slot: Shared<dyn Driven + Send>,
    doorbell: Doorbell,
    /// A write by the guest to this address rings.
    register: Option<Ipa>,
}

/// Why devices cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError<E> {
    /// An interrupt line could not be set.
    #[error(transparent)]
    Line(E),
    /// The host cannot tell whose turn it is.
    #[error(
        "cannot wait for the machine's devices: {0}; raise this host's limit on open files \
         (ulimit -n) if it is too low"
    )]
    Poll(Errno),
}

impl Worker {
    /// Adds a device; a write by the guest to `register`, if there is one, rings its bell.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub fn add(
        &mut self,
        slot: Shared<dyn Driven + Send>,
        doorbell: Doorbell,
        register: Option<Ipa>,
    ) -> Result<(), Errno> {
        if self.end.is_none() {
            self.end = Some(Doorbell::new()?);
        }
        self.members.push(Member {
            slot,
            doorbell,
            register,
        });
        Ok(())
    }

    /// Are there devices to serve?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The bells that the guest rings, and the addresses that it rings them by.
    pub fn registers(&self) -> impl Iterator<Item = (Ipa, &Doorbell)> {
        let members = self.members.iter();
        members.filter_map(|member| Some((member.register?, &member.doorbell)))
    }

    /// A life begins, with this RAM; every device has been reset.
    pub fn begin_life(&self, memory: &GuestMemory) {
        self.ended.store(false, Ordering::SeqCst);
        if let Some(end) = &self.end {
            end.take();
        }
        for member in &self.members {
            lock(&member.slot).begin_life(memory);
        }
    }

    /// Lets [`serve`](Worker::serve) return.
    pub fn end_life(&self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(end) = &self.end {
            end.ring();
        }
    }

    /// Serves every device until the life ends.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub fn serve<L: InterruptLines>(&self, lines: &L) -> Result<(), WorkerError<L::Error>> {
        let poll = self.poll().map_err(WorkerError::Poll)?;
        let mut events = Vec::with_capacity(EVENTS);
        while !self.has_ended() {
            match epoll::wait(&poll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(WorkerError::Poll(errno)),
            }
            for event in events.drain(..) {
                if let Some((member, cause)) = self.turn(event.data.u64()) {
                    let mut slot = lock(&member.slot);
                    slot.with(lines, |device| device.serve(cause))
                        .map_err(WorkerError::Line)?;
                }
                if self.has_ended() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// An epoll instance with everything in it that wakes the thread.
    fn poll(&self) -> Result<OwnedFd, Errno> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let edge = epoll::EventFlags::IN | epoll::EventFlags::ET;
        let add = |source: BorrowedFd<'_>, token, flags| {
            epoll::add(&poll, source, epoll::EventData::new_u64(token), flags)
        };
        if let Some(end) = &self.end {
            add(end.as_fd(), END, epoll::EventFlags::IN)?;
        }
        for (token, member) in (0_u64..).step_by(2).zip(&self.members) {
            add(member.doorbell.as_fd(), token, edge)?;
            if let Some(source) = lock(&member.slot).device_events() {
                add(source, token + 1, edge)?;
            }
        }
        Ok(poll)
    }

    /// Whose turn a token means, and why.
    fn turn(&self, token: u64) -> Option<(&Member, Cause)> {
        let member = self.members.get(usize::try_from(token / 2).ok()?)?;
        Some(match token & 1 {
            0 => (member, Cause::Doorbell),
            _ => (member, Cause::Host),
        })
    }
}

impl super::Slot<dyn Driven + Send> {
    fn begin_life(&mut self, memory: &GuestMemory) {
        self.device.begin_life(memory);
    }

    fn device_events(&self) -> Option<BorrowedFd<'_>> {
        self.device.host_events()
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registers = self.members.iter().map(|member| member.register);
        f.debug_list().entries(registers).finish()
    }
}

/// How many turns one look at the host brings.
const EVENTS: usize = 64;
/// The token of the life's end.
const END: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::address::Width;
    use crate::devices::Slot;
    use crate::sys::Level;

    /// Counts its turns, asks for one more after each if it is greedy, and then raises its line.
    struct Counting {
        turns: Vec<Cause>,
        greedy: Option<Doorbell>,
        source: Option<Doorbell>,
        lives: usize,
    }

    impl MmioDevice for Counting {
        fn read(&mut self, _: u64, _: Width) -> u64 {
            0
        }

        fn write(&mut self, _: u64, _: Width, _: u64) {}

        fn line(&self) -> Level {
            match self.turns.is_empty() {
                true => Level::Low,
                false => Level::High,
            }
        }

        fn reset(&mut self) {
            self.turns.clear();
        }
    }

    impl Driven for Counting {
        fn begin_life(&mut self, _: &GuestMemory) {
            self.lives += 1;
        }

        fn serve(&mut self, cause: Cause) {
            self.turns.push(cause);
            if let Some(bell) = &self.greedy {
                bell.ring();
            }
        }

        fn host_events(&self) -> Option<BorrowedFd<'_>> {
            self.source.as_ref().map(AsFd::as_fd)
        }
    }

    #[derive(Default)]
    struct Lines(Mutex<Vec<(u32, Level)>>);

    impl InterruptLines for Lines {
        type Error = Infallible;

        fn set(&self, intid: u32, level: Level) -> Result<(), Infallible> {
            self.0.lock().unwrap().push((intid, level));
            Ok(())
        }
    }

    struct Party {
        worker: Worker,
        slots: Vec<Shared<Counting>>,
        bells: Vec<Doorbell>,
    }

    fn party(count: u32) -> Party {
        let mut party = Party {
            worker: Worker::default(),
            slots: Vec::new(),
            bells: Vec::new(),
        };
        for index in 0..count {
            let device = Counting {
                turns: Vec::new(),
                greedy: None,
                source: None,
                lives: 0,
            };
            let (slot, bell) = (Slot::shared(device, 48 + index), Doorbell::new().unwrap());
            let register = Ipa::new(0xa00_0050 + u64::from(index) * 0x200);
            party
                .worker
                .add(slot.clone(), bell.clone(), Some(register))
                .unwrap();
            party.slots.push(slot);
            party.bells.push(bell);
        }
        party
    }

    impl Party {
        fn turns(&self, index: usize) -> Vec<Cause> {
            lock(&self.slots[index]).device().turns.clone()
        }

        /// Serves while `act` runs, then ends the life.
        fn serving(&self, act: impl FnOnce()) -> Vec<(u32, Level)> {
            let lines = Lines::default();
            thread::scope(|scope| {
                let served = scope.spawn(|| self.worker.serve(&lines).unwrap());
                act();
                self.worker.end_life();
                served.join().unwrap();
            });
            lines.0.into_inner().unwrap()
        }
    }

    fn wait_for(reached: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !reached() {
            assert!(Instant::now() < deadline, "it never comes");
            thread::sleep(Duration::from_micros(100));
        }
    }

    #[test]
    fn who_is_rung_for_is_served_and_its_line_is_set() {
        let party = party(2);
        let lines = party.serving(|| {
            party.bells[1].ring();
            wait_for(|| !party.turns(1).is_empty());
        });
        assert_eq!(party.turns(0), []);
        assert_eq!(party.turns(1), [Cause::Doorbell]);
        assert_eq!(lines, [(49, Level::High)]);
    }

    #[test]
    fn each_ring_after_a_turn_is_another_turn() {
        let party = party(1);
        party.serving(|| {
            for turns in 1..=5 {
                party.bells[0].ring();
                wait_for(|| party.turns(0).len() == turns);
            }
        });
    }

    #[test]
    fn what_the_host_has_is_served() {
        let party = party(1);
        let source = Doorbell::new().unwrap();
        lock(&party.slots[0]).device_mut().source = Some(source.clone());
        party.serving(|| {
            source.ring();
            wait_for(|| party.turns(0) == [Cause::Host]);
        });
    }

    #[test]
    fn a_device_that_is_never_done_does_not_keep_others_waiting() {
        let party = party(3);
        lock(&party.slots[0]).device_mut().greedy = Some(party.bells[0].clone());
        party.bells[0].ring();
        party.serving(|| {
            for turns in 1..=20 {
                party.bells[2].ring();
                wait_for(|| party.turns(2).len() == turns);
            }
        });
        assert!(party.turns(0).len() > 1);
    }

    #[test]
    fn a_life_that_has_ended_is_not_served_and_the_next_one_is() {
        let party = party(1);
        let memory = GuestMemory::new(0x40_0000).unwrap();
        for life in 1..=3 {
            party.worker.begin_life(&memory);
            lock(&party.slots[0]).reset();
            party.serving(|| {
                party.bells[0].ring();
                wait_for(|| !party.turns(0).is_empty());
            });
            assert_eq!(lock(&party.slots[0]).device().lives, life);
        }
        party.serving(|| {});
    }

    #[test]
    fn bells_are_known_by_their_registers() {
        let party = party(2);
        let registers: Vec<_> = party.worker.registers().map(|(at, _)| at.value()).collect();
        assert_eq!(registers, [0xa00_0050, 0xa00_0250]);
        assert!(!party.worker.is_empty() && Worker::default().is_empty());
    }
}
