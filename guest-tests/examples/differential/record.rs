//! One call of the list: who makes it, how, with what, and what becomes of power.
//!
//! Twelve words. The first one, from its lowest byte: CPU; conduit (0 HVC, 1 SMC); immediate, two
//! bytes, at most 3; what is expected (0 it returns, 1 it does not and its CPU is off, 2 it returns
//! and a CPU starts); the CPU that starts; two bytes of zero. Then x0 to x10.

use core::array;

use vambrace_guest_tests::firmware::{self, CPU_ON_32, CPU_ON_64, Conduit};

/// A record that makes sense by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) cpu: u64,
    pub(crate) conduit: Conduit,
    pub(crate) expected: Expected,
    /// x0 to x10.
    given: [u64; WORDS - 1],
}

/// What a call is expected to do to power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Returns,
    /// It does not return: its CPU is off.
    Leaves,
    /// It returns, and this CPU has been started.
    Starts(u64),
}

/// x0 to x17.
pub(crate) type Registers = [u64; 18];

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// In words, what it says that no record can.
    pub(crate) fn parse(words: &[u64; WORDS]) -> Result<Self, &'static str> {
        let [first, given @ ..] = *words;
        let [cpu, conduit, low, high, expected, started, 0, 0] = first.to_le_bytes() else {
            return Err("bits 63:48 of its first word are not zero");
        };
        Ok(Self {
            cpu: cpu.into(),
            conduit: parse_conduit(conduit, u16::from_le_bytes([low, high]))?,
            expected: match (expected, started) {
                (0, 0) => Expected::Returns,
                (1, 0) => Expected::Leaves,
                (2, started) => Expected::Starts(started.into()),
                (0 | 1, _) => return Err("it names a CPU to start and does not expect one to"),
                _ => return Err("it expects something other than 0, 1 or 2"),
            },
            given,
        })
    }

    /// x0 to x17 at the call. From x11 up the list has nothing.
    pub(crate) fn registers(&self) -> Registers {
        array::from_fn(|index| match self.given.get(index) {
            Some(given) => *given,
            None => firmware::pattern(index),
        })
    }

    /// Whether a call that left these registers has started a CPU: CPU_ON answered SUCCESS, 0.
    pub(crate) fn has_started_a_cpu(&self, after: &Registers) -> bool {
        let is_cpu_on = [CPU_ON_32, CPU_ON_64, CPU_ON_0_1].contains(&self.id());
        is_cpu_on && after[0].trailing_zeros() >= 32
    }

    /// Whether a CPU that starts with this in x0 was passed the record's context: all of it by the
    /// SMC64 form, the low half by the others (DEN0022 §5.1.4).
    pub(crate) fn passes(&self, x0: u64) -> bool {
        let [.., context, _, _, _, _, _, _, _] = self.given;
        match self.id() {
            CPU_ON_64 => x0 == context,
            CPU_ON_32 => x0 == context & 0xFFFF_FFFF,
            _ => (x0 ^ context).trailing_zeros() >= 32,
        }
    }

    /// The function id without SMCCC 1.3's hint about SVE (DEN0028 §2.5).
    fn id(&self) -> u32 {
        self.given[0] as u32 & !0x1_0000
    }
}

fn parse_conduit(conduit: u8, immediate: u16) -> Result<Conduit, &'static str> {
    match (conduit, immediate) {
        (0, 0) => Ok(Conduit::Hvc),
        (0, 1) => Ok(Conduit::Hvc1),
        (0, 2) => Ok(Conduit::Hvc2),
        (0, 3) => Ok(Conduit::Hvc3),
        (1, 0) => Ok(Conduit::Smc),
        (1, 1) => Ok(Conduit::Smc1),
        (1, 2) => Ok(Conduit::Smc2),
        (1, 3) => Ok(Conduit::Smc3),
        (0 | 1, _) => Err("its immediate is greater than 3"),
        _ => Err("its conduit is neither 0 (HVC) nor 1 (SMC)"),
    }
}

/// Words of a record.
pub(crate) const WORDS: usize = 12;

/// CPU_ON as KVM numbers it for PSCI 0.1.
const CPU_ON_0_1: u32 = 0x95C1_BA60;
