//! How machines end, and how they begin again.

use std::time::Duration;

use vambrace_core::memory::Ipa;

use super::{
    CPU_ON, CPU_SUSPEND, NOP, SYSTEM_OFF, SYSTEM_RESET, SYSTEM_RESET2, act, before_first_run, call,
    core, end, event, flagged, kernel, position, run, runs, silent, until_log_of,
};
use crate::machine::{Config, End, Machine, OnReset};
use crate::sys::fake::{FakeHost, Step};
use crate::sys::{MpState, Operation, RegisterId, SystemEventKind, VcpuFeatures};

#[test]
fn an_end_reaches_a_vcpu_that_executes() {
    let host = FakeHost::new();
    host.script(0, call(CPU_ON, [1, 0x4030_0000, 0]));
    host.script(0, [until_log_of(&host, 1, |log| runs(log) == 1)]);
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, core(2)), End::Off));
}

#[test]
fn an_end_reaches_a_vcpu_that_is_suspended() {
    let host = FakeHost::new();
    host.script(0, call(CPU_ON, [1, 0x4030_0000, 0]));
    host.script(1, call(CPU_SUSPEND, [0, 0, 0]));
    host.script(0, [until_log_of(&host, 1, |log| runs(log) == 2)]);
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, core(2)), End::Off));
    assert_eq!(host.mp_state(1), MpState::Suspended);
}

#[test]
fn an_end_reaches_many_vcpus_that_are_off() {
    let host = FakeHost::new();
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, core(40)), End::Off));
}

#[test]
fn an_end_reaches_a_vcpu_on_which_the_first_kicks_are_lost() {
    let host = FakeHost::new();
    let kicks = |log: &[Operation]| log.iter().filter(|it| **it == Operation::Kick).count();
    host.script(0, [until_log_of(&host, 1, |log| runs(log) == 1)]);
    host.script(1, [until_log_of(&host, 1, move |log| kicks(log) >= 3)]);
    host.script(0, [event(SystemEventKind::Shutdown)]);
    assert!(matches!(end(&host, kernel(2)), End::Off));
}

#[test]
fn an_end_by_kvm_reaches_vcpus_inside_the_run() {
    let host = FakeHost::new();
    host.script(0, [until_log_of(&host, 1, |log| runs(log) == 1)]);
    host.script(0, [event(SystemEventKind::Shutdown)]);
    assert!(matches!(end(&host, kernel(2)), End::Off));
}

#[test]
fn only_one_of_two_ends_counts() {
    let host = FakeHost::new();
    host.script(0, call(CPU_ON, [1, 0x4030_0000, 0]));
    host.script(0, call(SYSTEM_OFF, []));
    host.script(1, call(SYSTEM_RESET, []));
    // What is left of the scripts, if the reset came first.
    host.script(0, call(SYSTEM_OFF, []));
    let report = run(&host, core(2)).unwrap();
    assert!(matches!(report.end, End::Off));
    assert!(report.resets <= 1);
}

#[test]
fn the_time_limit_ends_a_machine_whose_vcpus_execute() {
    let time_limit = Some(Duration::from_millis(20));
    for config in [core(2), kernel(2)] {
        let host = FakeHost::new();
        assert!(matches!(
            end(
                &host,
                Config {
                    time_limit,
                    ..config
                }
            ),
            End::TimeLimit
        ));
        // None where the time was up before the vCPU's thread had begun.
        assert!(runs(&host.log_of(0)) <= 1);
    }
}

#[test]
fn a_time_limit_of_nothing_ends_the_machine_at_once() {
    let config = Config {
        time_limit: Some(Duration::ZERO),
        ..core(2)
    };
    assert!(matches!(end(&FakeHost::new(), config), End::TimeLimit));
}

#[test]
fn a_reset_closes_the_vm_before_the_next_is_made() {
    for (config, reset, off) in [
        (core(2), call(SYSTEM_RESET, []), call(SYSTEM_OFF, [])),
        (
            kernel(2),
            vec![event(SystemEventKind::Reset)],
            vec![event(SystemEventKind::Shutdown)],
        ),
    ] {
        let host = FakeHost::new();
        host.script(0, reset);
        host.script(0, off);
        let report = run(&host, config).unwrap();
        assert!(matches!(report.end, End::Off));
        assert_eq!(report.resets, 1);
        let vm = |operation: &Operation| {
            matches!(operation, Operation::CreateVm { .. } | Operation::CloseVm)
        };
        let log: Vec<_> = host
            .log()
            .into_iter()
            .map(|(_, operation)| operation)
            .collect();
        let create = Operation::CreateVm { ipa_bits: 40 };
        let expected = [create, Operation::CloseVm, create, Operation::CloseVm];
        assert_eq!(log.into_iter().filter(vm).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn after_a_reset_the_first_vcpu_begins_again_and_the_others_are_off() {
    let host = FakeHost::new();
    host.script(0, call(CPU_ON, [1, 0x4030_0000, 0]));
    host.script(1, call(SYSTEM_RESET, []));
    // vCPU 0 is kicked out of its first life, wherever it is.
    host.script(0, [Step::UntilKicked]);
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, core(2)), End::Off));
    let log = host.log();
    let second = log.split_at(position(&log, Operation::CloseVm)).1;
    let of = |index| {
        second
            .iter()
            .filter(move |(vcpu, _)| *vcpu == Some(index))
            .map(|(_, what)| *what)
    };
    let from_reset = [
        Operation::ClearKick,
        Operation::Init(VcpuFeatures::PSCI_0_2),
        Operation::SetRegister(RegisterId::PC, 0x4008_0000),
        Operation::SetRegister(RegisterId::X[0], 0x4020_0000),
        Operation::Run,
    ];
    let first: Vec<_> = of(0)
        .skip_while(|what| *what != Operation::ClearKick)
        .take(5)
        .collect();
    assert_eq!(first, from_reset);
    assert!(of(1).all(|what| what != Operation::Run));
}

#[test]
fn a_reset_loads_the_image_again_and_keeps_the_rest_of_ram() {
    let machine = Machine::new(core(1), NOP).unwrap();
    let (image, elsewhere) = (Ipa::new(0x4008_0000), Ipa::new(0x4040_0000));
    let host = FakeHost::new();
    let memory = machine.memory.clone();
    host.script(
        0,
        [act(move || {
            memory.write(image, &[0xff; 4]).unwrap();
            memory.write(elsewhere, &[0xee; 4]).unwrap();
        })],
    );
    host.script(0, call(SYSTEM_RESET, []));
    host.script(0, call(SYSTEM_OFF, []));
    assert_eq!(machine.run(&host, &silent()).unwrap().resets, 1);
    let bytes = |address| {
        let mut bytes = [0; 4];
        machine.memory.read(address, &mut bytes).unwrap();
        bytes
    };
    assert_eq!(bytes(image), [0x1f, 0x20, 0x03, 0xd5]);
    assert_eq!(bytes(elsewhere), [0xee; 4]);
}

#[test]
fn a_reset_keeps_what_firmware_promised() {
    let host = FakeHost::new().with_register(RegisterId::PSCI_VERSION, 0x1_0000);
    host.script(0, call(SYSTEM_RESET, []));
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, core(1)), End::Off));
    let log = host.log_of(0);
    let count = |operation| log.iter().filter(|found| **found == operation).count();
    assert_eq!(count(Operation::Register(RegisterId::PSCI_VERSION)), 1);
    assert_eq!(
        count(Operation::SetRegister(RegisterId::PSCI_VERSION, 0x1_0000)),
        2
    );
}

#[test]
fn a_machine_reboots_as_often_as_it_may() {
    let host = FakeHost::new();
    for _ in 0..3 {
        host.script(0, call(SYSTEM_RESET, []));
    }
    let report = run(
        &host,
        Config {
            reset: OnReset::Reboot { most: 2 },
            ..core(2)
        },
    )
    .unwrap();
    assert!(matches!(report.end, End::Reset));
    assert_eq!((report.resets, report.forwarded_calls), (2, 3));
}

#[test]
fn a_machine_that_is_not_to_reboot_ends_with_the_first_reset() {
    let host = FakeHost::new();
    host.script(0, call(SYSTEM_RESET2, [0, 5]));
    let report = run(
        &host,
        Config {
            reset: OnReset::End,
            ..core(1)
        },
    )
    .unwrap();
    assert!(matches!(report.end, End::Reset));
    assert_eq!(report.resets, 0);
}

#[test]
fn a_reset_of_a_vendors_type_is_an_exit_code() {
    let host = FakeHost::new();
    host.script(0, call(SYSTEM_RESET2, [0x8000_0007, 0]));
    assert!(matches!(end(&host, core(1)), End::Code(7)));
}

/// KVM tells of a reset with x1 and x2 as the guest left them.
fn reset_by_kvm(x1: u64, flags: u64) -> FakeHost {
    let host = FakeHost::new();
    host.script(
        0,
        [
            Step::Set(RegisterId::X[1], x1),
            flagged(SystemEventKind::Reset, flags),
            event(SystemEventKind::Shutdown),
        ],
    );
    host
}

#[test]
fn kvms_reset2_leaves_its_type_in_the_low_word_of_x1() {
    let host = reset_by_kvm(0xffff_ffff_8000_0007, 1);
    assert!(matches!(end(&host, kernel(1)), End::Code(7)));
}

#[test]
fn kvms_reset2_of_type_0_reboots() {
    let host = reset_by_kvm(0xffff_ffff_0000_0000, 1);
    assert_eq!(run(&host, kernel(1)).unwrap().resets, 1);
}

#[test]
fn kvms_reset_without_the_flag_reboots_and_reads_no_register() {
    let host = reset_by_kvm(0x8000_0007, 0);
    let report = run(&host, kernel(1)).unwrap();
    assert!(matches!(report.end, End::Off));
    assert_eq!(report.resets, 1);
    assert!(
        !host
            .log_of(0)
            .contains(&Operation::Register(RegisterId::X[1]))
    );
}

#[test]
fn under_the_kernel_only_the_boot_vcpu_is_told_where_to_begin() {
    let host = FakeHost::new();
    host.script(0, [event(SystemEventKind::Shutdown)]);
    assert!(matches!(end(&host, kernel(2)), End::Off));
    let expected = [
        Operation::ClearKick,
        Operation::SetRegister(RegisterId::PC, 0x4008_0000),
        Operation::SetRegister(RegisterId::X[0], 0x4020_0000),
    ];
    assert_eq!(before_first_run(&host, 0), expected);
    assert_eq!(before_first_run(&host, 1), [Operation::ClearKick]);
}
