//! Small hosts and contracts for the tests of this module.

use vambrace_core::contract::{
    CacheLimits, Caches, Capabilities, Cleaning, Contract, FieldLimit, FieldLimits, GicLimits,
    HostProfile, KernelRelease, ListedRegisters, PsciVersions, ServiceLimit, ValueSet,
    VcpuFeatures, VectorLengths, View, WorkaroundLimits, Writable,
};
use vambrace_core::cpu::{Field, IdRegister, IdRegisters};
use vambrace_core::vendor_hyp::{Implementation, Implementations};

use super::wish::Wish;
use crate::files::Named;

/// What a host has of four fields: value and bits of the accepted values.
pub(crate) type Fields<'a> = &'a [(&'a str, u64, u16)];

/// A host of Linux 7.3 with dot products, which it can hide, and FEAT_EVT, which it can too.
pub(crate) fn host() -> HostProfile {
    with_fields(&[
        ("ID_AA64PFR0_EL1.GIC", 1, 0b11),
        ("ID_AA64ISAR0_EL1.DP", 1, 0b11),
        ("ID_AA64MMFR2_EL1.EVT", 2, 0b111),
    ])
}

/// One with a CPU that has no dot products and no FEAT_EVT.
pub(crate) fn older_host() -> HostProfile {
    let mut host = with_fields(&[("ID_AA64PFR0_EL1.GIC", 1, 0b11)]);
    host.kernel = KernelRelease::new(6, 12);
    host.psci_versions -= PsciVersions::V1_3 | PsciVersions::V1_2;
    host
}

/// The first host, whose vCPUs can have SVE.
pub(crate) fn host_with_sve() -> HostProfile {
    let mut host = host();
    let mut view = host.views[0].clone();
    let sve = Field::ID_AA64PFR0_EL1_SVE;
    view.features = VcpuFeatures::SVE;
    view.registers = view.registers.with(sve, 1).unwrap();
    let others = view.fields;
    view.fields = FieldLimits::new(|field| match field == sve {
        true => limit(0b11),
        false => others.of(field),
    });
    view.vector_lengths = VectorLengths::from_bits(0b11);
    host.views.push(view).unwrap();
    host
}

/// What the first host promises a guest.
pub(crate) fn contract() -> Contract {
    Wish::default().contract(&[&host()]).unwrap()
}

/// The same with SVE.
pub(crate) fn contract_with_sve() -> Contract {
    let wish = Wish::default().for_features(VcpuFeatures::SVE);
    wish.contract(&[&host_with_sve()]).unwrap()
}

/// Something as if it came from the file NAME.
pub(crate) fn named<T>(name: &str, value: T) -> Named<T> {
    Named {
        name: name.into(),
        path: name.into(),
        value,
    }
}

/// A host that has these fields, and 0 in all others.
pub(crate) fn with_fields(fields: Fields<'_>) -> HostProfile {
    let own = Implementation {
        midr: 0x414f_d0b1,
        revidr: 0,
        aidr: 0,
    };
    let mut implementations = Implementations::new();
    implementations.add(own).unwrap();
    HostProfile {
        kernel: KernelRelease::new(7, 3),
        capabilities: Capabilities::SMCCC_FILTER
            | Capabilities::WRITABLE_IMPLEMENTATION
            | Capabilities::COUNTER_OFFSET
            | Capabilities::SYSTEM_SUSPEND,
        psci_versions: PsciVersions::all(),
        workarounds: WorkaroundLimits {
            one: Some(ValueSet::from_bits(0b111)),
            two: Some(ValueSet::from_bits(0b1)),
            two_without_ssbs: Some(ValueSet::from_bits(0b1)),
            three: Some(ValueSet::from_bits(0b111)),
        },
        services: [1, 1, 3, 3].map(ServiceLimit::Chosen),
        implementation: own,
        implementations,
        caches: CacheLimits {
            host: Caches::NONE,
            writable: Writable::Yes,
            cleaning: Cleaning::Needless,
        },
        zero_block: 4,
        counter_frequency: 62_500_000,
        address_bits: ValueSet::from_bits(0x1ff << 32),
        gic_v2: None,
        gic_v3: Some(GicLimits {
            default_revision: 3,
            revisions: ValueSet::from_bits(0b1100),
        }),
        views: [view(fields)].into_iter().collect(),
    }
}

fn view(fields: Fields<'_>) -> View {
    let known: Vec<(Field, u64, u16)> = fields
        .iter()
        .map(|(name, value, accepts)| (Field::named(name).unwrap(), *value, *accepts))
        .collect();
    let registers = known.iter().fold(
        IdRegisters::from_fn(|_| 0),
        |registers, (field, value, _)| registers.with(*field, *value).unwrap(),
    );
    let limits = FieldLimits::new(|field| {
        let of = known.iter().find(|(known, ..)| *known == field);
        of.map_or(FieldLimit::fixed(0), |(.., accepts)| limit(*accepts))
    });
    View {
        features: VcpuFeatures::empty(),
        registers,
        listed: ListedRegisters::new(|register| register != IdRegister::ID_AA64ZFR0_EL1),
        writable: None,
        fields: limits,
        vector_lengths: VectorLengths::NONE,
        pmu_counters: ValueSet::EMPTY,
    }
}

fn limit(accepts: u16) -> FieldLimit {
    FieldLimit {
        accepts,
        ..FieldLimit::default()
    }
}
