//! Firmware calls and vCPU power: what is read, what is written, who runs.

use vambrace_core::firmware::Dialect;

use super::{
    ALREADY_ON, CPU_OFF, CPU_ON, CPU_SUSPEND, NOT_SUPPORTED, SUCCESS, SYSTEM_OFF, act, after_run,
    before_first_run, call, core, end, event, kernel, restart, results, run, runs, until_log_of,
};
use crate::firmware::AnswerFlip;
use crate::machine::{Config, End};
use crate::sys::fake::{FakeHost, Step};
use crate::sys::{Errno, Exit, MpState, Operation, RegisterId, SystemEventKind, VcpuFeatures};

const PSCI_VERSION: u32 = 0x8400_0000;
const FIRST_ARGUMENTS: [Operation; 3] = [
    Operation::Register(RegisterId::X[1]),
    Operation::Register(RegisterId::X[2]),
    Operation::Register(RegisterId::X[3]),
];
const BYTE_ORDER: Operation = Operation::Register(RegisterId::SCTLR_EL1);

/// What answers one call of the first vCPU's.
fn answered<const N: usize>(function: u32, arguments: [u64; N], config: Config) -> Vec<Operation> {
    let host = FakeHost::new();
    host.script(0, call(function, arguments));
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, config), End::Off));
    after_run(&host, 0, 0)
}

/// Core answers, as the specification has it.
fn specification() -> Config {
    Config {
        dialect: Dialect::Specification,
        ..core(1)
    }
}

#[test]
fn a_call_without_arguments_reads_no_register() {
    assert_eq!(answered(PSCI_VERSION, [], core(1)), results(0x1_0001));
}

#[test]
fn a_call_of_the_specification_writes_its_result_alone() {
    let result = Operation::SetRegister(RegisterId::X[0], 0x1_0001);
    assert_eq!(answered(PSCI_VERSION, [], specification()), [result]);
}

#[test]
fn an_unknown_function_reads_no_register() {
    assert_eq!(
        answered(0xc600_0000, [7, 7, 7], core(1)),
        results(NOT_SUPPORTED)
    );
}

#[test]
fn cpu_on_of_a_running_cpu_reads_its_target_alone() {
    let expected = [&FIRST_ARGUMENTS[..1], &results(ALREADY_ON)].concat();
    assert_eq!(answered(CPU_ON, [0, 0x4008_0000, 0], core(1)), expected);
}

#[test]
fn cpu_on_that_succeeds_reads_its_arguments_and_the_callers_byte_order() {
    let host = start_another();
    assert!(matches!(end(&host, core(2)), End::Off));
    let expected = [&FIRST_ARGUMENTS[..], &[BYTE_ORDER], &results(SUCCESS)].concat();
    assert_eq!(after_run(&host, 0, 0), expected);
}

#[test]
fn calls_are_counted() {
    let host = FakeHost::new();
    for function in [PSCI_VERSION, 0xc600_0000, SYSTEM_OFF] {
        host.script(0, call(function, []));
    }
    assert_eq!(run(&host, core(1)).unwrap().forwarded_calls, 3);
}

#[test]
fn a_flip_is_wrong_by_one_bit_of_one_functions_x0() {
    let flip = Some(AnswerFlip {
        function: PSCI_VERSION,
        bit: 3,
    });
    let config = Config { flip, ..core(1) };
    assert_eq!(
        answered(PSCI_VERSION, [], config.clone()),
        results(0x1_0009)
    );
    assert_eq!(answered(0xc600_0000, [], config), results(NOT_SUPPORTED));
}

#[test]
fn a_flip_reaches_the_answer_that_ends_a_suspension() {
    for (function, x0) in [(0x8400_0001, 1 << 63), (CPU_SUSPEND, SUCCESS)] {
        let host = FakeHost::new();
        host.script(0, call(function, [0, 0, 0]));
        host.script(0, [event(SystemEventKind::Wakeup)]);
        host.script(0, call(SYSTEM_OFF, []));
        let flip = Some(AnswerFlip {
            function: 0x8400_0001,
            bit: 63,
        });
        assert!(matches!(end(&host, Config { flip, ..core(1) }), End::Off));
        assert_eq!(after_run(&host, 0, 1)[1..], results(x0));
    }
}

/// vCPU 0 starts vCPU 1 and spins; vCPU 1 ends the machine.
fn start_another() -> FakeHost {
    let host = FakeHost::new();
    host.script(0, call(CPU_ON, [1, 0x4030_0000, 42]));
    host.script(1, call(SYSTEM_OFF, []));
    host
}

#[test]
fn cpu_on_starts_the_other_vcpu_from_reset() {
    let host = start_another();
    assert!(matches!(end(&host, core(2)), End::Off));
    assert_eq!(after_run(&host, 0, 0)[4..], results(SUCCESS));
    let expected = [
        Operation::ClearKick,
        Operation::Init(VcpuFeatures::PSCI_0_2),
        Operation::SetRegister(RegisterId::PC, 0x4030_0000),
        Operation::SetRegister(RegisterId::X[0], 42),
    ];
    assert_eq!(before_first_run(&host, 1), expected);
}

#[test]
fn cpu_on_by_a_big_endian_caller_starts_big_endian() {
    let host = FakeHost::new();
    host.script(0, [Step::Set(RegisterId::SCTLR_EL1, 0x32c5_1835)]);
    host.script(0, call(CPU_ON, [1, 0x4030_0000, 0]));
    host.script(1, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, core(2)), End::Off));
    let byte_order = Operation::SetRegister(RegisterId::SCTLR_EL1, 0x02c5_0078);
    assert_eq!(before_first_run(&host, 1).last(), Some(&byte_order));
}

#[test]
fn a_vcpu_that_is_off_waits_outside_the_guest() {
    let host = FakeHost::new();
    host.script(0, call(CPU_ON, [1, 0x4030_0000, 1]));
    host.script(1, call(CPU_OFF, []));
    // Once it has asked whether to enter again, it is off.
    let is_off = |log: &[Operation]| log[log.len() - 2..] == [Operation::Run, Operation::ClearKick];
    host.script(0, [until_log_of(&host, 1, is_off)]);
    host.script(0, call(CPU_ON, [1, 0x4031_0000, 2]));
    host.script(1, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, core(2)), End::Off));
    assert_eq!(after_run(&host, 0, 1)[4..], results(SUCCESS));
    let again = [
        Operation::ClearKick,
        Operation::Init(VcpuFeatures::PSCI_0_2),
        Operation::SetRegister(RegisterId::PC, 0x4031_0000),
        Operation::SetRegister(RegisterId::X[0], 2),
    ];
    assert_eq!(after_run(&host, 1, 0), again);
    assert_eq!(runs(&host.log_of(1)), 2);
}

#[test]
fn a_vcpu_that_was_never_started_never_enters_the_guest() {
    let host = FakeHost::new();
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, core(3)), End::Off));
    assert_eq!([0, 1, 2].map(|index| runs(&host.log_of(index))), [1, 0, 0]);
}

#[test]
fn a_suspension_is_kvms_and_ends_in_success() {
    let host = FakeHost::new();
    host.script(0, call(CPU_SUSPEND, [0, 0, 0]));
    host.script(0, [event(SystemEventKind::Wakeup)]);
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, core(1)), End::Off));
    let suspended = Operation::SetMpState(MpState::Suspended);
    assert_eq!(after_run(&host, 0, 0).last(), Some(&suspended));
    let runnable = Operation::SetMpState(MpState::Runnable);
    assert_eq!(
        after_run(&host, 0, 1),
        [&[runnable][..], &results(SUCCESS)].concat()
    );
}

#[test]
fn a_kick_does_not_end_a_suspension() {
    let host = FakeHost::new();
    host.script(0, call(CPU_SUSPEND, [0, 0, 0]));
    host.script(
        0,
        [Step::Exit(Exit::Kicked), event(SystemEventKind::Wakeup)],
    );
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, core(1)), End::Off));
    assert_eq!(after_run(&host, 0, 1), [Operation::ClearKick]);
    assert_eq!(after_run(&host, 0, 2)[1..], results(SUCCESS));
}

#[test]
fn a_powerdown_ends_in_a_start_from_reset() {
    let host = FakeHost::new();
    host.script(0, call(CPU_SUSPEND, [1 << 16, 0x4030_0000, 9]));
    host.script(0, [event(SystemEventKind::Wakeup)]);
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, specification()), End::Off));
    let awake = [Operation::SetMpState(MpState::Runnable)];
    let started = restart(VcpuFeatures::PSCI_0_2, 0x4030_0000, 9);
    assert_eq!(after_run(&host, 0, 1), [&awake[..], &started].concat());
}

#[test]
fn a_timer_runs_on_over_a_powerdown() {
    let host = FakeHost::new();
    let timer = [
        Step::Set(RegisterId::CNTV_CTL_EL0, 1),
        Step::Set(RegisterId::CNTV_CVAL_EL0, 0x1234),
    ];
    host.script(0, timer);
    host.script(0, call(CPU_SUSPEND, [1 << 16, 0x4030_0000, 9]));
    host.script(0, [event(SystemEventKind::Wakeup)]);
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, specification()), End::Off));
    assert_eq!(host.register(0, RegisterId::CNTV_CTL_EL0), 1);
    assert_eq!(host.register(0, RegisterId::CNTV_CVAL_EL0), 0x1234);
}

#[test]
fn a_kernel_without_a_physical_timer_is_told_of_none() {
    let host = FakeHost::new();
    for register in [RegisterId::CNTP_CVAL_EL0, RegisterId::CNTP_CTL_EL0] {
        host.fail(Operation::Register(register), Errno::ENOENT);
    }
    host.script(0, call(CPU_SUSPEND, [1 << 16, 0x4030_0000, 9]));
    host.script(0, [event(SystemEventKind::Wakeup)]);
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, specification()), End::Off));
    let told = Operation::SetRegister(RegisterId::CNTP_CTL_EL0, 0);
    assert!(!after_run(&host, 0, 1).contains(&told));
}

#[test]
fn an_interruption_without_cause_changes_nothing() {
    for (config, off) in [
        (core(1), call(SYSTEM_OFF, [])),
        (kernel(1), vec![event(SystemEventKind::Shutdown)]),
    ] {
        let host = FakeHost::new();
        host.script(0, [Step::Exit(Exit::Kicked)]);
        host.script(0, off);
        assert!(matches!(end(&host, config), End::Off));
        assert_eq!(after_run(&host, 0, 0), [Operation::ClearKick]);
    }
}

#[test]
fn under_the_kernel_vcpus_wait_inside_the_run_for_kvm_to_start_them() {
    let host = FakeHost::new();
    let guest = host.clone();
    host.script(0, [act(move || guest.power_on(1))]);
    host.script(1, [event(SystemEventKind::Shutdown)]);
    assert!(matches!(end(&host, kernel(2)), End::Off));
    assert_eq!(before_first_run(&host, 1), [Operation::ClearKick]);
    assert_eq!(runs(&host.log_of(1)), 1);
}

#[test]
fn core_tells_the_psci_version_that_was_promised() {
    let host = FakeHost::new().with_register(RegisterId::PSCI_VERSION, 0x1_0000);
    host.script(0, call(PSCI_VERSION, []));
    host.script(0, call(SYSTEM_OFF, []));
    assert!(matches!(end(&host, core(1)), End::Off));
    assert_eq!(after_run(&host, 0, 0), results(0x1_0000));
}
