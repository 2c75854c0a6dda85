//! NODE_HW_STATE tells CPUs that run from those in standby and those that are off.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU64, Ordering};

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu},
    expect::{self, Proof},
    firmware::{CPU_OFF, CPU_SUSPEND_64, Call},
    table, wakeup,
};

claim! {
    "NODE_HW_STATE tells CPUs that run from those in standby and those that are off.";
    vcpus: 2, psci: "1.0", dialect: "spec", with: "node-hw-state", needs: "gic-v3";
    prove, work
}

/// What CPU 1 does.
static TASK: AtomicU64 = AtomicU64::new(RUN);
const RUN: u64 = 0;
const SLEEP: u64 = 1;
const POWER_DOWN: u64 = 2;
const OFF: u64 = 3;

fn prove() -> Proof {
    table::psci_features(&[(0x8400_000D, 0), (0xC400_000D, 0)])?;
    // DEN0022 §5.1.18: HW_ON is 0, HW_OFF 1, HW_STANDBY 2.
    states(0, 0)?;
    states(1, 1)?;
    expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
    cpus::cpu(1).wait_for_start(1)?;
    states(1, 0)?;
    wakeup::route_timer()?;
    // It sleeps, with short wakes in between, till it gets another task.
    begin(SLEEP);
    eventually(2)?;
    // A powerdown state is off to the hardware, and on to AFFINITY_INFO.
    begin(POWER_DOWN);
    eventually(1)?;
    table::answers(&[(0xC400_0004, &[1, 0], 0)])?;
    begin(OFF);
    cpus::wait_until_off(1)?;
    states(1, 1)
}

fn states(cpu: u64, expected: i32) -> Proof {
    table::answers(&[
        (0xC400_000D, &[cpu, 0], expected),
        (0x8400_000D, &[cpu, 0], expected),
    ])?;
    // The boot CPU asks, so that every node above is on.
    for level in 1..=3 {
        table::answers(&[
            (0xC400_000D, &[cpu, level], 0),
            (0x8400_000D, &[cpu, level], 0),
        ])?;
    }
    Ok(())
}

fn eventually(expected: i32) -> Proof {
    let question = Call::hvc(0xC400_000D, &[1, 0]);
    question.repeat_until("NODE_HW_STATE of CPU 1", |answer| answer.code() == expected)
}

fn begin(task: u64) {
    TASK.store(task, Ordering::Release);
    cpus::wake_all();
}

fn work(_: &'static Cpu) {
    loop {
        match TASK.load(Ordering::Acquire) {
            RUN => cpus::pause(),
            SLEEP => suspend(0),
            POWER_DOWN => suspend(0x1_0000),
            _ => break,
        }
    }
    Call::hvc(CPU_OFF, &[]).make_last();
}

/// Once, for 50 ms.
fn suspend(state: u64) {
    if let Err(failure) = wakeup::route_timer() {
        panic!("{failure}");
    }
    wakeup::arm_timer(50_000);
    Call::hvc(CPU_SUSPEND_64, &[state, cpus::resume_point(), 0]).make_or_resume();
}
