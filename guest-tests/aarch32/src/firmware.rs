//! Firmware calls, each counted and recorded.
//!
//! Every register that a call does not use holds a pattern of its own (`0xa5a5_00nn` for rnn), so that
//! firmware which looks at one, or changes one of r4 to r11, is seen. Numbers: PSCI, DEN0022 §5.1 and
//! §5.2.2; TRNG, DEN0098 §2; calling convention, DEN0028 §2.5 and §7.1.

use core::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
};

pub use crate::arch::conduit::Conduit;
use crate::{arch::conduit::REGISTERS, line, noinit};

/// SMCCC_VERSION
pub const SMCCC_VERSION: u32 = 0x8000_0000;
/// PSCI_VERSION
pub const PSCI_VERSION: u32 = 0x8400_0000;
/// CPU_OFF
pub const CPU_OFF: u32 = 0x8400_0002;
/// CPU_ON, SMC32
pub const CPU_ON: u32 = 0x8400_0003;
/// AFFINITY_INFO, SMC32
pub const AFFINITY_INFO: u32 = 0x8400_0004;
/// MIGRATE_INFO_TYPE
pub const MIGRATE_INFO_TYPE: u32 = 0x8400_0006;
/// SYSTEM_OFF
pub const SYSTEM_OFF: u32 = 0x8400_0008;
/// SYSTEM_RESET
pub const SYSTEM_RESET: u32 = 0x8400_0009;
/// PSCI_FEATURES
pub const PSCI_FEATURES: u32 = 0x8400_000A;
/// SYSTEM_RESET2, SMC32
pub const SYSTEM_RESET2: u32 = 0x8400_0012;
/// TRNG_VERSION
pub const TRNG_VERSION: u32 = 0x8400_0050;
/// TRNG_RND32
pub const TRNG_RND32: u32 = 0x8400_0053;

/// One call: the instruction, the function id, and the arguments that are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    conduit: Conduit,
    id: u32,
    arguments: [u32; 3],
    given: usize,
}

/// What a call left in the registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// r0 to r3.
    pub r: [u32; 4],
    /// Bit n: rn differs from before the call; r4 to r11 only.
    changed: u32,
}

/// Makes a recorded call by `hvc #0`.
pub fn hvc(id: u32, arguments: &[u32]) -> Returned {
    Call::hvc(id, arguments).make()
}

/// Makes a recorded call by `smc #0`.
pub fn smc(id: u32, arguments: &[u32]) -> Returned {
    Call::by(Conduit::Smc, id, arguments).make()
}

impl Call {
    /// A call by `hvc #0` with up to three arguments; further ones are left out.
    #[must_use]
    pub fn hvc(id: u32, arguments: &[u32]) -> Self {
        Self::by(Conduit::Hvc, id, arguments)
    }

    /// A call by either instruction.
    #[must_use]
    pub fn by(conduit: Conduit, id: u32, arguments: &[u32]) -> Self {
        let mut call = Self {
            conduit,
            id,
            arguments: [0; 3],
            given: arguments.len().min(3),
        };
        for (place, argument) in call.arguments.iter_mut().zip(arguments) {
            *place = *argument;
        }
        call
    }

    /// The function id.
    #[must_use]
    pub fn id(self) -> u32 {
        self.id
    }

    /// Makes the call and records it. On the boot CPU: others make theirs silently.
    pub fn make(self) -> Returned {
        let returned = self.make_silently();
        line!("{self} = {returned}");
        returned
    }

    /// Records that a call follows which is not expected to return.
    pub fn announce(self) {
        line!("{self} = no return");
    }

    /// Makes the call and records what kind of answer it gave, not which: for values that differ
    /// from run to run.
    pub fn make_told(self, kind: impl FnOnce(Returned) -> &'static str) -> Returned {
        let returned = self.make_silently();
        line!("{self} = {}", kind(returned));
        returned
    }

    /// Makes the call; it is counted, but not recorded.
    pub fn make_silently(self) -> Returned {
        match self.id {
            // Arm architecture calls, SMC32 and SMC64.
            0x8000_0000..=0x8000_FFFF | 0xC000_0000..=0xC000_FFFF => noinit::count_architecture(),
            _ => noinit::count_forwarded(),
        }
        let mut registers: [u32; REGISTERS] = core::array::from_fn(pattern);
        registers[0] = self.id;
        registers[1..=self.given].copy_from_slice(&self.arguments[..self.given]);
        self.conduit.call(&mut registers);
        let returned = Returned::from_registers(&registers);
        if returned.changed != 0 {
            CHANGED.fetch_add(1, Ordering::Relaxed);
        }
        returned
    }
}

impl Returned {
    fn from_registers(registers: &[u32; REGISTERS]) -> Self {
        let mut changed = 0;
        for (index, register) in registers.iter().enumerate().skip(4) {
            if *register != pattern(index) {
                changed |= 1 << index;
            }
        }
        let [r0, r1, r2, r3, ..] = *registers;
        Self {
            r: [r0, r1, r2, r3],
            changed,
        }
    }

    /// r0, signed.
    #[must_use]
    pub fn code(self) -> i32 {
        self.r[0].cast_signed()
    }
}

/// How many calls changed one of r4 to r11.
pub(crate) fn changed_registers() -> u32 {
    CHANGED.load(Ordering::Relaxed)
}

impl fmt::Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (conduit, id) = (self.conduit.name(), self.id);
        write!(out, "{conduit} {} {id:#x}(", name(id))?;
        for (index, argument) in self.arguments[..self.given].iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(out, "{separator}{argument:#x}")?;
        }
        out.write_str(")")
    }
}

impl fmt::Display for Returned {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r0, r1, r2, r3] = self.r;
        write!(out, "{r0:#x} {r1:#x} {r2:#x} {r3:#x}")?;
        if self.changed != 0 {
            out.write_str(" r4-r11 changed:")?;
            for index in (4..REGISTERS).filter(|index| self.changed & (1 << index) != 0) {
                write!(out, " r{index}")?;
            }
        }
        Ok(())
    }
}

fn pattern(index: usize) -> u32 {
    0xA5A5_0000 | index as u32
}

/// A function's name in its specification.
fn name(id: u32) -> &'static str {
    match id {
        SMCCC_VERSION => "SMCCC_VERSION",
        PSCI_VERSION => "PSCI_VERSION",
        CPU_OFF => "CPU_OFF",
        CPU_ON => "CPU_ON",
        AFFINITY_INFO => "AFFINITY_INFO",
        MIGRATE_INFO_TYPE => "MIGRATE_INFO_TYPE",
        SYSTEM_OFF => "SYSTEM_OFF",
        SYSTEM_RESET => "SYSTEM_RESET",
        PSCI_FEATURES => "PSCI_FEATURES",
        SYSTEM_RESET2 => "SYSTEM_RESET2",
        TRNG_VERSION => "TRNG_VERSION",
        TRNG_RND32 => "TRNG_RND32",
        _ => "unknown",
    }
}

/// Calls that changed one of r4 to r11, by all CPUs.
static CHANGED: AtomicU32 = AtomicU32::new(0);
