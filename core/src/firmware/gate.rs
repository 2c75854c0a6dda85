//! The gate table: every function this firmware knows, what it needs, and what opens it.
//!
//! One row per function id. The guest's call, PSCI_FEATURES, SMCCC_ARCH_FEATURES and the registers
//! that a backend fetches are all read off this table, so what is advertised and what is served
//! cannot part.

use super::Workaround;
use crate::psci::{self, PsciVersion};
use crate::smccc::{self, FunctionId, Needs};

/// A function, by the service that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Of the Arm Architecture service.
    Architecture(smccc::Function),
    /// Of PSCI.
    Psci(psci::Function),
}

/// What must hold for a function to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Nothing: every machine has it.
    Always,
    /// The machine's PSCI version is this or newer.
    Psci(PsciVersion),
    /// The machine promises a level of this workaround.
    Workaround(Workaround),
}

/// One function id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The id, with the width in bit 30.
    pub id: FunctionId,
    /// The function it names.
    pub function: Function,
    /// What the answer depends on beyond the id.
    pub needs: Needs,
    /// What opens it.
    pub gate: Gate,
}

const fn architecture(id: FunctionId, function: smccc::Function, needs: Needs, gate: Gate) -> Row {
    Row {
        id,
        function: Function::Architecture(function),
        needs,
        gate,
    }
}

const fn psci(id: FunctionId, function: psci::Function, needs: Needs, since: PsciVersion) -> Row {
    Row {
        id,
        function: Function::Psci(function),
        needs,
        gate: Gate::Psci(since),
    }
}

const NONE: Needs = Needs::NOTHING;
const ONE: Needs = Needs::arguments_only(1);
const TWO: Needs = Needs::arguments_only(2);
const START: Needs = Needs::arguments_and_endianness(3);
const V0_2: PsciVersion = PsciVersion::V0_2;
const V1_0: PsciVersion = PsciVersion::V1_0;
const V1_1: PsciVersion = PsciVersion::V1_1;
const WORKAROUND_1: Gate = Gate::Workaround(Workaround::One);
const WORKAROUND_2: Gate = Gate::Workaround(Workaround::Two);
const WORKAROUND_3: Gate = Gate::Workaround(Workaround::Three);

/// All of them, in ascending order of id.
#[rustfmt::skip]
pub const FUNCTIONS: [Row; 19] = [
    architecture(FunctionId::SMCCC_VERSION,           smccc::Function::Version,      NONE, Gate::Always),
    architecture(FunctionId::SMCCC_ARCH_FEATURES,     smccc::Function::ArchFeatures, ONE,  Gate::Always),
    architecture(FunctionId::SMCCC_ARCH_WORKAROUND_3, smccc::Function::Workaround,   NONE, WORKAROUND_3),
    architecture(FunctionId::SMCCC_ARCH_WORKAROUND_2, smccc::Function::Workaround,   NONE, WORKAROUND_2),
    architecture(FunctionId::SMCCC_ARCH_WORKAROUND_1, smccc::Function::Workaround,   NONE, WORKAROUND_1),
    psci(FunctionId::PSCI_VERSION,      psci::Function::Version,         NONE,  V0_2),
    psci(FunctionId::CPU_SUSPEND_32,    psci::Function::CpuSuspend,      START, V0_2),
    psci(FunctionId::CPU_OFF,           psci::Function::CpuOff,          NONE,  V0_2),
    psci(FunctionId::CPU_ON_32,         psci::Function::CpuOn,           START, V0_2),
    psci(FunctionId::AFFINITY_INFO_32,  psci::Function::AffinityInfo,    TWO,   V0_2),
    psci(FunctionId::MIGRATE_INFO_TYPE, psci::Function::MigrateInfoType, NONE,  V0_2),
    psci(FunctionId::SYSTEM_OFF,        psci::Function::SystemOff,       NONE,  V0_2),
    psci(FunctionId::SYSTEM_RESET,      psci::Function::SystemReset,     NONE,  V0_2),
    psci(FunctionId::PSCI_FEATURES,     psci::Function::Features,        ONE,   V1_0),
    psci(FunctionId::SYSTEM_RESET2_32,  psci::Function::SystemReset2,    TWO,   V1_1),
    psci(FunctionId::CPU_SUSPEND_64,    psci::Function::CpuSuspend,      START, V0_2),
    psci(FunctionId::CPU_ON_64,         psci::Function::CpuOn,           START, V0_2),
    psci(FunctionId::AFFINITY_INFO_64,  psci::Function::AffinityInfo,    TWO,   V0_2),
    psci(FunctionId::SYSTEM_RESET2_64,  psci::Function::SystemReset2,    TWO,   V1_1),
];

/// The row of `id`, open or not.
pub(super) fn find(id: FunctionId) -> Option<&'static Row> {
    let place = FUNCTIONS.binary_search_by_key(&id, |row| row.id).ok()?;
    FUNCTIONS.get(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_ascend_so_that_bisection_finds_each() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.id < b.id));
        for row in &FUNCTIONS {
            assert_eq!(find(row.id), Some(row));
        }
    }

    #[test]
    fn ids_are_the_specifications() {
        assert_eq!(
            FUNCTIONS.map(|row| row.id.value()),
            [
                0x8000_0000,
                0x8000_0001,
                0x8000_3fff,
                0x8000_7fff,
                0x8000_8000,
                0x8400_0000,
                0x8400_0001,
                0x8400_0002,
                0x8400_0003,
                0x8400_0004,
                0x8400_0006,
                0x8400_0008,
                0x8400_0009,
                0x8400_000a,
                0x8400_0012,
                0xc400_0001,
                0xc400_0003,
                0xc400_0004,
                0xc400_0012,
            ]
        );
    }

    #[test]
    fn ids_between_the_rows_are_unknown() {
        for id in [
            0,
            0x0400_0000,
            0x8400_0005,
            0x8400_000b,
            0x8401_0003,
            0xc400_0000,
            u32::MAX,
        ] {
            assert_eq!(find(FunctionId::new(id)), None, "{id:#x}");
        }
    }
}
