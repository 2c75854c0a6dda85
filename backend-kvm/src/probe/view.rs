//! What a vCPU has with each set of features.

use std::collections::BTreeSet;

use vambrace_core::contract::{
    self, FieldLimit, FieldLimits, ListedRegisters, ValueSet, VectorLengths, View,
};
use vambrace_core::cpu::{Field, IdRegister, IdRegisters};
use vambrace_core::psci::PsciVersion;

use super::fields::{limit, register_id};
use super::scratch::{Answer, Scratch};
use super::{Error, Result};
use crate::contract::vcpu_features;
use crate::sys::{self, Capability, Errno, Host, RegisterId, VcpuFeatures, VcpuOps, VmOps};

/// A view for each set of the features that the host offers, the empty one first.
pub(super) fn all<H: Host>(host: &H) -> Result<Vec<View>> {
    let offered = offered(host)?;
    let mut views = Vec::new();
    let sets = (0..=contract::VcpuFeatures::SEEN_IN_REGISTERS.bits())
        .filter_map(contract::VcpuFeatures::from_bits)
        .filter(|set| offered.contains(*set));
    for features in sets {
        let mut scratch = match Scratch::new(host, of_kvm(features)) {
            Ok(scratch) => scratch,
            // A feature may be there and not go with another, or lack what it is made of.
            Err(error) if !features.is_empty() && is_refusal(&error) => continue,
            Err(error) => return Err(error.into()),
        };
        views.push(view(&mut scratch, features)?);
    }
    Ok(views)
}

fn view<H: Host>(scratch: &mut Scratch<'_, H>, features: contract::VcpuFeatures) -> Result<View> {
    let list: BTreeSet<_> = scratch.vcpu().register_list()?.into_iter().collect();
    let listed = ListedRegisters::new(|register| list.contains(&register_id(register)));
    let registers = IdRegisters::try_from_fn(|register| match listed.contains(register) {
        true => scratch.vcpu().register(register_id(register)),
        false => Ok(0),
    })?;
    Ok(View {
        features,
        registers,
        listed,
        writable: writable(scratch)?,
        fields: fields(scratch, &registers, &listed)?,
        vector_lengths: match features.contains(contract::VcpuFeatures::SVE) {
            true => vector_lengths(scratch)?,
            false => VectorLengths::NONE,
        },
        pmu_counters: match features.contains(contract::VcpuFeatures::PMU) {
            true => pmu_counters(scratch)?,
            false => ValueSet::EMPTY,
        },
    })
}

fn fields<H: Host>(
    scratch: &mut Scratch<'_, H>,
    registers: &IdRegisters,
    listed: &ListedRegisters,
) -> Result<FieldLimits> {
    let limits: Result<Vec<_>> = Field::all()
        .map(|field| match listed.contains(field.register()) {
            true => limit(scratch, registers, field),
            false => Ok(FieldLimit::fixed(0)),
        })
        .collect();
    let mut limits = limits?.into_iter();
    Ok(FieldLimits::new(|_| {
        limits.next().expect("there is one for each field")
    }))
}

/// What the kernel says can be written; it was taught to in Linux 6.7.
fn writable<H: Host>(scratch: &Scratch<'_, H>) -> Result<Option<IdRegisters>> {
    match scratch.vm().writable_masks() {
        Ok(masks) => Ok(Some(IdRegisters::from_fn(|register: IdRegister| {
            masks.of(register_id(register)).unwrap_or(0)
        }))),
        Err(error) if matches!(error.errno, Errno::EINVAL | Errno::ENOTTY) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The first sixteen bits of KVM_REG_ARM64_SVE_VLS; the architecture has no greater length.
fn vector_lengths<H: Host>(scratch: &Scratch<'_, H>) -> Result<VectorLengths> {
    let register = RegisterId::SVE_VLS;
    let bytes = scratch.vcpu().register_bytes(register)?;
    let first = bytes.first_chunk().ok_or(Error::Missing(register))?;
    Ok(VectorLengths::from_bits(u16::from_le_bytes(*first)))
}

/// The numbers that PMCR_EL0.N keeps, up to the host's own. Kernels before 6.7 take any number, also
/// of counters that the CPU does not have, and have the host's again after a reset.
fn pmu_counters<H: Host>(scratch: &mut Scratch<'_, H>) -> Result<ValueSet> {
    let register = RegisterId::PMCR_EL0;
    let before = scratch.register(register)?;
    let before = before.ok_or(Error::Missing(register))?;
    let own = before >> PMCR_N & PMCR_N_LIMIT;
    let mut kept = ValueSet::EMPTY;
    for count in 0..=own {
        let value = before & !(PMCR_N_LIMIT << PMCR_N) | count << PMCR_N;
        if scratch.attempt_lasting(register, before, value)? == Answer::Stored {
            kept = kept.with(count);
        }
    }
    Ok(kept)
}

/// What the host's capabilities say it has.
fn offered<H: Host>(host: &H) -> sys::Result<contract::VcpuFeatures> {
    let mut offered = contract::VcpuFeatures::empty();
    for (feature, capabilities) in FEATURES {
        let mut has_all = true;
        for capability in *capabilities {
            has_all &= host.capability(*capability)? > 0;
        }
        offered.set(*feature, has_all);
    }
    Ok(offered)
}

/// What a vCPU with these features is initialised with.
pub(super) fn of_kvm(features: contract::VcpuFeatures) -> VcpuFeatures {
    vcpu_features(features, PsciVersion::V1_0)
}

fn is_refusal(error: &sys::Error) -> bool {
    let operation = matches!(error.operation, sys::Operation::Init(_));
    operation && matches!(error.errno, Errno::EINVAL | Errno::ENODEV)
}

/// A feature, and the capabilities that all have to be there.
type Feature = (contract::VcpuFeatures, &'static [Capability]);

const FEATURES: &[Feature] = &[
    (contract::VcpuFeatures::SVE, &[Capability::Sve]),
    (
        contract::VcpuFeatures::POINTER_AUTHENTICATION,
        &[Capability::PtrauthAddress, Capability::PtrauthGeneric],
    ),
    (contract::VcpuFeatures::PMU, &[Capability::PmuV3]),
];

/// PMCR_EL0.N: bits 15:11.
const PMCR_N: u32 = 11;
const PMCR_N_LIMIT: u64 = 0x1f;
