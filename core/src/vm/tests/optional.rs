//! The optional calls of PSCI.

use super::*;
use crate::psci::{Migration, PsciOptions, TrustedOs};

const DENIED: u64 = 0xffff_ffff_ffff_fffd;
const NOT_PRESENT: u64 = 0xffff_ffff_ffff_fff9;

const CPU_SUSPEND: u64 = 0xc400_0001;
const FEATURES: u64 = 0x8400_000a;

/// A machine of PSCI 1.3 in the specification's dialect with these options.
fn with<const N: usize>(options: PsciOptions) -> Story<N> {
    Story::with(|config| {
        config
            .with_psci_version(PsciVersion::V1_3)
            .with_psci_options(options)
    })
}

fn at(microseconds: u64) -> Time {
    Time::from_nanoseconds(microseconds * 1000)
}

#[test]
fn an_option_brings_its_functions_in_both_widths_and_no_other() {
    for (option, ids) in [
        (PsciOptions::CPU_FREEZE, [0x8400_000b].as_slice()),
        (
            PsciOptions::CPU_DEFAULT_SUSPEND,
            &[0x8400_000c, 0xc400_000c],
        ),
        (PsciOptions::NODE_HW_STATE, &[0x8400_000d, 0xc400_000d]),
        (PsciOptions::SYSTEM_SUSPEND, &[0x8400_000e, 0xc400_000e]),
        (PsciOptions::OS_INITIATED, &[0x8400_000f]),
        (
            PsciOptions::STATISTICS,
            &[0x8400_0010, 0xc400_0010, 0x8400_0011, 0xc400_0011],
        ),
        (PsciOptions::SYSTEM_RESET2, &[0x8400_0012, 0xc400_0012]),
        (
            PsciOptions::MEM_PROTECT,
            &[0x8400_0013, 0x8400_0014, 0xc400_0014],
        ),
        (PsciOptions::SYSTEM_OFF2, &[0x8400_0015, 0xc400_0015]),
        (
            PsciOptions::CLEAN_INV_MEMREGION,
            &[0xc400_0016, 0x8400_0017],
        ),
        (PsciOptions::EXTENDED_STATE_ID, &[]),
    ] {
        let mut story = with::<1>(option);
        for id in (0x8400_000b..0x8400_0020).chain(0xc400_000b..0xc400_0020) {
            let there = story.x0(FEATURES, &[id]) != NOT_SUPPORTED;
            assert_eq!(there, ids.contains(&id), "{option:?} {id:#x}");
        }
    }
}

#[test]
fn features_flags_tell_the_format_the_mode_and_the_kind_of_hibernation() {
    for (options, flags) in [
        (PsciOptions::empty(), 0),
        (PsciOptions::OS_INITIATED, 1),
        (PsciOptions::EXTENDED_STATE_ID, 2),
        (
            PsciOptions::OS_INITIATED.union(PsciOptions::EXTENDED_STATE_ID),
            3,
        ),
    ] {
        assert_eq!(with::<1>(options).x0(FEATURES, &[CPU_SUSPEND]), flags);
    }
    let mut story = with::<1>(PsciOptions::SYSTEM_OFF2);
    assert_eq!(story.x0(FEATURES, &[0xc400_0015]), 1);
}

#[test]
fn a_frozen_cpu_is_off_until_it_is_turned_on() {
    let mut story = with::<2>(PsciOptions::CPU_FREEZE);
    story.turn_on(1);
    assert_eq!(story.call(1, 0x8400_000b, &[]), Outcome::Park);
    assert_eq!(story.x0(AFFINITY_INFO, &[1, 0]), 1);
    story.turn_on(1);
}

#[test]
fn default_suspend_powers_down_and_begins_again() {
    let mut story = with::<1>(PsciOptions::CPU_DEFAULT_SUSPEND);
    assert_eq!(story.x0(0xc400_000c, &[0x1000, 9]), INVALID_ADDRESS);
    let outcome = story.call(0, 0xc400_000c, &[ENTRY, 9]);
    assert!(matches!(outcome, Outcome::Wait(OnWake::Restart(_))));
    assert!(matches!(story.woke(0), Entry::Restart(state) if state.x0() == 9));
}

#[test]
fn a_node_is_on_standing_by_or_off() {
    let mut story = with::<3>(PsciOptions::NODE_HW_STATE);
    let node = 0xc400_000d;
    assert_eq!(story.x0(node, &[0, 0]), 0);
    assert_eq!(story.x0(node, &[1, 0]), 1);
    story.turn_on(1);
    assert_eq!(story.x0(node, &[1, 0]), 0);
    let _ = story.call(1, CPU_SUSPEND, &[0]);
    assert_eq!(story.x0(node, &[1, 0]), 2);
    let _ = story.woke(1);
    let _ = story.call(1, CPU_SUSPEND, &[0x1_0000, ENTRY, 0]);
    assert_eq!(story.x0(node, &[1, 0]), 1);
    assert_eq!(story.x0(AFFINITY_INFO, &[1, 0]), 0);
    assert_eq!(story.x0(node, &[1, 1]), 0);
    assert_eq!(story.x0(node, &[1, 4]), INVALID_PARAMETERS);
    assert_eq!(story.x0(node, &[7, 0]), INVALID_PARAMETERS);
}

#[test]
fn the_system_sleeps_only_if_nobody_else_is_on() {
    for dialect in [SPECIFICATION, KVM] {
        let mut story = Story::<2>::with(|config| {
            config
                .with_dialect(dialect)
                .with_psci_options(PsciOptions::SYSTEM_SUSPEND)
        });
        assert_eq!(story.x0(CPU_ON, &[1, ENTRY, 7]), SUCCESS);
        assert_eq!(story.x0(0xc400_000e, &[ENTRY, 5]), DENIED);
        let _ = story.begin(1);
        assert_eq!(story.x0(0xc400_000e, &[ENTRY, 5]), DENIED);
        let _ = story.call(1, CPU_OFF, &[]);
        let outcome = story.call(0, 0xc400_000e, &[ENTRY, 5]);
        assert!(matches!(
            outcome,
            Outcome::SystemSuspend(OnWake::Restart(_))
        ));
        assert_eq!(story.begin(0), Entry::Wait);
        let Entry::Restart(state) = story.woke(0) else {
            panic!("it lost its context")
        };
        assert_eq!((state.pc(), state.x0()), (ENTRY, 5));
    }
}

#[test]
fn the_system_does_not_sleep_towards_an_entry_outside_ram() {
    let mut story = with::<1>(PsciOptions::SYSTEM_SUSPEND);
    assert_eq!(story.x0(0xc400_000e, &[0x1000, 0]), INVALID_ADDRESS);
    assert_eq!(story.begin(0), Entry::Continue);
}

#[test]
fn os_initiated_mode_begins_before_anybody_suspends_and_ends_alone() {
    let mut story = with::<2>(PsciOptions::OS_INITIATED);
    let set = 0x8400_000f;
    assert_eq!(story.x0(set, &[2]), INVALID_PARAMETERS);
    assert_eq!(story.x0(set, &[0]), SUCCESS);
    story.turn_on(1);
    assert_eq!(story.x0(set, &[1]), SUCCESS);
    assert_eq!(story.x0(set, &[1]), SUCCESS);
    assert_eq!(story.x0(set, &[0]), DENIED);
    let _ = story.call(1, CPU_OFF, &[]);
    assert_eq!(story.x0(set, &[0]), SUCCESS);
    let _ = story.call(0, CPU_SUSPEND, &[0]);
    let _ = story.woke(0);
    assert_eq!(story.x0(set, &[1]), DENIED);
    assert_eq!(story.x0(set, &[0]), SUCCESS);
}

#[test]
fn stays_are_counted_by_cpu_and_state() {
    let mut story = with::<2>(PsciOptions::STATISTICS);
    let (residency, count) = (0xc400_0010, 0xc400_0011);
    let _ = story.call_at(at(10), 0, CPU_SUSPEND, &[0]);
    let _ = story.vm.woke(story.ids[0], at(25));
    let _ = story.call_at(at(30), 0, CPU_SUSPEND, &[0x1_0000, ENTRY, 0]);
    let _ = story.vm.woke(story.ids[0], at(100));
    let _ = story.call_at(at(200), 0, CPU_SUSPEND, &[0]);
    let _ = story.vm.woke(story.ids[0], at(201));
    for (target, state, stays, microseconds) in [
        (0, 0, 2, 16),
        (0, 0x1_0000, 1, 70),
        (1, 0, 0, 0),
        (9, 0, 0, 0),
        (0, 0x2_0000, 0, 0),
    ] {
        assert_eq!(story.x0(count, &[target, state]), stays);
        assert_eq!(story.x0(residency, &[target, state]), microseconds);
    }
}

#[test]
fn a_suspension_asks_for_the_time_only_where_it_is_counted() {
    for (options, time) in [
        (PsciOptions::STATISTICS, Some(true)),
        (PsciOptions::empty(), None),
    ] {
        let mut story = with::<1>(options);
        let caller = Caller::little_endian_aarch64(story.ids[0], Conduit::Hvc(0));
        let needs = story.needs(&caller, CPU_SUSPEND, &[0]);
        assert_eq!(needs.map(Needs::time), time);
    }
}

#[test]
fn memory_protection_tells_what_it_was_and_outlasts_resets() {
    let mut story = with::<1>(PsciOptions::MEM_PROTECT);
    assert!(!story.vm.protects_memory());
    assert_eq!(story.x0(0x8400_0013, &[1]), 0);
    assert_eq!(story.x0(0x8400_0013, &[1]), 1);
    assert!(story.vm.protects_memory());
    let _ = story.call(0, 0x8400_0009, &[]);
    let _ = story.vm.stopped(story.ids[0]);
    story.vm.reset().unwrap();
    assert!(story.vm.protects_memory());
    let _ = story.begin(0);
    assert_eq!(story.x0(0x8400_0013, &[0]), 1);
    assert!(!story.vm.protects_memory());
}

#[test]
fn all_of_ram_and_nothing_else_can_be_protected() {
    let mut story = with::<1>(PsciOptions::MEM_PROTECT);
    for (base, size, answer) in [
        (0x4000_0000, 128 << 20, SUCCESS),
        (0x47ff_ffff, 1, SUCCESS),
        (0x47ff_ffff, 2, DENIED),
        (0x3fff_ffff, 2, DENIED),
        (0x4000_0000, 0, DENIED),
        (0x4000_0000, u64::MAX, DENIED),
    ] {
        assert_eq!(
            story.x0(0xc400_0014, &[base, size]),
            answer,
            "{base:#x} {size:#x}"
        );
    }
}

#[test]
fn a_memory_region_is_cleaned_if_it_is_ram() {
    let mut story = with::<1>(PsciOptions::CLEAN_INV_MEMREGION);
    let clean = 0xc400_0016;
    let outcome = story.call(0, clean, &[0x4000_0000, 0x1000, 0]);
    let Outcome::CleanInvalidate(results, range) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(results.x0(), SUCCESS);
    assert_eq!(
        (range.first().value(), range.last().value()),
        (0x4000_0000, 0x4000_0fff)
    );
    assert_eq!(story.x0(clean, &[0x4000_0000, 0x1000, 1]), SUCCESS);
    assert_eq!(story.x0(clean, &[0x3fff_ffff, 2, 0]), INVALID_ADDRESS);
    assert_eq!(story.x0(clean, &[0x4000_0000, 0, 0]), INVALID_PARAMETERS);
    assert_eq!(story.x0(clean, &[0x4000_0000, 1, 4]), INVALID_PARAMETERS);
    assert_eq!(story.x0(0x8400_0017, &[0]), 0);
    assert_eq!(story.x0(0x8400_0017, &[5]), INVALID_PARAMETERS);
}

// ---- a Trusted OS

fn with_trusted_os(migration: Migration) -> Story<3> {
    let resident = Story::<3>::new(SPECIFICATION).ids[0];
    Story::with(|config| {
        config.with_trusted_os(TrustedOs {
            resident,
            migration,
        })
    })
}

#[test]
fn a_trusted_os_moves_from_where_it_is_and_its_cpu_stays_on() {
    let mut story = with_trusted_os(Migration::Capable);
    let (migrate, info_type, info_up_cpu) = (0xc400_0005, 0x8400_0006, 0xc400_0007);
    story.turn_on(1);
    assert_eq!(story.x0(info_type, &[]), 0);
    assert_eq!(story.x0(info_up_cpu, &[]), 0);
    assert_eq!(story.x0(CPU_OFF, &[]), DENIED);
    assert_eq!(story.x0(migrate, &[9]), INVALID_PARAMETERS);
    assert_eq!(story.x0(migrate, &[2]), INVALID_PARAMETERS);
    assert_eq!(story.x0(migrate, &[1]), SUCCESS);
    assert_eq!(story.x0(info_up_cpu, &[]), 1);
    assert_eq!(story.x0(migrate, &[0]), NOT_PRESENT);
    assert_eq!(story.call(0, CPU_OFF, &[]), Outcome::Park);
}

#[test]
fn a_trusted_os_that_cannot_move_says_so() {
    let mut story = with_trusted_os(Migration::Incapable);
    assert_eq!(story.x0(0x8400_0006, &[]), 1);
    assert_eq!(story.x0(0xc400_0005, &[1]), DENIED);
    assert_eq!(story.x0(FEATURES, &[0xc400_0005]), 0);
}

#[test]
fn without_a_trusted_os_there_is_nothing_to_migrate() {
    let mut story = with::<2>(PsciOptions::all());
    for id in [0x8400_0005, 0xc400_0005, 0x8400_0007, 0xc400_0007] {
        assert_eq!(story.x0(id, &[1]), NOT_SUPPORTED);
        assert_eq!(story.x0(FEATURES, &[id]), NOT_SUPPORTED);
    }
    assert_eq!(story.x0(0x8400_0006, &[]), 2);
}

#[test]
fn memory_that_an_earlier_process_left_protected_is_protected() {
    let mut story = Story::<1>::with(|config| {
        config
            .with_psci_options(PsciOptions::MEM_PROTECT)
            .with_protected_memory()
    });
    assert!(story.vm.protects_memory());
    assert_eq!(story.x0(0x8400_0013, &[0]), 1);
    assert!(!story.vm.protects_memory());
}

#[test]
fn results_wider_than_the_call_are_cut_to_its_width() {
    let mut story = with::<1>(PsciOptions::STATISTICS);
    let _ = story.call_at(at(0), 0, CPU_SUSPEND, &[0]);
    let _ = story.vm.woke(story.ids[0], at(1 << 33));
    assert_eq!(story.x0(0xc400_0010, &[0, 0]), 1 << 33);
    assert_eq!(story.x0(0x8400_0010, &[0, 0]), 0xffff_ffff);
}

// ---- PSCI 0.1

#[test]
fn psci_0_1_turns_cpus_on_and_off_by_private_ids_with_the_codes_it_has() {
    let mut story = Story::<2>::with(|config| {
        config
            .with_dialect(KVM)
            .with_psci_version(PsciVersion::V0_1)
    });
    let (off, on) = (0x95c1_ba5f, 0x95c1_ba60);
    assert_eq!(story.x0(on, &[1, ENTRY, 0x1_0000_0007]), SUCCESS);
    assert!(matches!(story.begin(1), Entry::Start(state) if state.x0() == 0x1_0000_0007));
    assert_eq!(story.x0(on, &[1, ENTRY, 0]), INVALID_PARAMETERS);
    assert_eq!(story.x0(on, &[0x1_0000_0001, ENTRY, 0]), INVALID_PARAMETERS);
    assert_eq!(story.call(1, off, &[]), Outcome::Park);
    for id in [
        0x95c1_ba5e,
        0x95c1_ba61,
        0x8400_0000,
        0x8400_0003,
        0xc400_0003,
    ] {
        assert_eq!(story.x0(id, &[0]), NOT_SUPPORTED, "{id:#x}");
    }
    assert_eq!(story.x0(0x8000_0000, &[]), 0x1_0001);
}
