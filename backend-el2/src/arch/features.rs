//! What this CPU has beyond Armv8.0, as its ID registers tell.
//!
//! The guest sees the same registers, so what is there has to work: EL2 lets through every control
//! that would trap it ([`guest`](super::guest)), and clears its registers at a reset
//! ([`reset`](super::reset)).

use super::registers::{
    read_id_aa64dfr0_el1, read_id_aa64isar1_el1, read_id_aa64isar2_el1, read_id_aa64mmfr0_el1,
    read_id_aa64mmfr1_el1, read_id_aa64mmfr3_el1, read_id_aa64pfr0_el1, read_id_aa64pfr1_el1,
    read_id_aa64pfr2_el1,
};

/// A field of an ID register, by its lowest bit, and the least value that tells of the feature. 0xf
/// is in no field the next version: it is "not there" of those with a sign, or not Arm's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Feature(fn() -> u64, u32, u64);

impl Feature {
    pub(super) const AARCH32_EL1: Self = Self(read_id_aa64pfr0_el1, 4, 2);
    pub(super) const FP: Self = Self(read_id_aa64pfr0_el1, 16, 0);
    pub(super) const RAS: Self = Self(read_id_aa64pfr0_el1, 28, 1);
    pub(super) const SVE: Self = Self(read_id_aa64pfr0_el1, 32, 1);
    pub(super) const MPAM: Self = Self(read_id_aa64pfr0_el1, 40, 1);
    pub(super) const AMU: Self = Self(read_id_aa64pfr0_el1, 44, 1);
    /// `FEAT_CSV2_2`: the numbers of contexts, SCXTNUM.
    pub(super) const CSV2_2: Self = Self(read_id_aa64pfr0_el1, 56, 2);
    /// The same, told beside.
    pub(super) const CSV2_1P2: Self = Self(read_id_aa64pfr1_el1, 32, 2);
    /// `FEAT_MTE2`: tags in memory.
    pub(super) const MTE2: Self = Self(read_id_aa64pfr1_el1, 8, 2);
    pub(super) const SME: Self = Self(read_id_aa64pfr1_el1, 24, 1);
    pub(super) const NMI: Self = Self(read_id_aa64pfr1_el1, 36, 1);
    pub(super) const GCS: Self = Self(read_id_aa64pfr1_el1, 44, 1);
    pub(super) const FPMR: Self = Self(read_id_aa64pfr2_el1, 32, 1);
    pub(super) const PMU: Self = Self(read_id_aa64dfr0_el1, 8, 1);
    pub(super) const SPE: Self = Self(read_id_aa64dfr0_el1, 32, 1);
    pub(super) const TRACE_FILTER: Self = Self(read_id_aa64dfr0_el1, 40, 1);
    pub(super) const TRACE_BUFFER: Self = Self(read_id_aa64dfr0_el1, 44, 1);
    pub(super) const BRBE: Self = Self(read_id_aa64dfr0_el1, 52, 1);
    pub(super) const FGT: Self = Self(read_id_aa64mmfr0_el1, 56, 1);
    pub(super) const LOR: Self = Self(read_id_aa64mmfr1_el1, 16, 1);
    pub(super) const PAN: Self = Self(read_id_aa64mmfr1_el1, 20, 1);
    pub(super) const HCX: Self = Self(read_id_aa64mmfr1_el1, 40, 1);
    pub(super) const TCR2: Self = Self(read_id_aa64mmfr3_el1, 0, 1);
    pub(super) const SCTLR2: Self = Self(read_id_aa64mmfr3_el1, 4, 1);
    pub(super) const S1PIE: Self = Self(read_id_aa64mmfr3_el1, 8, 1);
    pub(super) const S1POE: Self = Self(read_id_aa64mmfr3_el1, 16, 1);
    pub(super) const S2POE: Self = Self(read_id_aa64mmfr3_el1, 20, 1);
    pub(super) const AIE: Self = Self(read_id_aa64mmfr3_el1, 24, 1);

    /// Does this CPU have it?
    pub(super) fn is_there(self) -> bool {
        let Self(register, shift, least) = self;
        (least..0xf).contains(&(register() >> shift & 0xf))
    }
}

/// Pointer authentication, by whichever algorithm.
pub(super) fn authenticates_pointers() -> bool {
    // ID_AA64ISAR1_EL1: GPI, GPA, API, APA. ID_AA64ISAR2_EL1: APA3, GPA3.
    read_id_aa64isar1_el1() & 0xff00_0ff0 | read_id_aa64isar2_el1() & 0xff00 != 0
}

/// Numbers of contexts, SCXTNUM.
pub(super) fn numbers_contexts() -> bool {
    Feature::CSV2_2.is_there() || Feature::CSV2_1P2.is_there()
}
