//! The firmware registers: PSCI's version, the levels of workarounds, the bitmaps of services.

use vambrace_core::contract::{
    KernelRelease, PsciVersions, ServiceLimit, ValueSet, WorkaroundLimits,
};
use vambrace_core::cpu::Field;

use super::Result;
use super::scratch::{Answer, Scratch};
use crate::sys::{Host, RegisterId};

/// The versions that KVM can be given. None where they cannot be chosen.
pub(super) fn psci_versions<H: Host>(scratch: &mut Scratch<'_, H>) -> Result<PsciVersions> {
    let register = RegisterId::PSCI_VERSION;
    let Some(before) = scratch.register(register)? else {
        return Ok(PsciVersions::empty());
    };
    let mut accepted = PsciVersions::empty();
    for (value, version) in PSCI_VERSIONS {
        let answer = scratch.attempt(register, before, value)?;
        accepted.set(version, answer == Answer::Stored);
    }
    Ok(accepted)
}

/// What the levels' registers take. They keep nothing and read as the host's level, so only what
/// they refuse tells.
pub(super) fn workarounds<H: Host>(scratch: &mut Scratch<'_, H>) -> Result<WorkaroundLimits> {
    Ok(WorkaroundLimits {
        one: scratch.taken(RegisterId::WORKAROUND_1, LEVELS)?,
        two: scratch.taken(RegisterId::WORKAROUND_2, LEVELS)?,
        two_without_ssbs: without_ssbs(scratch)?,
        three: scratch.taken(RegisterId::WORKAROUND_3, LEVELS)?,
    })
}

/// What WORKAROUND_2 takes of a guest that is told it has no SSBS; None where it cannot be told.
fn without_ssbs<H: Host>(scratch: &mut Scratch<'_, H>) -> Result<Option<ValueSet>> {
    let register = RegisterId::ID_AA64PFR1_EL1;
    let Some(before) = scratch.register(register)? else {
        return Ok(None);
    };
    let without = before & !Field::ID_AA64PFR1_EL1_SSBS.mask();
    let (answer, taken) = scratch.attempt_and(register, before, without, |scratch| {
        scratch.taken(RegisterId::WORKAROUND_2, LEVELS)
    })?;
    Ok(taken.filter(|_| answer == Answer::Stored))
}

/// What each bitmap takes, or what the kernel is known to serve without asking.
pub(super) fn services<H: Host>(
    scratch: &mut Scratch<'_, H>,
    kernel: KernelRelease,
) -> Result<[ServiceLimit; 4]> {
    let mut limits = RegisterId::BITMAPS.map(|(bitmap, _)| match kernel.services(bitmap) {
        ServiceLimit::Chosen(bits) | ServiceLimit::Fixed(bits) => ServiceLimit::Fixed(bits),
    });
    for (limit, (_, register)) in limits.iter_mut().zip(RegisterId::BITMAPS) {
        if let Some(before) = scratch.register(register)? {
            *limit = ServiceLimit::Chosen(bits(scratch, register, before)?);
        }
    }
    Ok(limits)
}

/// Every bit that can be set.
fn bits<H: Host>(scratch: &mut Scratch<'_, H>, register: RegisterId, before: u64) -> Result<u64> {
    let mut accepted = 0;
    for bit in (0..64).map(|bit| 1 << bit) {
        if scratch.attempt(register, before, bit)? == Answer::Stored {
            accepted |= bit;
        }
    }
    Ok(accepted)
}

const PSCI_VERSIONS: [(u64, PsciVersions); 5] = [
    (0x0_0002, PsciVersions::V0_2),
    (0x1_0000, PsciVersions::V1_0),
    (0x1_0001, PsciVersions::V1_1),
    (0x1_0002, PsciVersions::V1_2),
    (0x1_0003, PsciVersions::V1_3),
];

/// A level in bits 3:0, and bit 4, which old kernels used of WORKAROUND_2.
const LEVELS: std::ops::Range<u64> = 0..32;
