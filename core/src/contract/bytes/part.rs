//! The parts of a contract, and the numbers by which they name things.

use super::super::{ClockPolicy, GicKind, ServedBy};
use crate::firmware::{Dialect, KvmGeneration, Level, Workaround};

/// The parts of schema 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    ServedBy,
    VcpuFeatures,
    IdRegisters,
    Implementation,
    Implementations,
    Caches,
    ZeroBlock,
    VectorLengths,
    PmuCounters,
    PsciVersion,
    PsciOptions,
    Workarounds,
    Services,
    StolenTime,
    Gic,
    Counter,
    AddressBits,
}

impl Part {
    pub(super) const fn tag(self) -> u16 {
        match self {
            Self::ServedBy => 1,
            Self::VcpuFeatures => 2,
            Self::IdRegisters => 3,
            Self::Implementation => 4,
            Self::Implementations => 5,
            Self::Caches => 6,
            Self::ZeroBlock => 7,
            Self::VectorLengths => 8,
            Self::PmuCounters => 9,
            Self::PsciVersion => 10,
            Self::PsciOptions => 11,
            Self::Workarounds => 12,
            Self::Services => 13,
            Self::StolenTime => 14,
            Self::Gic => 15,
            Self::Counter => 16,
            Self::AddressBits => 17,
        }
    }
}

pub(super) fn served_by(number: u64) -> Option<ServedBy> {
    SERVED_BY
        .into_iter()
        .find(|served_by| u64::from(served_by_number(*served_by)) == number)
}

pub(super) const fn served_by_number(served_by: ServedBy) -> u8 {
    match served_by {
        ServedBy::Kernel => 0,
        ServedBy::Core(Dialect::Specification) => 1,
        ServedBy::Core(Dialect::Kvm(KvmGeneration::V5_10)) => 2,
        ServedBy::Core(Dialect::Kvm(KvmGeneration::V6_1)) => 3,
        ServedBy::Core(Dialect::Kvm(KvmGeneration::V6_12)) => 4,
        ServedBy::Core(Dialect::Kvm(KvmGeneration::V7_3)) => 5,
    }
}

pub(super) const fn level_number(level: Level) -> u8 {
    match level {
        Level::NotAvailable => 0,
        Level::Available => 1,
        Level::NotRequired => 2,
    }
}

pub(super) const fn gic_number(kind: GicKind) -> u8 {
    match kind {
        GicKind::V2 => 2,
        GicKind::V3 => 3,
    }
}

pub(super) const fn policy_number(policy: ClockPolicy) -> u8 {
    match policy {
        ClockPolicy::Virtual => 0,
        ClockPolicy::VirtualAndPhysical => 1,
    }
}

pub(super) const PARTS: [Part; 17] = [
    Part::ServedBy,
    Part::VcpuFeatures,
    Part::IdRegisters,
    Part::Implementation,
    Part::Implementations,
    Part::Caches,
    Part::ZeroBlock,
    Part::VectorLengths,
    Part::PmuCounters,
    Part::PsciVersion,
    Part::PsciOptions,
    Part::Workarounds,
    Part::Services,
    Part::StolenTime,
    Part::Gic,
    Part::Counter,
    Part::AddressBits,
];
pub(super) const WORKAROUNDS: [Workaround; 4] = [
    Workaround::One,
    Workaround::Two,
    Workaround::Three,
    Workaround::Four,
];
const SERVED_BY: [ServedBy; 6] = [
    ServedBy::Kernel,
    ServedBy::Core(Dialect::Specification),
    ServedBy::Core(Dialect::Kvm(KvmGeneration::V5_10)),
    ServedBy::Core(Dialect::Kvm(KvmGeneration::V6_1)),
    ServedBy::Core(Dialect::Kvm(KvmGeneration::V6_12)),
    ServedBy::Core(Dialect::Kvm(KvmGeneration::V7_3)),
];
