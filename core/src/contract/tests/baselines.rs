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

#[test]
fn a_baseline_has_of_each_field_what_all_have() {
    let (atomic, sha2) = (
        field("ID_AA64ISAR0_EL1.ATOMIC"),
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

/// A host of any kind: what it has, how new its kernel is, and what it lets be lowered.
fn any_host() -> impl Strategy<Value = HostProfile> {
    let numbers = proptest::collection::vec(0..4_u64, Field::COUNT);
    let kernels = prop_oneof![Just((6, 1)), Just((6, 12)), Just((7, 3)),];
    (numbers, kernels, 0..4_u8, 0..3_u64, 0..3_u64).prop_map(
        |(numbers, (major, minor), lowering, wa, midr)| {
            let registers = Field::all().zip(numbers).fold(
                plain_registers(),
                // Mostly alike: hosts that differ everywhere have nothing in common.
                |registers, (field, number)| match number {
                    // Vectors go with a vCPU feature, which these hosts do not have.
                    3 if field.width() <= 4 && field != Field::ID_AA64PFR0_EL1_SVE => {
                        let value = number.min(field.limit());
                        registers.with(field, value).unwrap_or(registers)
                    }
                    _ => registers,
                },
            );
            let lowering = match lowering {
                0 => Lowering::Nothing,
                _ => Lowering::ByRule,
            };
            let mut host = host_with(registers, KernelRelease::new(major, minor), lowering);
            host.workarounds.one = Some(ValueSet::from_bits((2 << wa) - 1));
            host.implementation = implementation(MIDR + midr);
            host.implementations = listed(&[host.implementation]);
            if minor != 3 {
                host.capabilities -= Capabilities::WRITABLE_IMPLEMENTATION;
            }
            host
        },
    )
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_member_accepts_the_baseline(hosts in proptest::collection::vec(any_host(), 1..5)) {
        if let Ok(contract) = baseline(&hosts) {
            prop_assert_eq!(contract.check(), Ok(()));
            for host in &hosts {
                let verdict = preflight(&contract, host);
                prop_assert!(verdict.is_accepted(), "{:?}", verdict);
            }
        }
    }

    #[test]
    fn what_is_impossible_is_refused_by_a_member_whatever_member_it_was_made_for(
        hosts in proptest::collection::vec(any_host(), 2..5),
    ) {
        if baseline(&hosts).is_err() {
            for host in &hosts {
                let contract = contract_of(host);
                prop_assert!(
                    hosts.iter().any(|other| !preflight(&contract, other).is_accepted())
                );
            }
        }
    }

    #[test]
    fn adding_a_host_never_makes_it_more_capable(
        hosts in proptest::collection::vec(any_host(), 2..5),
    ) {
        if let Ok(all) = plain(&hosts) {
            let fewer = plain(&hosts[1..]).unwrap();
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
    fn no_field_can_be_raised_without_a_member_refusing(
        hosts in proptest::collection::vec(any_host(), 1..4),
    ) {
        if let Ok(contract) = plain(&hosts) {
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
    }

    #[test]
    fn the_order_of_the_hosts_does_not_matter(
        hosts in proptest::collection::vec(any_host(), 2..5),
    ) {
        let mut reversed = hosts.clone();
        reversed.reverse();
        prop_assert_eq!(plain(&hosts).ok(), plain(&reversed).ok());
    }

    #[test]
    fn bytes_and_contract_are_each_others(host in any_host()) {
        let contract = contract_of(&host);
        let bytes = contract.to_bytes();
        prop_assert_eq!(Contract::from_bytes(&bytes), Ok(contract));
    }
}
