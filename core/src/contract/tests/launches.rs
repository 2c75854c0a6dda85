//! What a host tells a guest beyond its contract.

use super::*;
use crate::firmware::{Level, Workaround};

/// A host whose kernel numbers the level of workaround 3 like this.
fn of_level(level: u64) -> HostProfile {
    let mut host = host(&[]);
    host.workarounds.three = KernelRelease::new(7, 3).levels(Workaround::Three, HostLevel(level));
    host
}

#[test]
fn a_guest_may_move_to_a_higher_level_and_not_be_launched_on_it() {
    // Writing 0 to KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3 of a host of level 2 succeeds, and its guest
    // is told "not required" (LNX arch/arm64/kvm/hypercalls.c).
    let contract = contract_of(&of_level(0));
    let level = |contract: &Contract| contract.workarounds.level(Workaround::Three);
    assert_eq!(level(&contract), Level::NotAvailable);
    let at_home = preflight(&contract, &of_level(0));
    assert!(at_home.is_accepted() && at_home.may_launch());
    let higher = preflight(&contract, &of_level(2));
    assert!(higher.is_accepted() && !higher.may_launch());
    assert_eq!(
        higher.excesses(),
        [Excess {
            workaround: Workaround::Three,
            promised: Level::NotAvailable,
            told: Level::NotRequired,
        }]
    );
}

#[test]
fn what_is_refused_may_not_be_launched_either() {
    let contract = contract_of(&of_level(2));
    let verdict = preflight(&contract, &of_level(1));
    assert!(!verdict.is_accepted() && !verdict.may_launch());
    assert!(verdict.excesses().is_empty());
}

#[test]
fn findings_come_one_by_one_to_whoever_has_no_room() {
    let (contract, host) = (contract_of(&of_level(2)), of_level(1));
    let mut found = std::vec::Vec::new();
    examine(&contract, &host, &mut |finding| found.push(finding));
    let all = preflight(&contract, &host);
    let expected: std::vec::Vec<_> = all.reasons().iter().copied().map(Finding::Reason).collect();
    assert_eq!(found, expected);
    assert_eq!(found.len(), 1);
}

#[test]
fn linux_7_3_says_that_there_is_no_gicv3_when_it_has_made_a_gicv2() {
    let mut host = host(&[]);
    host.gic_v2 = host.gic_v3.take();
    let contract = contract_of(&host);
    assert_eq!(contract.gic.kind, GicKind::V2);
    let changes = preflight(&contract, &host);
    assert_eq!(
        changes.normalisations(),
        [Normalisation {
            field: Field::ID_AA64PFR0_EL1_GIC,
            promised: 1,
            becomes: 0,
        }]
    );
}

#[test]
fn linux_7_3_clears_permission_indirection_without_what_it_depends_on() {
    let fields = |ats1a| {
        [
            (Field::ID_AA64MMFR3_EL1_S1PIE, 1),
            (Field::ID_AA64MMFR3_EL1_TCRX, 1),
            (Field::ID_AA64MMFR1_EL1_HPDS, 2),
            (Field::ID_AA64ISAR2_EL1_ATS1A, ats1a),
        ]
    };
    // Linux 6.12 hides ATS1A and shows S1PIE.
    let mut old = host(&fields(0));
    old.kernel = KernelRelease::new(6, 12);
    let contract = contract_of(&old);
    assert!(preflight(&contract, &old).is_accepted());
    let new = host(&fields(1));
    let verdict = preflight(&contract, &new);
    assert_eq!(
        verdict.reasons(),
        [Reason::Dependent {
            field: Field::ID_AA64MMFR3_EL1_S1PIE,
            promised: 1,
            missing: Field::ID_AA64ISAR2_EL1_ATS1A,
        }]
    );
    assert!(verdict.is_accepted_by_kernel());
    let common = Baseline::of(&Wishes::PLAIN, [&old, &new]).unwrap();
    let left = common.id_registers.field(Field::ID_AA64MMFR3_EL1_S1PIE);
    assert_eq!(left, 0);
    assert!(preflight(&common, &new).is_accepted());
}
