//! One reason at a time.

use super::*;
use crate::firmware::{Bitmap, Level, Services, Workaround};
use crate::psci::PsciVersion;

/// The one reason for which `host` refuses `contract`.
fn reason(contract: &Contract, host: &HostProfile) -> Reason {
    let verdict = preflight(contract, host);
    let [reason] = verdict.reasons() else {
        panic!("not one reason: {verdict:#?}");
    };
    *reason
}

fn said(contract: &Contract, host: &HostProfile) -> [String; 4] {
    let reason = reason(contract, host);
    [
        reason.to_string(),
        reason.rule().to_string(),
        reason.remedy().to_string(),
        reason.judge().to_string(),
    ]
}

#[test]
fn a_host_accepts_its_own_contract_without_a_word() {
    let host = host(&[]);
    let verdict = preflight(&contract_of(&host), &host);
    assert!(verdict.is_accepted(), "{verdict:?}");
    assert!(verdict.normalisations().is_empty());
}

#[test]
fn a_feature_that_the_host_lacks_is_named_with_both_values_and_the_remedy() {
    let atomics = field("ID_AA64ISAR0_EL1.ATOMIC");
    let contract = contract_of(&host(&[(atomics, 2)]));
    assert_eq!(
        said(&contract, &host(&[(atomics, 0)])),
        [
            "ID_AA64ISAR0_EL1.ATOMIC: promised 2, the host has 0 and accepts 0",
            "this kernel lets nobody change the field",
            "launch with ID_AA64ISAR0_EL1.ATOMIC=0",
            "kernel (EINVAL)",
        ]
    );
}

#[test]
fn a_field_that_an_older_kernel_will_not_lower_names_the_kernel_that_would() {
    let atomics = field("ID_AA64ISAR0_EL1.ATOMIC");
    let contract = contract_of(&host(&[]));
    let registers = plain_registers().with(atomics, 2).unwrap();
    let old = host_with(registers, KernelRelease::new(6, 1), Lowering::Nothing);
    let mut old = HostProfile {
        services: host(&[]).services,
        psci_versions: host(&[]).psci_versions,
        ..old
    };
    old.capabilities = Capabilities::all();
    assert_eq!(
        reason(&contract, &old).remedy().to_string(),
        "run Linux 6.12 or newer on the host"
    );
}

#[test]
fn a_signed_field_is_lower_at_minus_one() {
    let double_lock = field("ID_AA64DFR0_EL1.DoubleLock");
    let without = contract_of(&host(&[(double_lock, 15)]));
    assert!(preflight(&without, &host(&[(double_lock, 0)])).is_accepted());
    let with = contract_of(&host(&[(double_lock, 0)]));
    assert!(!preflight(&with, &host(&[(double_lock, 15)])).is_accepted());
}

#[test]
fn a_value_that_the_host_rewrites_is_accepted_and_named() {
    let nested = Field::ID_AA64MMFR2_EL1_NV;
    let mut host = host(&[]);
    let limits = host.views[0].fields;
    host.views[0].fields = FieldLimits::new(|field| match field == nested {
        true => FieldLimit {
            accepts: 1,
            rewrites: 0b10,
            becomes: 0,
        },
        false => limits.of(field),
    });
    let mut contract = contract_of(&host);
    contract.id_registers = contract.id_registers.with(nested, 1).unwrap();
    let verdict = preflight(&contract, &host);
    assert!(verdict.is_accepted());
    let named: std::vec::Vec<_> = verdict
        .normalisations()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        named,
        ["ID_AA64MMFR2_EL1.NV: promised 1, accepted, and reads 0"]
    );
}

#[test]
fn a_register_that_the_kernel_does_not_know_holds_nothing() {
    let lsui = field("ID_AA64ISAR3_EL1.LSUI");
    let contract = contract_of(&host(&[(lsui, 1)]));
    let mut old = host(&[]);
    old.views[0].listed = ListedRegisters::new(|register| register != lsui.register());
    assert_eq!(
        said(&contract, &old)[0],
        "ID_AA64ISAR3_EL1: promised 0x1000000, the host does not know the register"
    );
    assert!(preflight(&contract_of(&host(&[])), &old).is_accepted());
}

#[test]
fn bits_without_a_name_can_only_be_the_hosts() {
    let mut contract = contract_of(&host(&[]));
    contract.id_registers.set(IdRegister::CTR_EL0, 0);
    assert_eq!(
        said(&contract, &host(&[]))[0],
        "CTR_EL0, bits without a name: promised 0x0, the host has 0x80000000"
    );
}

#[test]
fn another_cpu_is_refused_by_an_old_kernel_and_again_because_the_guest_was_not_told() {
    let contract = contract_of(&host(&[]));
    let mut other = host(&[]);
    other.implementation = implementation(0x410f_d400);
    other.implementations = listed(&[other.implementation]);
    assert_eq!(
        said(&contract, &other),
        [
            "list of implementations: promised only CPUs that the guest was told of, the host has \
             0x410fd400 (REVIDR 0x0, AIDR 0x0)",
            "a guest may only land on CPUs that it was told of when it booted",
            "launch with all implementations listed (discover-impl; `contract baseline` does it)",
            "guest-visible, kernel silent",
        ]
    );
    other.capabilities -= Capabilities::WRITABLE_IMPLEMENTATION;
    let verdict = preflight(&contract, &other);
    assert_eq!(verdict.reasons().len(), 2);
    assert_eq!(
        verdict.reasons()[0].to_string(),
        "MIDR_EL1: promised 0x410fd0c1, the host has 0x410fd400"
    );
    assert!(!verdict.is_accepted_by_kernel());
}

#[test]
fn what_only_a_guest_sees_is_refused_though_every_kernel_is_silent() {
    let contract = contract_of(&host(&[]));
    let mut other = host(&[]);
    other.counter_frequency = 1_000_000_000;
    other.zero_block = 6;
    let verdict = preflight(&contract, &other);
    assert!(verdict.is_accepted_by_kernel());
    let texts: std::vec::Vec<_> = verdict.reasons().iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "DCZID_EL0: promised 0x4, the host has 0x6",
            "CNTFRQ_EL0: promised 62500000 Hz, the host has 1000000000 Hz",
        ]
    );
}

#[test]
fn a_kernel_without_an_offset_for_both_counters_says_so() {
    let contract = contract_of(&host(&[]));
    let mut old = host(&[]);
    old.capabilities -= Capabilities::COUNTER_OFFSET;
    assert_eq!(
        said(&contract, &old),
        [
            "CNTPCT_EL0: promised to go on where it was, the host has no offset for it",
            "the host has to have it",
            "launch with the virtual counter promised alone",
            "kernel (EINVAL)",
        ]
    );
}

#[test]
fn a_cache_of_which_nothing_was_promised_may_be_told_of() {
    let mut contract = contract_of(&host(&[]));
    contract.caches.sizes[3..].fill(None);
    assert!(preflight(&contract, &host(&[])).is_accepted());
    let mut fewer = host(&[]);
    fewer.caches.host.sizes[2..].fill(None);
    assert_eq!(
        said(&contract, &fewer)[0],
        "CCSIDR_EL1[2]: promised 0x2, the host has none"
    );
}

#[test]
fn linux_7_3_says_that_there_is_a_gic_when_it_has_made_one() {
    let gic = Field::ID_PFR1_EL1_GIC;
    let mut contract = contract_of(&host(&[]));
    contract.id_registers = contract.id_registers.with(gic, 0).unwrap();
    let verdict = preflight(&contract, &host(&[(gic, 1)]));
    assert!(verdict.is_accepted());
    let named: std::vec::Vec<_> = verdict
        .normalisations()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        named,
        ["ID_PFR1_EL1.GIC: promised 0, accepted, and reads 1"]
    );
    let mut older = host(&[(gic, 1)]);
    older.kernel = KernelRelease::new(6, 12);
    older.psci_versions = host(&[]).psci_versions;
    assert!(preflight(&contract, &older).normalisations().is_empty());
}

#[test]
fn workaround_2_is_judged_by_the_guests_own_ssbs() {
    let host = host(&[]);
    let ssbs = Field::ID_AA64PFR1_EL1_SSBS;
    let mut contract = contract_of(&host);
    assert_eq!(
        contract.workarounds.level(Workaround::Two),
        Level::NotAvailable
    );
    contract.workarounds = contract
        .workarounds
        .with(Workaround::Two, Level::NotRequired);
    assert_eq!(
        said(&contract, &host)[..3],
        [
            "KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2: promised not-required, the host is not-available",
            "no more than the host's own level",
            "launch with SMCCC_ARCH_WORKAROUND_2 not-available",
        ]
    );
    contract.id_registers = contract.id_registers.with(ssbs, 0).unwrap();
    assert!(preflight(&contract, &host).is_accepted());
}

#[test]
fn a_kernel_without_bitmaps_is_accepted_only_for_exactly_what_it_always_answers() {
    let mut contract = contract_of(&host(&[]));
    let mut old = host(&[]);
    let release = KernelRelease::new(5, 10);
    old.services = Bitmap::ALL.map(|bitmap| release.services(bitmap));
    contract.services = Services::PV_TIME;
    assert!(preflight(&contract, &old).is_accepted());
    contract.services = Services::empty();
    assert_eq!(
        said(&contract, &old),
        [
            "KVM_REG_ARM_STD_HYP_BMAP: promised 0x0, the host has no such register and always \
             answers 0x1",
            "a kernel without the register cannot be asked to leave anything out",
            "launch with KVM_REG_ARM_STD_HYP_BMAP=0x1",
            "kernel (ENOENT)",
        ]
    );
}

#[test]
fn a_psci_version_is_no_newer_than_the_kernels() {
    let contract = contract_of(&host(&[]));
    assert_eq!(contract.psci_version, PsciVersion::V1_3);
    let mut old = host(&[]);
    old.psci_versions = KernelRelease::new(6, 12).psci_versions();
    assert_eq!(
        said(&contract, &old)[..3],
        [
            "KVM_REG_ARM_PSCI_VERSION: promised 1.3, the host has 0.2 1.0 1.1",
            "no newer than the kernel has",
            "launch with PSCI 1.1",
        ]
    );
}

#[test]
fn a_machine_that_core_serves_needs_the_filter_and_no_register() {
    let wishes = Wishes {
        served_by: ServedBy::Core(Dialect::Specification),
        ..Wishes::PLAIN
    };
    let contract = Baseline::of(&wishes, [&host(&[])]).unwrap();
    let mut old = host(&[]);
    old.psci_versions = KernelRelease::new(6, 1).psci_versions();
    old.services = [ServiceLimit::Chosen(3); 4];
    assert!(preflight(&contract, &old).is_accepted());
    old.capabilities -= Capabilities::SMCCC_FILTER;
    assert_eq!(
        said(&contract, &old)[2],
        "run Linux 6.4 or newer on the host"
    );
}

#[test]
fn every_kind_of_reason_fits_a_verdict_at_once() {
    let contract = contract_of(&host(&[]));
    let mut other = host(&[]);
    let inverted = IdRegisters::from_fn(|register| !contract.id_registers.get(register));
    other.views[0] = view(inverted, Lowering::Nothing);
    other.capabilities = Capabilities::empty();
    other.psci_versions = PsciVersions::empty();
    other.kernel = KernelRelease::new(4, 15);
    other.services = [ServiceLimit::Fixed(0x10); 4];
    other.implementations = listed(&(1..=64).map(implementation).collect::<std::vec::Vec<_>>());
    other.implementation = implementation(1);
    other.caches.host = Caches {
        levels: 0,
        sizes: [None; CACHES],
    };
    other.caches.writable = Writable::No;
    other.address_bits = ValueSet::EMPTY;
    other.gic_v3 = None;
    let verdict = preflight(&contract, &other);
    assert!(verdict.reasons().len() > 400 + 64 + CACHES);
}
