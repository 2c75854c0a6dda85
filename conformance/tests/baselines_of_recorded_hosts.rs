//! What a baseline is, held against the profiles of real kernels.
//!
//! All pairs of them, and fleets drawn from them the same in every run. No host is needed here.

use std::cmp::Ordering;

use vambrace_conformance::recorded;
use vambrace_core::contract::{
    Baseline, Contract, HostProfile, ServedBy, Wishes, baseline, feature_sets, preflight,
};
use vambrace_core::cpu::Field;
use vambrace_core::firmware::{Dialect, KvmGeneration, Workaround};

/// Every pair, and as many fleets of three to six hosts, the same in every run.
fn fleets(hosts: &[HostProfile]) -> Vec<Vec<&HostProfile>> {
    let pairs = hosts
        .iter()
        .flat_map(|one| hosts.iter().map(move |other| vec![one, other]));
    let mut state = 0x9e37_79b9_u32;
    let mut draw = |below: usize| {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        usize::try_from(state).unwrap() % below
    };
    let drawn = (0..hosts.len() * hosts.len()).map(|_| {
        let size = 3 + draw(4);
        // Of one kernel, else hardly any fleet has something in common.
        let kernel = hosts[draw(hosts.len())].kernel;
        let alike: Vec<_> = hosts.iter().filter(|host| host.kernel == kernel).collect();
        (0..size).map(|_| alike[draw(alike.len())]).collect()
    });
    pairs.chain(drawn.collect::<Vec<_>>()).collect()
}

fn every_wish(hosts: &[&HostProfile]) -> Vec<Wishes> {
    let served = [
        ServedBy::Kernel,
        ServedBy::Core(Dialect::Kvm(KvmGeneration::V7_3)),
    ];
    let sets = feature_sets(hosts.iter().copied());
    let wishes = sets.iter().flat_map(|features| {
        served.map(|served_by| Wishes {
            served_by,
            vcpu_features: *features,
            ..Wishes::PLAIN
        })
    });
    wishes.collect()
}

/// Whether these hosts accept the contract and let the guest read this field as it says.
fn keep(hosts: &[&HostProfile], contract: &Contract, field: Field) -> bool {
    hosts.iter().all(|host| {
        let verdict = preflight(contract, host);
        let mut changes = verdict.normalisations().iter();
        verdict.is_accepted() && !changes.any(|change| change.field == field)
    })
}

/// Whether the first promises no more of any field than the second; what some host does not let the
/// guest read is no promise.
fn is_within(first: &Contract, second: &Contract, hosts: &[&HostProfile]) -> bool {
    Field::all().all(|field| {
        let order = field.order(
            first.id_registers.field(field),
            second.id_registers.field(field),
        );
        matches!(order, Some(Ordering::Less | Ordering::Equal)) || !keep(hosts, first, field)
    })
}

#[test]
fn every_member_accepts_the_baseline_whatever_was_wished() {
    let hosts = recorded::hosts();
    let mut found = 0;
    for fleet in fleets(&hosts) {
        for wishes in every_wish(&fleet) {
            let Ok(contract) = Baseline::of(&wishes, fleet.iter().copied()) else {
                continue;
            };
            found += 1;
            assert_eq!(contract.check(), Ok(()));
            for host in &fleet {
                let verdict = preflight(&contract, host);
                assert!(verdict.is_accepted(), "{verdict:?}");
            }
        }
    }
    assert!(found > 900, "{found} baselines were judged");
}

#[test]
fn adding_a_host_never_makes_it_more_capable() {
    let hosts = recorded::hosts();
    let mut found = 0;
    for fleet in fleets(&hosts) {
        for wishes in every_wish(&fleet) {
            let Ok(all) = Baseline::of(&wishes, fleet.iter().copied()) else {
                continue;
            };
            found += 1;
            let fewer = Baseline::of(&wishes, fleet[1..].iter().copied()).unwrap();
            assert!(is_within(&all, &fewer, &fleet));
            assert!(all.psci_version <= fewer.psci_version);
            assert!(all.vector_lengths.lengths().count() <= fewer.vector_lengths.lengths().count());
            for workaround in [Workaround::One, Workaround::Three] {
                let level = |contract: &Contract| contract.workarounds.level(workaround);
                assert!(level(&all) <= level(&fewer));
            }
        }
    }
    assert!(found > 900, "{found} baselines were judged");
}

#[test]
fn no_field_can_be_raised_without_a_member_refusing() {
    let hosts = recorded::hosts();
    let mut raised = 0;
    for fleet in fleets(&hosts) {
        let Ok(contract) = baseline(fleet.iter().copied()) else {
            continue;
        };
        for field in Field::all().filter(|field| field.width() <= 4) {
            let value = contract.id_registers.field(field);
            let greater = (0..=field.limit())
                .filter(|more| field.order(*more, value) == Some(Ordering::Greater));
            // One above and the most: what lies between is of the same rule.
            let (mut greater, most) = (greater.clone(), greater.clone().next_back());
            for more in greater.next().into_iter().chain(most) {
                let mut contract = contract.clone();
                contract.id_registers = contract.id_registers.with(field, more).unwrap();
                raised += 1;
                assert!(!keep(&fleet, &contract, field), "{field} could be {more}");
            }
        }
    }
    assert!(raised > 100_000, "{raised} fields were raised");
}
