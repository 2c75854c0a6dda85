//! Hosts of any release of Linux, alike in whatever the release does not decide.

use vambrace_core::contract::{
    Baseline, CacheLimits, Caches, Capabilities, Cleaning, Contract, FieldLimit, FieldLimits,
    GicLimits, HostLevel, HostProfile, KernelRelease, ListedRegisters, ValueSet, VcpuFeatures,
    VectorLengths, View, Wishes, WorkaroundLimits, Writable,
};
use vambrace_core::cpu::{Field, IdRegister, IdRegisters};
use vambrace_core::firmware::{Bitmap, Workaround, Workarounds};
use vambrace_core::vendor_hyp::{Implementation, Implementations};

/// What a machine is promised that is launched where the kernel numbers the level like this.
pub(crate) fn source_at_level(workaround: Workaround, level: u64) -> Workarounds {
    own_contract(&at_level(KernelRelease::new(6, 12), workaround, level)).workarounds
}

/// A host of this release whose kernel numbers the level of one workaround like this, and of the
/// others 0.
pub(crate) fn at_level(release: KernelRelease, workaround: Workaround, level: u64) -> HostProfile {
    let accepted = release.levels(workaround, HostLevel(level));
    let mut host = host(release);
    match workaround {
        Workaround::One => host.workarounds.one = accepted,
        Workaround::Two => host.workarounds.two = accepted,
        Workaround::Three => host.workarounds.three = accepted,
        Workaround::Four => panic!("no register tells its level"),
    }
    host
}

/// A host of this release that is like all others in whatever the release does not decide.
pub(crate) fn host(kernel: KernelRelease) -> HostProfile {
    let level = |workaround| kernel.levels(workaround, HostLevel(0));
    HostProfile {
        kernel,
        // The filter is asked for wherever a guest is told of implementations.
        capabilities: Capabilities::SMCCC_FILTER,
        psci_versions: kernel.psci_versions(),
        workarounds: WorkaroundLimits {
            one: level(Workaround::One),
            two: level(Workaround::Two),
            two_without_ssbs: None,
            three: level(Workaround::Three),
        },
        services: Bitmap::ALL.map(|bitmap| kernel.services(bitmap)),
        implementation: OWN,
        implementations: own_implementation(),
        caches: CacheLimits {
            host: Caches::NONE,
            writable: Writable::No,
            cleaning: Cleaning::Needless,
        },
        zero_block: 4,
        counter_frequency: 62_500_000,
        address_bits: ValueSet::only(40),
        gic_v2: None,
        gic_v3: Some(GicLimits {
            default_revision: 3,
            revisions: ValueSet::only(3),
        }),
        views: [view()].into_iter().collect(),
    }
}

fn view() -> View {
    let fields = [
        Field::ID_AA64PFR0_EL1_EL0,
        Field::ID_AA64PFR0_EL1_EL1,
        Field::ID_AA64PFR0_EL1_GIC,
        Field::ID_AA64PFR1_EL1_SSBS,
    ];
    let registers = fields
        .into_iter()
        .fold(IdRegisters::from_fn(|_| 0), |registers, field| {
            registers.with(field, 1).unwrap()
        });
    View {
        features: VcpuFeatures::empty(),
        registers,
        listed: ListedRegisters::new(|_: IdRegister| true),
        writable: None,
        fields: FieldLimits::new(|field| FieldLimit::fixed(registers.field(field))),
        vector_lengths: VectorLengths::NONE,
        pmu_counters: ValueSet::EMPTY,
    }
}

/// What machines of this host are promised if nobody asks for less: its kernel's defaults.
pub(crate) fn own_contract(host: &HostProfile) -> Contract {
    Baseline::of(&Wishes::PLAIN, [host]).unwrap()
}

pub(crate) fn own_implementation() -> Implementations {
    let mut implementations = Implementations::new();
    implementations.add(OWN).unwrap();
    implementations
}

const OWN: Implementation = Implementation {
    midr: 0x413f_d0c1,
    revidr: 0,
    aidr: 0,
};
