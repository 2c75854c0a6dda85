//! SYSTEM_SUSPEND where KVM's own firmware answers: who may, how it waits, where it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{act, after_run, end, event, flagged, kernel, restart, wait_for};
use crate::machine::{Config, End, Features};
use crate::sys::fake::{FakeHost, Step};
use crate::sys::{MpState, Operation, RegisterId, SystemEventKind, VcpuFeatures};

const DENIED: u64 = 0xffff_ffff_ffff_fffd;
const ENTRY: u64 = 0x4030_0000;

fn machine(vcpus: u16) -> Config {
    Config {
        features: Features::SYSTEM_SUSPEND,
        ..kernel(vcpus)
    }
}

/// The guest calls SYSTEM_SUSPEND: KVM tells of it and has changed nothing.
fn system_suspend(context: u64) -> Vec<Step> {
    vec![
        Step::Set(RegisterId::X[0], 0xc400_000e),
        Step::Set(RegisterId::X[1], ENTRY),
        Step::Set(RegisterId::X[2], context),
        event(SystemEventKind::Suspend),
    ]
}

/// The census of a caller, up to the question of where it goes on.
const ALONE: [Operation; 5] = [
    Operation::ClearKick,
    Operation::MpState,
    Operation::Register(RegisterId::X[1]),
    Operation::Register(RegisterId::X[2]),
    Operation::Register(RegisterId::SCTLR_EL1),
];

#[test]
fn a_vcpu_alone_waits_inside_kvm_and_starts_at_the_entry_point() {
    let host = FakeHost::new();
    host.script(0, system_suspend(7));
    host.script(0, [event(SystemEventKind::Wakeup)]);
    host.script(0, [event(SystemEventKind::Shutdown)]);
    assert!(matches!(end(&host, machine(2)), End::Off));
    let suspended = [Operation::SetMpState(MpState::Suspended)];
    assert_eq!(after_run(&host, 0, 0), [&ALONE[..], &suspended].concat());
    let started = restart(VcpuFeatures::PSCI_0_2, ENTRY, 7);
    let awake = [Operation::SetMpState(MpState::Runnable)];
    assert_eq!(after_run(&host, 0, 1), [&started[..], &awake].concat());
}

#[test]
fn a_kick_does_not_end_the_suspension_nor_a_suspended_system() {
    let host = FakeHost::new();
    host.script(0, system_suspend(0));
    host.script(0, [Step::Exit(crate::sys::Exit::Kicked)]);
    host.script(0, [event(SystemEventKind::Wakeup)]);
    host.script(0, [event(SystemEventKind::Shutdown)]);
    assert!(matches!(end(&host, machine(1)), End::Off));
    assert_eq!(after_run(&host, 0, 1), [Operation::ClearKick]);
}

#[test]
fn a_secondary_is_initialised_as_it_was_made_and_then_turned_on() {
    let host = FakeHost::new();
    let guest = host.clone();
    // vCPU 0 turns vCPU 1 on and itself off.
    host.script(
        0,
        [
            act(move || {
                guest.power_on(1);
                guest.power_off(0);
            }),
            Step::UntilKicked,
        ],
    );
    host.script(1, system_suspend(9));
    host.script(1, [event(SystemEventKind::Wakeup)]);
    host.script(1, [event(SystemEventKind::Shutdown)]);
    assert!(matches!(end(&host, machine(2)), End::Off));
    let made = VcpuFeatures::PSCI_0_2 | VcpuFeatures::POWER_OFF;
    let mut again = restart(made, ENTRY, 9);
    again.push(Operation::SetMpState(MpState::Runnable));
    assert!(
        host.log_of(1)
            .windows(again.len())
            .any(|part| part == again)
    );
}

#[test]
fn a_vcpu_that_is_not_alone_is_denied_and_goes_on() {
    let host = FakeHost::new();
    let executes = Arc::new(AtomicBool::new(false));
    let (guest, seen) = (host.clone(), Arc::clone(&executes));
    host.script(
        0,
        [act(move || {
            guest.power_on(1);
            wait_for(|| seen.load(Ordering::SeqCst));
        })],
    );
    host.script(0, system_suspend(0));
    host.script(
        1,
        [
            act(move || executes.store(true, Ordering::SeqCst)),
            Step::UntilKicked,
        ],
    );
    let guest = host.clone();
    let answered = move || guest.log_of(0).contains(&super::results(DENIED)[3]);
    host.script(1, [act(move || wait_for(answered))]);
    host.script(1, [event(SystemEventKind::Shutdown)]);
    assert!(matches!(end(&host, machine(2)), End::Off));
    let counted = [Operation::ClearKick, Operation::MpState];
    assert_eq!(
        after_run(&host, 0, 0),
        [&counted[..], &super::results(DENIED)].concat()
    );
}

#[test]
fn a_big_endian_caller_goes_on_big_endian() {
    let host = FakeHost::new();
    host.script(0, [Step::Set(RegisterId::SCTLR_EL1, 0x32c5_1835)]);
    host.script(0, system_suspend(0));
    host.script(0, [event(SystemEventKind::Wakeup)]);
    host.script(0, [event(SystemEventKind::Shutdown)]);
    assert!(matches!(end(&host, machine(1)), End::Off));
    let byte_order = Operation::SetRegister(RegisterId::SCTLR_EL1, 0x02c5_0078);
    assert!(after_run(&host, 0, 1).contains(&byte_order));
}

#[test]
fn an_interrupt_that_nobody_waits_for_is_unexpected() {
    let host = FakeHost::new();
    host.script(0, [flagged(SystemEventKind::Wakeup, 0)]);
    assert!(matches!(end(&host, machine(1)), End::Crashed(_)));
}

#[test]
fn a_machine_that_ends_during_a_census_ends() {
    let host = FakeHost::new();
    let guest = host.clone();
    host.script(0, [act(move || guest.power_on(1))]);
    host.script(0, system_suspend(0));
    // vCPU 1 never attends: it ends the machine once the census is called.
    let called = {
        let guest = host.clone();
        move || guest.log_of(1).contains(&Operation::Kick)
    };
    host.script(1, [act(move || wait_for(called))]);
    host.script(1, [event(SystemEventKind::Shutdown)]);
    assert!(matches!(end(&host, machine(2)), End::Off));
}
