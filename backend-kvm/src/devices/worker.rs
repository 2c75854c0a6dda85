//! The machine's I/O threads: they serve every device that the host drives too.
//!
//! Devices whose turns are short have one thread together; what is left over after a turn comes
//! round again behind the others. A device that waits for storage has a thread of its own
//! ([`ServedBy`]), so that a slow disk holds up nobody else. An epoll instance says whose turn it is:
//!
//! ```text
//! doorbell of each device (KVM's ioeventfd, or ours) ─┐
//! what the host has for it (tap, socket, timer) ──────┼─▶ epoll ─▶ a turn
//! the end of the life ────────────────────────────────┘
//! ```
//!
//! Doorbells and sources are edge-triggered: nobody has to read a doorbell, and a device is not
//! called again for what it chose to leave. The instance is made anew for every life, which begins
//! with a turn for each device whose descriptors have something to say.
//!
//! A turn begins and ends under the slot's lock. What may take long lies between the two, without
//! the lock: a [`Turn`], with all that it works on. Accesses that need the same wait until it is
//! back ([`Place::access`](super::Place::access)).
//!
//! A thread can be in the hands of the host for ever: a disk that is gone answers nobody. So threads
//! belong to no scope. Whoever ends a life waits for them as long as seems right
//! ([`Worker::wait_for_threads`]) and may leave one behind, which ends with its request, or with
//! the process.

use std::any::Any;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Errno;
use vambrace_core::memory::Ipa;

use super::{Doorbell, InterruptLines, MmioDevice, Shared, lock};
use crate::memory::GuestMemory;
use crate::threads;

/// A device that the host drives beside the guest.
pub trait Driven: MmioDevice {
    /// A machine's life begins, with this RAM. The device has been reset.
    fn begin_life(&mut self, _memory: &GuestMemory) {}

    /// Does a bounded part of what there is to do.
    fn serve(&mut self, cause: Cause);

    /// Begins the same, and hands out what of it may take long, with all that it works on. By
    /// default nothing does.
    fn begin_turn(&mut self, cause: Cause) -> Option<Box<dyn Turn>> {
        self.serve(cause);
        None
    }

    /// What [`begin_turn`](Driven::begin_turn) handed out is back, and has been run.
    fn end_turn(&mut self, _turn: Box<dyn Turn>) {}

    /// The life ends: a turn that is under way ends as soon as it can.
    fn hurry(&self) {}

    /// Which thread serves it.
    fn served_by(&self) -> ServedBy {
        ServedBy::CommonThread
    }

    /// What becomes readable when the host has something for the device; edge-triggered.
    fn host_events(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A part of a device's work that may take long, away from the device's registers.
pub trait Turn: Any + Send {
    /// Does it.
    fn run(&mut self, cause: Cause);
}

/// Why a device is asked to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The guest rang, or work was left over.
    Doorbell,
    /// [`Driven::host_events`] became readable.
    Host,
}

/// The thread that serves a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServedBy {
    /// The one of all devices whose turns are short.
    CommonThread,
    /// One of its own: it waits for storage.
    ItsOwnThread,
}

/// The devices that I/O threads serve.
#[derive(Default)]
pub struct Worker {
    members: Vec<Arc<Member>>,
    /// Rung when a life ends, and not read before the next one.
    end: Option<Doorbell>,
    ended: Arc<AtomicBool>,
    living: Arc<Living>,
}

struct Member {
    name: &'static str,
    place: Shared<dyn Driven + Send>,
    doorbell: Doorbell,
    /// A write by the guest to this address rings.
    register: Option<Ipa>,
}

/// One thread and whom it serves.
struct Crew {
    name: String,
    members: Vec<Arc<Member>>,
    end: Doorbell,
    ended: Arc<AtomicBool>,
}

/// The names of the threads that have not ended.
#[derive(Default)]
struct Living {
    names: Mutex<Vec<String>>,
    fewer: Condvar,
}

/// A thread, from before it starts until it has ended, be it by a panic.
struct Life {
    living: Arc<Living>,
    name: String,
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

/// Why an I/O thread has ended before the life has.
#[derive(Debug)]
pub enum Trouble<E> {
    /// Devices cannot be served.
    Failed(WorkerError<E>),
    /// The thread has panicked.
    Panicked,
}

impl Worker {
    /// Adds a device; a write by the guest to `register`, if there is one, rings its bell.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub fn add(
        &mut self,
        name: &'static str,
        place: Shared<dyn Driven + Send>,
        doorbell: Doorbell,
        register: Option<Ipa>,
    ) -> Result<(), Errno> {
        if self.end.is_none() {
            self.end = Some(Doorbell::new()?);
        }
        self.members.push(Arc::new(Member {
            name,
            place,
            doorbell,
            register,
        }));
        Ok(())
    }

    /// The bells that the guest rings, and the addresses that it rings them by.
    pub fn registers(&self) -> impl Iterator<Item = (Ipa, &Doorbell)> {
        let members = self.members.iter();
        members.filter_map(|member| Some((member.register?, &member.doorbell)))
    }

    /// A life begins, with this RAM; every device has been reset, and no thread is left.
    pub fn begin_life(&self, memory: &GuestMemory) {
        self.ended.store(false, Ordering::SeqCst);
        if let Some(end) = &self.end {
            end.take();
        }
        for member in &self.members {
            member.place.begin_life(memory);
        }
    }

    /// Starts the threads, which serve every device until the life ends. `trouble` hears of it
    /// when one has to end before.
    ///
    /// # Errors
    /// The name of a thread that the host did not give, and its words.
    pub fn start<L, F>(&self, lines: &Arc<L>, trouble: F) -> Result<(), (String, io::Error)>
    where
        L: InterruptLines + Send + Sync + 'static,
        F: Fn(Trouble<L::Error>) + Clone + Send + 'static,
    {
        for crew in self.crews() {
            let (name, trouble) = (crew.name.clone(), trouble.clone());
            let life = Living::add(&self.living, &name);
            let lines = Arc::clone(lines);
            let run = move || {
                // Dropped last: whoever waits for the thread finds everything else let go of.
                let _life = life;
                let panicked = OnPanic(|| trouble(Trouble::Panicked));
                let (crew, lines) = (crew, lines);
                if let Err(error) = crew.serve(&*lines) {
                    trouble(Trouble::Failed(error));
                }
                drop((crew, lines, panicked));
            };
            let started = threads::named(&name).spawn(run);
            started.map_err(|source| (name, source))?;
        }
        Ok(())
    }

    /// Lets the threads end, and whoever waits for a turn go on.
    pub fn end_life(&self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(end) = &self.end {
            end.ring();
        }
        for member in &self.members {
            member.place.end_life();
        }
    }

    /// Waits until every thread has ended, for `limit` at most; the names of those that have not.
    #[must_use]
    pub fn wait_for_threads(&self, limit: Duration) -> Vec<String> {
        let deadline = Instant::now() + limit;
        let mut names = self.living.names();
        while !names.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.living.fewer.wait_timeout(names, left);
            names = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        names.clone()
    }

    /// Who is served by which thread.
    fn crews(&self) -> Vec<Crew> {
        let Some(end) = &self.end else {
            return Vec::new();
        };
        let crew = |name: String, members: Vec<_>| Crew {
            name,
            members,
            end: end.clone(),
            ended: Arc::clone(&self.ended),
        };
        let (common, own): (Vec<_>, Vec<_>) =
            self.members.iter().map(Arc::clone).partition(|member| {
                lock(&member.place).device.served_by() == ServedBy::CommonThread
            });
        let own = own.into_iter().enumerate();
        let own = own.map(|(index, member)| crew(format!("{} {index}", member.name), vec![member]));
        let common = (!common.is_empty()).then(|| crew("device I/O".into(), common));
        own.chain(common).collect()
    }
}

impl Crew {
    /// Serves its devices until the life ends.
    fn serve<L: InterruptLines>(&self, lines: &L) -> Result<(), WorkerError<L::Error>> {
        let poll = self.poll().map_err(WorkerError::Poll)?;
        let mut events = Vec::with_capacity(EVENTS);
        while !self.has_ended() {
            match epoll::wait(&poll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(WorkerError::Poll(errno)),
            }
            for event in events.drain(..) {
                if let Some((member, cause)) = self.turn(event.data.u64()) {
                    let served = member.place.serve(cause, lines);
                    served.map_err(WorkerError::Line)?;
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
        add(self.end.as_fd(), END, epoll::EventFlags::IN)?;
        for (token, member) in (0_u64..).step_by(2).zip(&self.members) {
            add(member.doorbell.as_fd(), token, edge)?;
            if let Some(source) = lock(&member.place).device.host_events() {
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

impl Living {
    fn add(living: &Arc<Self>, name: &str) -> Life {
        living.names().push(name.into());
        Life {
            living: Arc::clone(living),
            name: name.into(),
        }
    }

    fn names(&self) -> MutexGuard<'_, Vec<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.living.names().retain(|name| *name != self.name);
        self.living.fewer.notify_all();
    }
}

/// Does something if the thread panics while it is held.
struct OnPanic<F: Fn()>(F);

impl<F: Fn()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)();
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.members.iter();
        let members = members.map(|member| (member.name, member.register));
        f.debug_list().entries(members).finish()
    }
}

/// How many turns one look at the host brings.
const EVENTS: usize = 64;
/// The token of the life's end.
const END: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicUsize;

    use super::super::{Access, Place};
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

    /// Storage that answers when it is told to.
    #[derive(Default)]
    struct Storage {
        asked: AtomicUsize,
        answered: Mutex<usize>,
        changed: Condvar,
    }

    impl Storage {
        fn ask(&self) {
            let number = self.asked.fetch_add(1, Ordering::SeqCst);
            let mut answered = self.answered.lock().unwrap();
            while *answered <= number {
                answered = self.changed.wait(answered).unwrap();
            }
        }

        fn answer(&self) {
            *self.answered.lock().unwrap() += 1;
            self.changed.notify_all();
        }

        fn wait_until_asked(&self, times: usize) {
            wait_for(|| self.asked.load(Ordering::SeqCst) >= times);
        }
    }

    /// A device whose turns wait for storage. Register 0 counts them, register 8 needs what a turn
    /// works on: it is told the turns that came before.
    struct Slow {
        storage: Arc<Storage>,
        away: bool,
        turns: u64,
        hurried: Arc<AtomicBool>,
    }

    struct Ask(Arc<Storage>);

    impl Turn for Ask {
        fn run(&mut self, _: Cause) {
            self.0.ask();
        }
    }

    impl MmioDevice for Slow {
        fn read(&mut self, _: u64, _: Width) -> u64 {
            self.turns
        }

        fn write(&mut self, _: u64, _: Width, _: u64) {}

        fn line(&self) -> Level {
            Level::Low
        }

        fn must_wait(&self, access: Access) -> bool {
            self.away && access == Access::Read(8)
        }

        fn reset(&mut self) {}
    }

    impl Driven for Slow {
        fn serve(&mut self, _: Cause) {}

        fn begin_turn(&mut self, _: Cause) -> Option<Box<dyn Turn>> {
            self.away = true;
            self.turns += 1;
            Some(Box::new(Ask(Arc::clone(&self.storage))))
        }

        fn end_turn(&mut self, _: Box<dyn Turn>) {
            self.away = false;
        }

        fn hurry(&self) {
            self.hurried.store(true, Ordering::SeqCst);
        }

        fn served_by(&self) -> ServedBy {
            ServedBy::ItsOwnThread
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
        lines: Arc<Lines>,
        panics: Arc<AtomicUsize>,
    }

    fn party(count: u32) -> Party {
        let mut party = Party {
            worker: Worker::default(),
            slots: Vec::new(),
            bells: Vec::new(),
            lines: Arc::default(),
            panics: Arc::default(),
        };
        for index in 0..count {
            let device = Counting {
                turns: Vec::new(),
                greedy: None,
                source: None,
                lives: 0,
            };
            let slot = Slot::shared(device, 48 + index);
            party.add(index, slot.clone());
            party.slots.push(slot);
        }
        party
    }

    impl Party {
        fn add(&mut self, index: u32, place: Shared<dyn Driven + Send>) {
            let bell = Doorbell::new().unwrap();
            let register = Ipa::new(0xa00_0050 + u64::from(index) * 0x200);
            let added = self
                .worker
                .add("tester", place, bell.clone(), Some(register));
            added.unwrap();
            self.bells.push(bell);
        }

        /// Adds a device that waits for storage.
        fn add_slow(&mut self) -> (Shared<Slow>, Arc<Storage>) {
            let storage = Arc::<Storage>::default();
            let device = Slow {
                storage: Arc::clone(&storage),
                away: false,
                turns: 0,
                hurried: Arc::default(),
            };
            let slot = Slot::shared(device, 80);
            self.add(10, slot.clone());
            (slot, storage)
        }

        fn turns(&self, index: usize) -> Vec<Cause> {
            lock(&self.slots[index]).device().turns.clone()
        }

        fn start(&self) {
            let panics = Arc::clone(&self.panics);
            let trouble = move |trouble| {
                assert!(matches!(trouble, Trouble::Panicked));
                panics.fetch_add(1, Ordering::SeqCst);
            };
            self.worker.start(&self.lines, trouble).unwrap();
        }

        /// Serves while `act` runs, then ends the life.
        fn serving(&self, act: impl FnOnce()) -> Vec<(u32, Level)> {
            self.start();
            act();
            self.worker.end_life();
            assert_eq!(self.worker.wait_for_threads(LONG), [""; 0]);
            std::mem::take(&mut *self.lines.0.lock().unwrap())
        }
    }

    const LONG: Duration = Duration::from_secs(30);

    fn wait_for(reached: impl Fn() -> bool) {
        let deadline = Instant::now() + LONG;
        while !reached() {
            assert!(Instant::now() < deadline, "it never comes");
            thread::sleep(Duration::from_micros(100));
        }
    }

    fn read(place: &Place<Slow>, lines: &Lines, offset: u64) -> Option<u64> {
        let Ok(value) = place.access(Access::Read(offset), lines, |device| {
            device.read(offset, Width::Word)
        });
        value
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
    }

    #[test]
    fn bells_are_known_by_their_registers() {
        let party = party(2);
        let registers: Vec<_> = party.worker.registers().map(|(at, _)| at.value()).collect();
        assert_eq!(registers, [0xa00_0050, 0xa00_0250]);
    }

    #[test]
    fn a_disk_that_does_not_answer_holds_up_no_other_device() {
        let mut party = party(1);
        let (_, hung) = party.add_slow();
        let (_, healthy) = party.add_slow();
        party.serving(|| {
            party.bells[1].ring();
            hung.wait_until_asked(1);
            for turns in 1..=3 {
                party.bells[0].ring();
                wait_for(|| party.turns(0).len() == turns);
                party.bells[2].ring();
                healthy.wait_until_asked(turns);
                healthy.answer();
            }
            hung.answer();
        });
    }

    #[test]
    fn an_access_that_needs_nothing_of_a_turn_does_not_wait_for_it() {
        let mut party = party(0);
        let (slow, storage) = party.add_slow();
        party.serving(|| {
            party.bells[0].ring();
            storage.wait_until_asked(1);
            assert_eq!(read(&slow, &party.lines, 0), Some(1));
            storage.answer();
        });
    }

    #[test]
    fn an_access_that_waits_for_a_turn_comes_before_the_next_one() {
        let mut party = party(0);
        let (slow, storage) = party.add_slow();
        party.serving(|| {
            thread::scope(|scope| {
                party.bells[0].ring();
                storage.wait_until_asked(1);
                let waits = scope.spawn(|| read(&slow, &party.lines, 8));
                wait_for(|| slow.waiting() == 1);
                party.bells[0].ring();
                storage.answer();
                assert_eq!(waits.join().unwrap(), Some(1));
                storage.wait_until_asked(2);
                storage.answer();
            });
        });
    }

    #[test]
    fn the_end_of_a_life_waits_for_no_disk_and_knows_which_one_is_left() {
        let mut party = party(1);
        let (slow, storage) = party.add_slow();
        party.start();
        party.bells[1].ring();
        storage.wait_until_asked(1);
        thread::scope(|scope| {
            let waits = scope.spawn(|| read(&slow, &party.lines, 8));
            wait_for(|| slow.waiting() == 1);
            party.worker.end_life();
            assert_eq!(waits.join().unwrap(), None);
        });
        assert!(lock(&slow).device().hurried.load(Ordering::SeqCst));
        wait_for(|| party.worker.wait_for_threads(Duration::ZERO) == ["tester 0"]);
        storage.answer();
        assert_eq!(party.worker.wait_for_threads(LONG), [""; 0]);
    }

    #[test]
    fn a_thread_that_panics_is_told_of() {
        struct Broken;

        impl MmioDevice for Broken {
            fn read(&mut self, _: u64, _: Width) -> u64 {
                0
            }

            fn write(&mut self, _: u64, _: Width, _: u64) {}

            fn line(&self) -> Level {
                Level::Low
            }

            fn reset(&mut self) {}
        }

        impl Driven for Broken {
            fn serve(&mut self, _: Cause) {
                panic!("as the test wants");
            }
        }

        let mut party = party(0);
        party.add(0, Slot::shared(Broken, 48));
        party.start();
        party.bells[0].ring();
        assert_eq!(party.worker.wait_for_threads(LONG), [""; 0]);
        assert_eq!(party.panics.load(Ordering::SeqCst), 1);
    }
}
