//! SYSTEM_SUSPEND is DENIED while another CPU is on.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU64, Ordering};

use vambrace_guest_tests::{
    claim,
    cpus::{self, Cpu},
    expect::{self, Proof},
    firmware::{CPU_OFF, Call},
    table, wakeup,
};

claim! {
    "SYSTEM_SUSPEND is DENIED while another CPU is on.";
    vcpus: 3, psci: "1.0", kvm: "5.19", with: "system-suspend", needs: "gic-v3";
    prove, stay_on
}

static RELEASED: AtomicU64 = AtomicU64::new(0);

fn prove() -> Proof {
    table::psci_features(&[(0x8400_000E, 0), (0xC400_000E, 0)])?;
    wakeup::route_timer()?;
    let entry = cpus::resume_point();
    for index in [2, 1] {
        expect::code("CPU_ON", cpus::power_on(index, 0), 0)?;
        cpus::cpu(index).wait_for_start(1)?;
        // DEN0022 §5.1.19: DENIED is -3.
        table::answers(&[
            (0xC400_000E, &[entry, 1], -3),
            (0x8400_000E, &[entry, 2], -3),
        ])?;
    }
    RELEASED.store(1, Ordering::Release);
    cpus::wait_until_off(2)?;
    cpus::wait_until_off(1)?;
    // All others are off again: now it succeeds.
    wakeup::arm_timer(0);
    wakeup::wait_for_timer()?;
    let wakeup = Call::hvc(0xC400_000E, &[entry, 3]).make_or_resume();
    expect::resumed("SYSTEM_SUSPEND", wakeup, 3)
}

fn stay_on(_: &'static Cpu) {
    while RELEASED.load(Ordering::Acquire) == 0 {
        cpus::pause();
    }
    Call::hvc(CPU_OFF, &[]).make_last();
}
