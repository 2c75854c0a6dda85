//! The most capable contract that several hosts accept.

use proptest::prelude::*;

use super::*;
use crate::firmware::{Level, Services, Workaround};
use core::cmp::Ordering;
use core::slice;

fn disputes(impossible: &Impossible) -> std::vec::Vec<(Dispute, usize)> {
    impossible
        .conflicts()
        .iter()
        .map(|conflict| (conflict.over, conflict.host))
        .collect()
}

#[expect(clippy::result_large_err, reason = "as what it calls")]
fn plain(hosts: &[HostProfile]) -> Result<Contract, Impossible> {
    Baseline::of(&Wishes::PLAIN, hosts)
}

#[expect(clippy::result_large_err, reason = "as what it calls")]
fn richest(hosts: &[HostProfile]) -> Result<Contract, Impossible> {
    baseline(hosts)
}

#[test]
fn a_baseline_has_of_each_field_what_all_have() {
    let (atomic, sha2) = (
        field("ID_AA64ISAR0_EL1.Atomic"),
        field("ID_AA64ISAR0_EL1.SHA2"),
    );
    let hosts = [host(&[(atomic, 2), (sha2, 1)]), host(&[(sha2, 2)])];
    let contract = plain(&hosts).unwrap();
    assert_eq!(contract.id_registers.field(atomic), 0);
    assert_eq!(contract.id_registers.field(sha2), 1);
}

#[test]
fn a_field_that_no_kernel_lets_anybody_change_makes_it_impossible_and_is_named() {
    let evt = field("ID_AA64MMFR2_EL1.EVT");
    let fixed = |value| {
        let registers = plain_registers().with(evt, value).unwrap();
        host_with(registers, KernelRelease::new(7, 3), Lowering::Nothing)
    };
    let impossible = plain(&[fixed(0), fixed(0), fixed(1)]).unwrap_err();
    assert_eq!(disputes(&impossible), [(Dispute::Field(evt), 2)]);
}

#[test]
fn a_value_that_some_host_rewrites_is_taken_only_where_none_is_kept_by_all() {
    let nested = Field::ID_AA64MMFR2_EL1_NV;
    let registers = plain_registers().with(nested, 1).unwrap();
    let leaks = host_with(registers, KernelRelease::new(6, 1), Lowering::Nothing);
    let mut hides = host(&[]);
    let limits = hides.views[0].fields;
    hides.views[0].fields = FieldLimits::new(|field| match field == nested {
        true => FieldLimit {
            accepts: 1,
            rewrites: 2,
            becomes: 0,
        },
        false => limits.of(field),
    });
    let both = HostProfile {
        services: hides.services,
        ..leaks
    };
    assert_eq!(
        plain(slice::from_ref(&hides))
            .unwrap()
            .id_registers
            .field(nested),
        0
    );
    assert_eq!(plain(&[hides, both]).unwrap().id_registers.field(nested), 1);
}

#[test]
fn no_host_has_no_baseline() {
    assert_eq!(disputes(&plain(&[]).unwrap_err()), [(Dispute::NoHost, 0)]);
    assert!(baseline(&[]).is_err());
}

fn other_cpu() -> HostProfile {
    let mut other = host(&[]);
    other.implementation = implementation(0x410f_d0b1);
    other.implementations = listed(&[other.implementation]);
    other
}

#[test]
fn cpus_that_differ_are_listed_and_the_guest_is_told() {
    let contract = plain(&[host(&[]), other_cpu()]).unwrap();
    let midrs: std::vec::Vec<_> = contract
        .implementations
        .iter()
        .map(|one| one.midr)
        .collect();
    assert_eq!(midrs, [0x410f_d0b1, MIDR]);
    assert_eq!(contract.implementation.midr, 0x410f_d0b1);
    assert!(contract.services.contains(Services::DISCOVER_IMPL_CPUS));
    assert_eq!(contract.check(), Ok(()));
}

#[test]
fn a_host_that_cannot_hide_its_cpu_decides_whose_identity_it_is() {
    let mut old = host(&[]);
    old.capabilities -= Capabilities::WRITABLE_IMPLEMENTATION;
    let contract = plain(&[other_cpu(), old.clone()]).unwrap();
    assert_eq!(contract.implementation.midr, MIDR);
    let mut other_old = other_cpu();
    other_old.capabilities -= Capabilities::WRITABLE_IMPLEMENTATION;
    assert_eq!(
        disputes(&plain(&[old, other_old]).unwrap_err()),
        [(Dispute::Implementation, 1)]
    );
}

#[test]
fn where_kvm_cannot_tell_of_other_cpus_core_can() {
    let mut old = host(&[]);
    old.services[3] = ServiceLimit::Fixed(0);
    let hosts = [old, other_cpu()];
    assert_eq!(
        disputes(&plain(&hosts).unwrap_err()),
        [(Dispute::UnlistedImplementation, 1)]
    );
    let contract = baseline(&hosts).unwrap();
    assert!(matches!(contract.served_by, ServedBy::Core(_)));
    assert_eq!(contract.implementations.iter().len(), 2);
}

fn with_caches(levels: u64, size: u32, cleaning: Cleaning, writable: Writable) -> HostProfile {
    let caches = CacheLimits {
        host: Caches {
            levels,
            sizes: [Some(size); CACHES],
        },
        writable,
        cleaning,
    };
    HostProfile {
        caches,
        ..host(&[])
    }
}

#[test]
fn caches_that_have_to_be_cleaned_and_long_lines_are_kept_whoever_is_added_first() {
    // IDC is 1: any CLIDR_EL1 will do. IDC is 0: there has to be a level to clean to.
    let coherent = with_caches(0x0200_0021, 2, Cleaning::Needless, Writable::Yes);
    let cleaned = with_caches(0x0920_0003, 2, Cleaning::Needed, Writable::Yes);
    let long_lines = with_caches(0x0200_0021, 4, Cleaning::Needless, Writable::Yes);
    for hosts in [
        [&coherent, &cleaned, &long_lines],
        [&long_lines, &coherent, &cleaned],
        [&cleaned, &long_lines, &coherent],
    ] {
        let found = Baseline::of(&Wishes::PLAIN, hosts).unwrap();
        assert_eq!(found.caches.levels, 0x0920_0003);
        assert_eq!(found.caches.sizes, [Some(4); CACHES]);
        assert!(
            hosts
                .iter()
                .all(|host| preflight(&found, host).is_accepted())
        );
    }
}

#[test]
fn a_host_with_caches_of_its_own_is_held_against_those_before_it() {
    let own = with_caches(0x0200_0021, 2, Cleaning::Needless, Writable::No);
    let cleaned = with_caches(0x0920_0003, 2, Cleaning::Needed, Writable::Yes);
    let long_lines = with_caches(0x0200_0021, 4, Cleaning::Needless, Writable::Yes);
    for other in [cleaned, long_lines] {
        for hosts in [[own.clone(), other.clone()], [other, own.clone()]] {
            let impossible = plain(&hosts).unwrap_err();
            assert_eq!(disputes(&impossible), [(Dispute::Caches, 1)]);
        }
    }
}

#[test]
fn hosts_that_forget_levels_have_to_have_the_same() {
    let forgets = |levels, size| with_caches(levels, size, Cleaning::Needless, Writable::SizesOnly);
    let free = with_caches(0x0200_0001, 4, Cleaning::Needless, Writable::Yes);
    let hosts = [
        free.clone(),
        forgets(0x0200_0021, 2),
        forgets(0x0200_0021, 3),
    ];
    for turn in 0..3 {
        let mut hosts = hosts.clone();
        hosts.rotate_left(turn);
        let contract = plain(&hosts).unwrap();
        assert_eq!(contract.caches.levels, 0x0200_0021);
        assert_eq!(contract.caches.sizes, [Some(4); CACHES]);
        assert!(
            hosts
                .iter()
                .all(|host| preflight(&contract, host).is_accepted())
        );
    }
    let other = [forgets(0x0200_0021, 2), free, forgets(0x0200_0001, 2)];
    assert_eq!(
        disputes(&plain(&other).unwrap_err()),
        [(Dispute::Caches, 2)]
    );
}

#[test]
fn workaround_2_goes_with_the_ssbs_that_is_left() {
    let keeps = host(&[]);
    let lacks = host(&[(Field::ID_AA64PFR1_EL1_SSBS, 0)]);
    let level = |hosts: &[HostProfile]| plain(hosts).unwrap().workarounds.level(Workaround::Two);
    assert_eq!(level(slice::from_ref(&keeps)), Level::NotAvailable);
    assert_eq!(level(&[keeps, lacks]), Level::NotRequired);
}

#[test]
fn as_many_vcpu_features_as_all_have_are_in_the_richest() {
    let with = |features: &[VcpuFeatures]| {
        let mut host = host(&[]);
        for features in features {
            let mut view = host.views[0].clone();
            view.features = *features;
            view.registers = view
                .registers
                .with(Field::ID_AA64DFR0_EL1_PMUVER, 1)
                .unwrap();
            view.fields = super::view(view.registers, Lowering::ByRule).fields;
            view.pmu_counters = ValueSet::from_bits(0b111);
            host.views.push(view).unwrap();
        }
        host
    };
    let (pmu, pauth) = (VcpuFeatures::PMU, VcpuFeatures::POINTER_AUTHENTICATION);
    let hosts = [with(&[pmu, pauth, pmu | pauth]), with(&[pmu])];
    let contract = baseline(&hosts).unwrap();
    assert_eq!(contract.vcpu_features, pmu);
    assert_eq!(contract.pmu_counters, Some(2));
    let wishes = Wishes {
        vcpu_features: pauth,
        ..Wishes::PLAIN
    };
    assert_eq!(
        disputes(&Baseline::of(&wishes, &hosts).unwrap_err()),
        [(Dispute::VcpuFeatures, 1)]
    );
}

#[test]
fn a_first_host_without_the_wished_vcpus_leaves_the_others_undisputed() {
    let with = host(&[(field("CTR_EL0.L1Ip"), 3)]);
    let mut sve = with.clone();
    sve.views[0].features = VcpuFeatures::SVE;
    sve.views[0].vector_lengths = VectorLengths::from_bits(1);
    let wishes = Wishes {
        vcpu_features: VcpuFeatures::SVE,
        ..Wishes::PLAIN
    };
    let impossible = Baseline::of(&wishes, [&with, &sve]).unwrap_err();
    assert_eq!(disputes(&impossible), [(Dispute::VcpuFeatures, 0)]);
}

#[test]
fn aarch32_at_el1_is_wished_of_every_host() {
    let mut able = host(&[
        (Field::ID_AA64PFR0_EL1_EL0, 2),
        (Field::ID_AA64PFR0_EL1_EL1, 2),
    ]);
    able.capabilities |= Capabilities::AARCH32_EL1;
    let wishes = Wishes {
        vcpu_features: VcpuFeatures::AARCH32_EL1,
        ..Wishes::PLAIN
    };
    assert!(Baseline::of(&wishes, [&able]).is_ok());
    assert_eq!(
        disputes(&Baseline::of(&wishes, [&able, &host(&[])]).unwrap_err()),
        [(Dispute::VcpuFeatures, 1)]
    );
}

#[test]
fn what_is_left_of_each_can_contradict_itself() {
    // A vCPU with SVE, and hosts that agree on a register that says there is none.
    let mut sve = host(&[]);
    sve.views[0].features = VcpuFeatures::SVE;
    sve.views[0].vector_lengths = VectorLengths::from_bits(1);
    let wishes = Wishes {
        vcpu_features: VcpuFeatures::SVE,
        ..Wishes::PLAIN
    };
    assert_eq!(
        disputes(&Baseline::of(&wishes, [&sve]).unwrap_err()),
        [(Dispute::Contradiction(Contradiction::Sve), 0)]
    );
}

#[test]
fn a_kernel_without_a_psci_register_has_the_version_that_its_guests_find() {
    // The register is of Linux 4.17; 4.16 has PSCI 1.0 and 4.15 has 0.2.
    let without = |minor| HostProfile {
        kernel: KernelRelease::new(4, minor),
        psci_versions: PsciVersions::empty(),
        ..host(&[])
    };
    let contract = plain(&[without(16), host(&[])]).unwrap();
    assert_eq!(contract.psci_version, PsciVersion::V1_0);
    assert!(preflight(&contract, &without(16)).is_accepted());
    assert_eq!(
        disputes(&plain(&[without(15), without(16)]).unwrap_err()),
        [(Dispute::PsciVersion, 1)]
    );
}

#[test]
fn a_guest_that_cannot_ask_for_the_vendor_finds_no_list() {
    let mut mute = host(&[]);
    mute.services[2] = ServiceLimit::Chosen(0b10);
    assert_eq!(
        disputes(&plain(&[mute, other_cpu()]).unwrap_err()),
        [(Dispute::UnlistedImplementation, 1)]
    );
}

#[test]
fn core_adds_no_service_that_its_dialect_has_not() {
    for dialect in [
        Dialect::Specification,
        Dialect::Kvm(crate::firmware::KvmGeneration::V5_10),
        Dialect::Kvm(crate::firmware::KvmGeneration::V6_1),
        Dialect::Kvm(crate::firmware::KvmGeneration::V6_12),
        Dialect::Kvm(crate::firmware::KvmGeneration::V7_3),
    ] {
        let wishes = Wishes {
            served_by: ServedBy::Core(dialect),
            stolen_time: Some(Ipa::new(0x4000)),
            ..Wishes::PLAIN
        };
        let contract = Baseline::of(&wishes, [&host(&[])]).unwrap();
        assert!(
            dialect.services().contains(contract.services),
            "{dialect:?}"
        );
    }
}

#[test]
fn core_in_place_of_kernels_brings_no_newer_psci_than_they_have() {
    let mut old = host(&[]);
    old.services[3] = ServiceLimit::Fixed(0);
    old.psci_versions = KernelRelease::new(6, 12).psci_versions();
    let contract = baseline(&[old, other_cpu()]).unwrap();
    assert!(matches!(contract.served_by, ServedBy::Core(_)));
    assert_eq!(contract.psci_version, PsciVersion::V1_1);
    assert!(!contract.psci_options.contains(PsciOptions::SYSTEM_OFF2));
}

/// A host of any kind: what it lacks, how new its kernel is, and whether it lets fields be lowered.
///
/// Mostly alike: hosts that differ everywhere have nothing in common, and a property that is only
/// asked where there is a baseline would be asked of nothing.
fn any_host() -> impl Strategy<Value = HostProfile> {
    let lacks = proptest::collection::vec((0..Field::COUNT, 0..4_u64), 0..4);
    let kernels = prop_oneof![Just((6, 1)), Just((6, 12)), Just((7, 3))];
    let lowering = prop_oneof![1 => Just(Lowering::Nothing), 15 => Just(Lowering::ByRule)];
    let midr = prop_oneof![7 => Just(0), 1 => Just(1_u64)];
    (lacks, kernels, lowering, 0..3_u64, midr, any::<bool>()).prop_map(
        |(lacks, (major, minor), lowering, level, midr, pmu)| {
            let registers = lacks
                .iter()
                .fold(rich_registers(), |registers, (at, value)| {
                    let field = Field::all().nth(*at).unwrap();
                    let value = (*value).min(registers.field(field));
                    registers.with(field, value).unwrap()
                });
            let kernel = KernelRelease::new(major, minor);
            let mut host = host_with(registers, kernel, lowering);
            host.workarounds.one = kernel.levels(Workaround::One, HostLevel(level));
            host.implementation = implementation(MIDR + midr);
            host.implementations = listed(&[host.implementation]);
            if minor != 3 {
                host.capabilities -= Capabilities::WRITABLE_IMPLEMENTATION;
            }
            if pmu && registers.field(Field::ID_AA64DFR0_EL1_PMUVER) != 0 {
                let mut view = host.views[0].clone();
                view.features = VcpuFeatures::PMU;
                view.pmu_counters = ValueSet::from_bits(0b111_1111);
                host.views.push(view).unwrap();
            }
            host
        },
    )
}

/// 2 in each field that can be lowered; vectors go with a vCPU feature, which these hosts lack.
fn rich_registers() -> IdRegisters {
    Field::all()
        .filter(|field| field.width() == 4 && *field != Field::ID_AA64PFR0_EL1_SVE)
        .filter(|field| field.may_lower(2, 0))
        .fold(plain_registers(), |registers, field| {
            registers.with(field, 2).unwrap()
        })
}

/// Which promises more, field by field; None where neither does.
fn promises(left: &Contract, right: &Contract) -> Option<Ordering> {
    let mut order = Ordering::Equal;
    for field in Field::all() {
        let found = field.order(
            left.id_registers.field(field),
            right.id_registers.field(field),
        )?;
        order = match (order, found) {
            (_, Ordering::Equal) => order,
            (Ordering::Equal, found) => found,
            (order, found) if order == found => order,
            _ => return None,
        };
    }
    Some(order)
}

fn any_hosts(least: usize) -> impl Strategy<Value = std::vec::Vec<HostProfile>> {
    proptest::collection::vec(any_host(), least..5)
}

/// What hosts dispute, whoever brought it up.
fn disputed(impossible: &Impossible) -> std::vec::Vec<String> {
    let conflicts = impossible.conflicts().iter();
    let mut all: std::vec::Vec<_> = conflicts
        .map(|one| std::format!("{:?}", one.over))
        .collect();
    all.sort_unstable();
    all
}

// Each property that is asked of baselines assumes one: proptest gives up, and the test fails, if
// there hardly ever is.
proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(96)
    })]

    #[test]
    fn every_member_accepts_the_baseline(hosts in any_hosts(2)) {
        let found = baseline(&hosts);
        prop_assume!(found.is_ok());
        let contract = found.unwrap();
        prop_assert_eq!(contract.check(), Ok(()));
        for host in &hosts {
            let verdict = preflight(&contract, host);
            prop_assert!(verdict.is_accepted(), "{:?}", verdict);
        }
    }

    #[test]
    fn what_is_impossible_is_refused_by_a_member_whatever_member_it_was_made_for(
        hosts in any_hosts(2),
    ) {
        prop_assume!(baseline(&hosts).is_err());
        for contract in hosts.iter().filter_map(|host| plain(slice::from_ref(host)).ok()) {
            prop_assert!(hosts.iter().any(|other| !preflight(&contract, other).is_accepted()));
        }
    }

    #[test]
    fn adding_a_host_never_makes_it_more_capable(hosts in any_hosts(2)) {
        for of in [plain, richest] {
            let found = of(&hosts);
            prop_assume!(found.is_ok());
            let (all, fewer) = (found.unwrap(), of(&hosts[1..]).unwrap());
            prop_assert!(fewer.vcpu_features.contains(all.vcpu_features));
            prop_assert!(matches!(
                promises(&all, &fewer),
                Some(Ordering::Less | Ordering::Equal)
            ));
            prop_assert!(all.psci_version <= fewer.psci_version);
            prop_assert!(all.address_bits <= fewer.address_bits);
            for workaround in [Workaround::One, Workaround::Three] {
                prop_assert!(
                    all.workarounds.level(workaround) <= fewer.workarounds.level(workaround)
                );
            }
        }
    }

    #[test]
    fn no_field_can_be_raised_without_a_member_refusing(hosts in any_hosts(1)) {
        let found = plain(&hosts);
        prop_assume!(found.is_ok());
        let contract = found.unwrap();
        for field in Field::all().filter(|field| field.width() <= 4) {
            let value = contract.id_registers.field(field);
            for more in (0..=field.limit())
                .filter(|more| field.order(*more, value) == Some(Ordering::Greater))
            {
                let mut raised = contract.clone();
                raised.id_registers = raised.id_registers.with(field, more).unwrap();
                prop_assert!(
                    hosts.iter().any(|host| !preflight(&raised, host).is_accepted()),
                    "{} could be {}", field, more
                );
            }
        }
    }

    #[test]
    fn the_order_of_the_hosts_does_not_matter(hosts in any_hosts(2)) {
        let mut reversed = hosts.clone();
        reversed.reverse();
        match (plain(&hosts), plain(&reversed)) {
            (Ok(one), Ok(other)) => prop_assert_eq!(one, other),
            (Err(one), Err(other)) => prop_assert_eq!(disputed(&one), disputed(&other)),
            (one, other) => prop_assert!(false, "{:?} and {:?}", one.is_ok(), other.is_ok()),
        }
    }

    #[test]
    fn bytes_and_contract_are_each_others(hosts in any_hosts(1)) {
        let found = plain(&hosts);
        prop_assume!(found.is_ok());
        let contract = found.unwrap();
        prop_assert_eq!(Contract::from_bytes(&contract.to_bytes()), Ok(contract));
    }
}
