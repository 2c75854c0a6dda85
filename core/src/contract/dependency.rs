//! Fields that mean nothing without others, and what kernels do about them.
//!
//! From Linux 7.3 on, KVM clears such a field without a word when the machine first runs, if what
//! it depends on was written away (`arch/arm64/kvm/config.c`, `kvm_idregs_enforce_dependencies`).
//! Older kernels leave it. Where one hides a prerequisite and shows the field, a guest that uses the
//! field and lands on a newer kernel loses it while it runs.
//!
//! No CPU of the lab has such a field: this rule is read from the kernel and was not seen there.

use super::KernelRelease;
use crate::cpu::{Field, IdRegisters};
use crate::firmware::KvmGeneration;

/// A field that a kernel clears, and the first prerequisite that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cleared {
    /// Which.
    pub(super) field: Field,
    /// What was promised of it.
    pub(super) promised: u64,
    /// What is 0.
    pub(super) missing: Field,
}

/// The fields of `registers` that are not 0 and lack a prerequisite.
pub(super) fn cleared_dependents(registers: &IdRegisters) -> impl Iterator<Item = Cleared> + use<> {
    let registers = *registers;
    DEPENDENTS.into_iter().filter_map(move |field| {
        let promised = registers.field(field);
        let missing = PREREQUISITES
            .into_iter()
            .find(|prerequisite| registers.field(*prerequisite) == 0)?;
        (promised != 0).then_some(Cleared {
            field,
            promised,
            missing,
        })
    })
}

impl KernelRelease {
    /// Whether it clears fields whose prerequisites are 0.
    pub(super) fn clears_dependents(self) -> bool {
        self >= Self::of(KvmGeneration::V7_3)
    }
}

/// FEAT_S1PIE and FEAT_S1POE.
const DEPENDENTS: [Field; 2] = [Field::ID_AA64MMFR3_EL1_S1PIE, Field::ID_AA64MMFR3_EL1_S1POE];
/// FEAT_TCR2, FEAT_ATS1A and FEAT_HPDS.
const PREREQUISITES: [Field; 3] = [
    Field::ID_AA64MMFR3_EL1_TCRX,
    Field::ID_AA64ISAR2_EL1_ATS1A,
    Field::ID_AA64MMFR1_EL1_HPDS,
];
