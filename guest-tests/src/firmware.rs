//! Firmware calls, each counted and recorded.
//!
//! Every register that a call does not use holds a pattern of its own (`0xa5a5_0000_0000_00nn` for
//! xnn), so that firmware which looks at one, or changes one of x4 to x17, is seen. Numbers: PSCI,
//! DEN0022 §5.1 and §5.2.2; calling convention, DEN0028 §2.5 and §7.1.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

pub use crate::arch::conduit::Conduit;
use crate::{
    arch::{
        conduit::REGISTERS,
        suspend::{self, Way},
    },
    claim::CLAIM,
    cpus::{self, Deadline, EntryState, WAIT_SECONDS},
    expect::{Failure, Proof},
    functions, line, noinit,
};

/// SMCCC_VERSION
pub const SMCCC_VERSION: u32 = 0x8000_0000;
/// SMCCC_ARCH_FEATURES
pub const ARCH_FEATURES: u32 = 0x8000_0001;
/// PSCI_VERSION
pub const PSCI_VERSION: u32 = 0x8400_0000;
/// CPU_SUSPEND, SMC32
pub const CPU_SUSPEND_32: u32 = 0x8400_0001;
/// CPU_SUSPEND, SMC64
pub const CPU_SUSPEND_64: u32 = 0xC400_0001;
/// CPU_OFF
pub const CPU_OFF: u32 = 0x8400_0002;
/// CPU_ON, SMC32
pub const CPU_ON_32: u32 = 0x8400_0003;
/// CPU_ON, SMC64
pub const CPU_ON_64: u32 = 0xC400_0003;
/// AFFINITY_INFO, SMC32
pub const AFFINITY_INFO_32: u32 = 0x8400_0004;
/// AFFINITY_INFO, SMC64
pub const AFFINITY_INFO_64: u32 = 0xC400_0004;
/// MIGRATE_INFO_TYPE
pub const MIGRATE_INFO_TYPE: u32 = 0x8400_0006;
/// SYSTEM_OFF
pub const SYSTEM_OFF: u32 = 0x8400_0008;
/// SYSTEM_RESET
pub const SYSTEM_RESET: u32 = 0x8400_0009;
/// PSCI_FEATURES
pub const PSCI_FEATURES: u32 = 0x8400_000A;
/// SYSTEM_RESET2, SMC32
pub const SYSTEM_RESET2_32: u32 = 0x8400_0012;
/// SYSTEM_RESET2, SMC64
pub const SYSTEM_RESET2_64: u32 = 0xC400_0012;

/// One call: the instruction, x0 whole, and the arguments that are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    conduit: Conduit,
    x0: u64,
    arguments: [u64; 3],
    given: usize,
}

/// What a call left in the registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// x0 to x3.
    pub x: [u64; 4],
    /// Bit n: xn differs from before the call; x4 to x17 only.
    changed: u32,
}

/// A call as the transcript tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    call: Call,
    answer: Answer,
}

/// What the transcript says of a call's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It does not return.
    Nothing,
    /// x0 to x3.
    Registers(Returned),
    /// x0 to x17.
    Wide([u64; REGISTERS]),
    /// What kind of answer it was: the registers differ from run to run.
    Kind(&'static str),
    /// It came back at its entry point, with this in x0.
    Resumed(u64),
}

/// How a call came back that may power its CPU down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wakeup {
    /// Behind the call.
    Returned(Returned),
    /// At the entry point, in this state.
    Resumed(EntryState),
}

/// Makes a recorded call by `hvc #0`.
pub fn hvc(id: u32, arguments: &[u64]) -> Returned {
    Call::hvc(id, arguments).make()
}

/// Makes a recorded call by `smc #0`.
pub fn smc(id: u32, arguments: &[u64]) -> Returned {
    Call::by(Conduit::Smc, id, arguments).make()
}

/// The pattern in register `index` when a call does not use it.
#[must_use]
pub fn pattern(index: usize) -> u64 {
    0xA5A5_0000_0000_0000 | index as u64
}

impl Call {
    /// A call by `hvc #0` with up to three arguments; further ones are left out.
    #[must_use]
    pub fn hvc(id: u32, arguments: &[u64]) -> Self {
        Self::by(Conduit::Hvc, id, arguments)
    }

    /// A call by any instruction.
    #[must_use]
    pub fn by(conduit: Conduit, id: u32, arguments: &[u64]) -> Self {
        Self::with_x0(conduit, u64::from(id), arguments)
    }

    /// A call whose x0 is given whole, with a function id in its low half.
    #[must_use]
    pub fn with_x0(conduit: Conduit, x0: u64, arguments: &[u64]) -> Self {
        let mut call = Self {
            conduit,
            x0,
            arguments: [0; 3],
            given: arguments.len().min(3),
        };
        for (place, argument) in call.arguments.iter_mut().zip(arguments) {
            *place = *argument;
        }
        call
    }

    /// Makes the call and records it.
    pub fn make(self) -> Returned {
        let returned = self.make_silently();
        record(&self.answered(returned));
        returned
    }

    /// Makes and records a call that answers in all of x0 to x17 (SMCCC_ARCH_SOC_ID's name alone).
    pub fn make_wide(self) -> [u64; REGISTERS] {
        self.count();
        let mut registers = self.registers();
        self.conduit.call(&mut registers);
        record(&self.told(Answer::Wide(registers)));
        registers
    }

    /// Makes a call that is not expected to return: recorded before it is made, and once more if
    /// it returns.
    pub fn make_last(self) -> Returned {
        record(&self.unanswered());
        self.make()
    }

    /// Makes the call and records the kind of its answer instead of the registers, which differ
    /// from run to run.
    pub fn make_told(self, kind: impl FnOnce(Returned) -> &'static str) -> Returned {
        let returned = self.make_silently();
        record(&self.told(Answer::Kind(kind(returned))));
        returned
    }

    /// Makes a call, by `hvc #0`, that may come back at its entry point if that is
    /// [`cpus::resume_point`]; records which way.
    pub fn make_or_resume(self) -> Wakeup {
        self.count();
        let mut registers = self.registers();
        match suspend::call(&mut registers) {
            Way::Returned => {
                let returned = Returned::from_registers(&registers);
                record(&self.answered(returned));
                Wakeup::Returned(returned)
            }
            Way::Resumed(state) => {
                record(&self.told(Answer::Resumed(state.x[0])));
                Wakeup::Resumed(state)
            }
        }
    }

    /// Makes the call; it is counted, but not recorded.
    pub fn make_silently(self) -> Returned {
        self.count();
        let mut registers = self.registers();
        self.conduit.call(&mut registers);
        Returned::from_registers(&registers)
    }

    /// Makes the call until its answer satisfies `done`, and records the last answer only: how many
    /// it takes is chance.
    ///
    /// # Errors
    ///
    /// After [`WAIT_SECONDS`], naming `what`.
    pub fn repeat_until(self, what: &'static str, done: impl Fn(Returned) -> bool) -> Proof {
        let deadline = Deadline::after_seconds(WAIT_SECONDS);
        loop {
            let late = deadline.passed();
            let returned = self.make_silently();
            if done(returned) || late {
                record(&self.answered(returned));
                return if late {
                    Err(Failure::timed_out(what))
                } else {
                    Ok(())
                };
            }
            core::hint::spin_loop();
        }
    }

    pub(crate) fn answered(self, returned: Returned) -> Record {
        self.told(Answer::Registers(returned))
    }

    pub(crate) fn unanswered(self) -> Record {
        self.told(Answer::Nothing)
    }

    fn told(self, answer: Answer) -> Record {
        Record { call: self, answer }
    }

    /// x0 to x17 before the call.
    fn registers(self) -> [u64; REGISTERS] {
        let mut registers = core::array::from_fn(pattern);
        registers[0] = self.x0;
        registers[1..=self.given].copy_from_slice(&self.arguments[..self.given]);
        registers
    }

    /// The function id: the low half of x0 (DEN0028 §2.6).
    fn id(self) -> u32 {
        self.x0 as u32
    }

    fn count(self) {
        if !self.conduit.reaches_the_firmware() {
            return;
        }
        match self.id() {
            // Arm architecture calls, SMC32 and SMC64.
            0x8000_0000..=0x8000_FFFF | 0xC000_0000..=0xC000_FFFF => noinit::count_architecture(),
            // Promised, it stays with KVM: only the kernel reads both clocks at one instant.
            0x8600_0001 if CLAIM.is_given("ptp") => noinit::count_architecture(),
            _ => noinit::count_forwarded(),
        }
    }
}

impl Returned {
    /// Counts the call if it changed one of x4 to x17.
    fn from_registers(registers: &[u64; REGISTERS]) -> Self {
        let mut changed = 0;
        for (index, register) in registers.iter().enumerate().skip(4) {
            if *register != pattern(index) {
                changed |= 1 << index;
            }
        }
        if changed != 0 {
            CHANGED.fetch_add(1, Ordering::Relaxed);
        }
        let [x0, x1, x2, x3, ..] = *registers;
        Self {
            x: [x0, x1, x2, x3],
            changed,
        }
    }

    /// x0 as PSCI and SMCCC return codes are: 32 bits, signed.
    #[must_use]
    pub fn code(self) -> i32 {
        (self.x[0] as u32).cast_signed()
    }

    /// Whether x4 to x17 are as before the call.
    #[must_use]
    pub fn kept_x4_to_x17(self) -> bool {
        self.changed == 0
    }
}

/// Prints a record on the boot CPU (and on one that crashed), keeps it on the others.
pub(crate) fn record(record: &Record) {
    if cpus::index() == 0 || crate::crash::here() {
        line!("{record}");
    } else {
        cpus::current().record(record);
    }
}

/// How many calls changed one of x4 to x17.
pub(crate) fn changed_registers() -> u64 {
    CHANGED.load(Ordering::Relaxed)
}

impl fmt::Display for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.call;
        write!(
            out,
            "{} {} {:#x}(",
            call.conduit.name(),
            functions::name(call.id()),
            call.x0
        )?;
        for (index, argument) in call.arguments[..call.given].iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(out, "{separator}{argument:#x}")?;
        }
        out.write_str(") = ")?;
        match self.answer {
            Answer::Nothing => out.write_str("no return"),
            Answer::Registers(returned) => returned.fmt(out),
            Answer::Wide(registers) => {
                for (index, register) in registers.iter().enumerate() {
                    let separator = if index == 0 { "" } else { " " };
                    write!(out, "{separator}{register:#x}")?;
                }
                Ok(())
            }
            Answer::Kind(kind) => out.write_str(kind),
            Answer::Resumed(x0) => write!(out, "resumed at the entry with {x0:#x}"),
        }
    }
}

impl fmt::Display for Returned {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x0, x1, x2, x3] = self.x;
        write!(out, "{x0:#x} {x1:#x} {x2:#x} {x3:#x}")?;
        if !self.kept_x4_to_x17() {
            out.write_str(" x4-x17 changed:")?;
            for index in (4..REGISTERS).filter(|index| self.changed & (1 << index) != 0) {
                write!(out, " x{index}")?;
            }
        }
        Ok(())
    }
}

/// Calls that changed one of x4 to x17, by all CPUs.
static CHANGED: AtomicU64 = AtomicU64::new(0);
