//! The CPUs: who runs, how one is started, what each found and did.
//!
//! Each CPU has a [`Cpu`] of atomic words, written by that CPU and read by the boot CPU (all with the
//! MMU on, see `arch`). A started CPU records the state it began in, runs the claim's secondary
//! function and rests. It never prints: calls it makes go into its record, which the boot CPU
//! prints where the order is known. Every wait is bounded by the architectural counter.

use core::sync::atomic::{AtomicU64, Ordering};

use aarch64_cpu::{
    asm,
    registers::{CNTFRQ_EL0, CNTVCT_EL0, MPIDR_EL1},
};
use tock_registers::interfaces::Readable as _;

use crate::{
    arch::{entry, suspend},
    claim::CLAIM,
    expect::{self, Failure, Proof},
    firmware::{self, AFFINITY_INFO_64, CPU_ON_64, Call, Record, Returned},
    line,
    notes::Notes,
};

/// CPUs with a stack and a record; more may be in the machine, but cannot be started.
pub const MAX_CPUS: usize = 32;

/// What a CPU found at its first instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryState {
    /// x0 to x3.
    pub x: [u64; 4],
    /// CurrentEL (bits 3:2) and SPSel (bit 0).
    pub level_and_stack: u64,
    /// SCTLR_EL1.
    pub sctlr: u64,
    /// DAIF, bits 9:6.
    pub daif: u64,
    /// CNTPCT_EL0, read by that instruction itself.
    pub counter: u64,
    /// MPIDR_EL1.
    pub mpidr: u64,
}

/// The affinity fields of MPIDR_EL1: Aff3, Aff2, Aff1, Aff0.
pub const AFFINITY: u64 = 0xFF_00FF_FFFF;

/// One CPU's words: written by itself, read by the boot CPU.
#[derive(Debug)]
pub struct Cpu {
    starts: AtomicU64,
    entry: [AtomicU64; 8],
    /// Words for the claim's own use.
    pub words: [AtomicU64; 8],
    notes: Notes,
}

/// The CPU that this code runs on, counted from the boot CPU's 0.
#[must_use]
pub fn index() -> u32 {
    let mpidr = MPIDR_EL1.get();
    // Sixteen CPUs per Aff1, as KVM and QEMU number them.
    let index = (mpidr & 0xff) + 16 * ((mpidr >> 8) & 0xff);
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// MPIDR affinity of CPU `index`, as CPU_ON and AFFINITY_INFO take it.
#[must_use]
pub fn mpidr(index: u64) -> u64 {
    (index & 0xf) | (index >> 4) << 8
}

/// The words of CPU `index`.
///
/// # Panics
///
/// If it has none: see [`MAX_CPUS`].
#[must_use]
pub fn cpu(index: u64) -> &'static Cpu {
    &CPUS[usize::try_from(index).unwrap_or(usize::MAX)]
}

/// The words of the CPU that this code runs on.
#[must_use]
pub fn current() -> &'static Cpu {
    cpu(u64::from(index()))
}

/// The entry point that [`power_on`] uses.
#[must_use]
pub fn entry_point() -> u64 {
    entry::secondary_entry()
}

/// The entry point of calls that [`Call::make_or_resume`] makes.
#[must_use]
pub fn resume_point() -> u64 {
    suspend::resume_entry()
}

/// CPU_ON of CPU `index` at the harness's entry, recorded.
pub fn power_on(index: u64, context: u64) -> Returned {
    firmware::hvc(CPU_ON_64, &[mpidr(index), entry_point(), context])
}

/// Waits until AFFINITY_INFO says that CPU `index` is off, recording the last answer only.
///
/// # Errors
///
/// After [`WAIT_SECONDS`].
pub fn wait_until_off(index: u64) -> Proof {
    let question = Call::hvc(AFFINITY_INFO_64, &[mpidr(index), 0]);
    // DEN0022 §5.1.5: 1 is OFF.
    question.repeat_until("AFFINITY_INFO after CPU_OFF", |answer| answer.code() == 1)
}

/// As [`wait_until_off`], leaving no line: for loops that tell their result once.
///
/// # Errors
///
/// After [`WAIT_SECONDS`].
pub fn wait_until_off_silently(index: u64) -> Proof {
    let question = Call::hvc(AFFINITY_INFO_64, &[mpidr(index), 0]);
    wait_until("AFFINITY_INFO after CPU_OFF", || {
        question.make_silently().code() == 1
    })
}

/// Waits until `condition` holds.
///
/// # Errors
///
/// After [`WAIT_SECONDS`], naming `what`.
pub fn wait_until(what: &'static str, mut condition: impl FnMut() -> bool) -> Proof {
    let deadline = Deadline::after_seconds(WAIT_SECONDS);
    while !condition() {
        if deadline.passed() {
            return Err(Failure::timed_out(what));
        }
        pause();
    }
    Ok(())
}

/// Waits a moment, giving the processor away. It ends by [`wake_all`], or by the event stream that
/// `entry` switches on.
pub fn pause() {
    asm::wfe();
}

/// Ends every CPU's [`pause`].
pub fn wake_all() {
    asm::sev();
}

/// Ends a started CPU's work: waits for an interrupt that never comes. The default secondary.
pub fn rest(_: &'static Cpu) {
    rest_for_ever()
}

/// Prints what CPU `index` recorded, in its order.
pub fn print_record(index: u64) {
    let notes = &cpu(index).notes;
    for note in notes.lines() {
        line!("cpu{index}: {note}");
    }
    if notes.overflowed() {
        line!("cpu{index}: (more calls than its notes hold)");
    }
}

pub(crate) fn rest_for_ever() -> ! {
    loop {
        asm::wfi();
    }
}

/// Everything a started CPU does after its first instructions.
pub(crate) fn run_secondary(entry: EntryState) -> ! {
    let cpu = current();
    cpu.enter(entry);
    (CLAIM.secondary)(cpu);
    rest_for_ever()
}

impl EntryState {
    /// From what an entry keeps in x0 to x7. CurrentEL, SPSel and DAIF are one word, where each has
    /// bits of its own.
    pub(crate) fn from_words(words: [u64; 8]) -> Self {
        let [x0, x1, x2, x3, pstate, sctlr, counter, mpidr] = words;
        Self {
            x: [x0, x1, x2, x3],
            level_and_stack: pstate & !DAIF,
            sctlr,
            daif: pstate & DAIF,
            counter,
            mpidr,
        }
    }

    fn to_words(self) -> [u64; 8] {
        let [x0, x1, x2, x3] = self.x;
        let pstate = self.level_and_stack | self.daif;
        [x0, x1, x2, x3, pstate, self.sctlr, self.counter, self.mpidr]
    }

    /// The state in which every CPU begins: EL1 on its own stack pointer, exceptions masked, MMU and
    /// caches off (DEN0022 §6.4).
    ///
    /// # Errors
    ///
    /// Naming what is otherwise.
    pub fn expect_reset(&self) -> Proof {
        expect::equal("CurrentEL and SPSel", self.level_and_stack, 0x5)?;
        expect::equal("DAIF", self.daif, 0x3C0)?;
        // M (0), C (2), I (12).
        expect::equal("SCTLR_EL1.{M, C, I}", self.sctlr & 0x1005, 0)
    }
}

impl Cpu {
    const fn new() -> Self {
        Self {
            starts: AtomicU64::new(0),
            entry: [const { AtomicU64::new(0) }; 8],
            words: [const { AtomicU64::new(0) }; 8],
            notes: Notes::new(),
        }
    }

    /// How often this CPU has been started since the machine was.
    #[must_use]
    pub fn starts(&self) -> u64 {
        self.starts.load(Ordering::Acquire)
    }

    /// Waits for the start that makes [`starts`](Self::starts) equal `count`.
    ///
    /// # Errors
    ///
    /// After [`WAIT_SECONDS`].
    pub fn wait_for_start(&self, count: u64) -> Proof {
        wait_until("start of a CPU", || self.starts() == count)
    }

    /// The state in which the last start found it.
    #[must_use]
    pub fn entry_state(&self) -> EntryState {
        EntryState::from_words(
            self.entry
                .each_ref()
                .map(|word| word.load(Ordering::Relaxed)),
        )
    }

    pub(crate) fn enter(&self, state: EntryState) {
        for (place, word) in self.entry.iter().zip(state.to_words()) {
            place.store(word, Ordering::Relaxed);
        }
        self.starts.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn record(&self, record: &Record) {
        self.notes.add(record);
    }
}

/// A moment of the virtual counter.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    end: u64,
}

impl Deadline {
    /// So many seconds from now.
    #[must_use]
    pub fn after_seconds(seconds: u64) -> Self {
        let ticks = CNTFRQ_EL0.get().saturating_mul(seconds);
        Self {
            end: CNTVCT_EL0.get().saturating_add(ticks),
        }
    }

    /// Whether it is over.
    #[must_use]
    pub fn passed(self) -> bool {
        CNTVCT_EL0.get() >= self.end
    }
}

/// Longest wait for another CPU. An emulated host is slow; the runner's own limit is longer.
pub const WAIT_SECONDS: u64 = 20;

/// DAIF, bits 9:6.
const DAIF: u64 = 0x3C0;

static CPUS: [Cpu; MAX_CPUS] = [const { Cpu::new() }; MAX_CPUS];
