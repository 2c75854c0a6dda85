//! The CPUs: who runs, how one is started, what each found.
//!
//! Each CPU has a [`Cpu`] of atomic words, written by that CPU and read by the boot CPU (all with the
//! MMU on, see `arch`). Every wait is bounded by the architectural counter.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::{
    arch::registers,
    claim::CLAIM,
    expect::{self, Failure, Proof},
    firmware::{AFFINITY_INFO, Call},
};

/// CPUs with a stack and a record.
pub const MAX_CPUS: usize = 4;

/// What a CPU found at its first instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryState {
    /// r0 to r3.
    pub r: [u32; 4],
    /// CPSR; its T bit reads as 0.
    pub cpsr: u32,
    /// SCTLR.
    pub sctlr: u32,
    /// MPIDR.
    pub mpidr: u32,
    /// 1 if the T32 entry's instructions ran.
    pub thumb: u32,
}

/// One CPU's words.
#[derive(Debug)]
pub struct Cpu {
    starts: AtomicU32,
    entry: [AtomicU32; 8],
    /// Words for the claim's own use.
    pub words: [AtomicU32; 4],
}

/// The CPU that this code runs on, counted from the boot CPU's 0: Aff0.
#[must_use]
pub fn index() -> u32 {
    registers::mpidr() & 0xFF
}

/// The words of CPU `index`, whose affinity is its number.
///
/// # Panics
///
/// If it has none: see [`MAX_CPUS`].
#[must_use]
pub fn cpu(index: u32) -> &'static Cpu {
    &CPUS[index as usize]
}

/// The words of the CPU that this code runs on.
#[must_use]
pub fn current() -> &'static Cpu {
    cpu(index())
}

/// Waits until AFFINITY_INFO says that CPU `index` is off, recording the last answer only.
///
/// # Errors
///
/// After [`WAIT_SECONDS`].
pub fn wait_until_off(index: u32) -> Proof {
    let question = Call::hvc(AFFINITY_INFO, &[index, 0]);
    // DEN0022 §5.1.5: 1 is OFF.
    let waited = wait_until("AFFINITY_INFO after CPU_OFF", || {
        question.make_silently().code() == 1
    });
    question.make();
    waited
}

/// Waits until `condition` holds.
///
/// # Errors
///
/// After [`WAIT_SECONDS`], naming `what`.
pub fn wait_until(what: &'static str, mut condition: impl FnMut() -> bool) -> Proof {
    let ticks = u64::from(registers::counter_frequency()) * WAIT_SECONDS;
    let deadline = registers::counter() + ticks;
    while !condition() {
        if registers::counter() >= deadline {
            return Err(Failure::timed_out(what));
        }
        pause();
    }
    Ok(())
}

/// Waits a moment. It ends by the event stream that `entry` switches on.
pub fn pause() {
    registers::wait_for_event();
}

/// Ends a started CPU's work: waits for an interrupt that never comes. The default secondary.
pub fn rest(_: &'static Cpu) {
    rest_for_ever()
}

pub(crate) fn rest_for_ever() -> ! {
    loop {
        registers::wait_for_interrupt();
    }
}

/// Everything a started CPU does after its first instructions.
pub(crate) fn run_secondary(entry: EntryState) -> ! {
    let cpu = current();
    cpu.enter(&entry);
    (CLAIM.secondary)(cpu);
    rest_for_ever()
}

impl EntryState {
    /// The state in which every CPU begins: SVC mode, exceptions masked, little-endian, MMU and
    /// caches off (DEN0022 §6.4).
    ///
    /// # Errors
    ///
    /// Naming what is otherwise.
    pub fn expect_reset(&self) -> Proof {
        // E, A, I, F, mode.
        expect::equal("CPSR.{E, A, I, F, M}", self.cpsr & 0x3DF, 0x1D3)?;
        // M (0), C (2), I (12), EE (25).
        expect::equal("SCTLR.{M, C, I, EE}", self.sctlr & 0x200_1005, 0)
    }
}

impl Cpu {
    const fn new() -> Self {
        Self {
            starts: AtomicU32::new(0),
            entry: [const { AtomicU32::new(0) }; 8],
            words: [const { AtomicU32::new(0) }; 4],
        }
    }

    /// How often this CPU has been started since the machine was.
    #[must_use]
    pub fn starts(&self) -> u32 {
        self.starts.load(Ordering::Acquire)
    }

    /// Waits for the start that makes [`starts`](Self::starts) equal `count`.
    ///
    /// # Errors
    ///
    /// After [`WAIT_SECONDS`].
    pub fn wait_for_start(&self, count: u32) -> Proof {
        wait_until("start of a CPU", || self.starts() == count)
    }

    /// The state in which the last start found it.
    #[must_use]
    pub fn entry_state(&self) -> EntryState {
        let words = self.entry.each_ref();
        let [r0, r1, r2, r3, cpsr, sctlr, mpidr, thumb] =
            words.map(|word| word.load(Ordering::Relaxed));
        EntryState {
            r: [r0, r1, r2, r3],
            cpsr,
            sctlr,
            mpidr,
            thumb,
        }
    }

    pub(crate) fn enter(&self, state: &EntryState) {
        let [r0, r1, r2, r3] = state.r;
        let found = [
            r0,
            r1,
            r2,
            r3,
            state.cpsr,
            state.sctlr,
            state.mpidr,
            state.thumb,
        ];
        for (place, word) in self.entry.iter().zip(found) {
            place.store(word, Ordering::Relaxed);
        }
        self.starts.fetch_add(1, Ordering::Release);
    }
}

/// Longest wait for another CPU. An emulated host is slow; the runner's own limit is longer.
pub const WAIT_SECONDS: u64 = 20;

static CPUS: [Cpu; MAX_CPUS] = [const { Cpu::new() }; MAX_CPUS];
