//! What fails: operations of KVM's, threads, and guests beyond remedy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CPU_ON, SYSTEM_OFF, SYSTEM_RESET, act, call, core, end, event, kernel, run, wait_for};
use crate::machine::{Config, End, Error, FirmwareKind};
use crate::sys::fake::{FakeHost, Record, Step};
use crate::sys::{Errno, Exit, Operation, RegisterId, SystemEventKind};

/// vCPU 0 resets the machine once vCPU 1 executes, and ends it in its second life.
fn small_story(firmware: FirmwareKind) -> (FakeHost, Config) {
    let host = FakeHost::new();
    match firmware {
        FirmwareKind::Core => {
            host.script(0, call(CPU_ON, [1, 0x4030_0000, 0]));
            let executes = Arc::new(AtomicBool::new(false));
            let (guest, seen) = (host.clone(), Arc::clone(&executes));
            host.script(1, [act(move || executes.store(true, Ordering::SeqCst))]);
            // A kick says that it never will.
            host.script(
                0,
                [act(move || {
                    wait_for(|| {
                        seen.load(Ordering::SeqCst) || guest.log_of(0).contains(&Operation::Kick)
                    });
                })],
            );
            host.script(0, call(SYSTEM_RESET, []));
            host.script(0, call(SYSTEM_OFF, []));
            (host, core(2))
        }
        FirmwareKind::Kernel => {
            host.script(
                0,
                [
                    event(SystemEventKind::Reset),
                    event(SystemEventKind::Shutdown),
                ],
            );
            (host, kernel(2))
        }
    }
}

/// Did the machine not have to notice that this failed? It cannot fail, asks for what the machine
/// does without, or concerns a vCPU that is off while the machine ends.
fn may_go_unnoticed((vcpu, operation): Record) -> bool {
    match operation {
        Operation::CloseVm | Operation::ClearKick | Operation::Kick => true,
        Operation::ProbeSmcccFilter | Operation::ProbeStolenTime => true,
        Operation::Run => vcpu == Some(1),
        _ => false,
    }
}

/// Fails every operation of the story once, and holds what the machine says against what failed.
fn fail_each(firmware: FirmwareKind) {
    let (host, config) = small_story(firmware);
    run(&host, config).unwrap();
    for nth in 0..host.log().len() {
        let (host, config) = small_story(firmware);
        host.fail_nth(nth, Errno::EIO);
        let outcome = run(&host, config);
        // The log may be shorter than that of the run before: kicks come or do not.
        let failed = host.log().get(nth).copied();
        match outcome {
            Err(Error::Kvm(error)) => {
                assert_eq!(Some((error.vcpu, error.operation)), failed);
                assert_eq!(error.errno, Errno::EIO);
            }
            Err(Error::NoFilter) => {
                assert_eq!(failed, Some((None, Operation::ProbeSmcccFilter)));
            }
            Err(other) => panic!("operation {nth}, {failed:?}: {other}"),
            Ok(report) => {
                assert!(matches!(report.end, End::Off), "{report:?}");
                assert!(failed.is_none_or(may_go_unnoticed), "{nth}: {failed:?}");
            }
        }
    }
}

#[test]
fn whatever_fails_under_core_ends_the_run_and_is_named() {
    fail_each(FirmwareKind::Core);
}

#[test]
fn whatever_fails_under_the_kernel_ends_the_run_and_is_named() {
    fail_each(FirmwareKind::Kernel);
}

#[test]
fn a_failure_on_a_thread_says_which_vcpu_and_what() {
    let host = FakeHost::new();
    host.fail(
        Operation::SetRegister(RegisterId::X[0], 0x4020_0000),
        Errno::EPERM,
    );
    let error = run(&host, core(2)).unwrap_err().to_string();
    assert!(
        error.starts_with("vCPU 0: KVM_SET_ONE_REG of X0 to 0x40200000 failed: "),
        "{error}"
    );
}

#[test]
fn a_crash_says_where_the_vcpu_was_and_what_kvm_reports() {
    let host = FakeHost::new();
    host.script(0, [Step::Exit(Exit::FailedEntry { reason: 1, cpu: 2 })]);
    let End::Crashed(crash) = end(&host, core(2)) else {
        panic!("no crash")
    };
    assert_eq!(
        crash.to_string(),
        "vCPU 0 cannot go on at PC 0x40080000: KVM reports that the host's CPU 2 refuses to enter \
         the guest, reason 0x1 (KVM_EXIT_FAIL_ENTRY)"
    );
}

#[test]
fn a_crash_is_told_even_if_kvm_no_longer_tells_where() {
    let host = FakeHost::new();
    host.script(0, [Step::Exit(Exit::Unknown(99))]);
    host.fail(Operation::Register(RegisterId::PC), Errno::EIO);
    let End::Crashed(crash) = end(&host, kernel(1)) else {
        panic!("no crash")
    };
    assert_eq!(
        crash.to_string(),
        "vCPU 0 cannot go on: KVM reports exit reason 99, which Vambrace does not know \
         (linux/kvm.h)"
    );
}

#[test]
fn under_core_kvms_own_resets_are_unexpected() {
    let host = FakeHost::new();
    host.script(0, [event(SystemEventKind::Reset)]);
    assert!(matches!(end(&host, core(1)), End::Crashed(_)));
}

#[test]
fn under_the_kernel_a_forwarded_call_is_unexpected() {
    let host = FakeHost::new();
    host.script(0, call(0xc600_0000, []));
    let End::Crashed(crash) = end(&host, kernel(1)) else {
        panic!("no crash")
    };
    assert_eq!(
        crash.to_string(),
        "vCPU 0 cannot go on at PC 0x40080000: KVM reports a firmware call of 0xc6000000 by Hvc \
         (KVM_EXIT_HYPERCALL)"
    );
}

#[test]
#[should_panic(expected = "a scoped thread panicked")]
fn a_panic_on_a_thread_ends_the_machine_and_goes_on() {
    let host = FakeHost::new();
    host.script(0, call(CPU_ON, [1, 0x4030_0000, 0]));
    host.script(0, [act(|| panic!("a defect of ours"))]);
    // vCPU 1 executes, vCPU 2 is off; both have to leave.
    let _ = run(
        &host,
        Config {
            time_limit: None,
            ..core(3)
        },
    );
}

#[test]
fn the_machine_before_the_failure_is_closed() {
    let host = FakeHost::new();
    host.fail(Operation::InitialiseGic, Errno::ENODEV);
    assert!(matches!(run(&host, core(2)), Err(Error::Kvm(_))));
    assert_eq!(host.log().last(), Some(&(None, Operation::CloseVm)));
}
