//! SYSTEM_SUSPEND resumes at its entry, as after a reset, with the context in x0.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::Call,
    wakeup,
};

claim! {
    "SYSTEM_SUSPEND resumes at its entry, as after a reset, with the context in x0.";
    vcpus: 2, psci: "1.0", kvm: "5.19", with: "system-suspend", needs: "gic-v3";
    prove
}

/// The SMC32 form sees the low halves of its arguments.
const HIGH: u64 = 0x5A_0000_0000;

fn prove() -> Proof {
    let entry = cpus::resume_point();
    suspend(0, Call::hvc(0xC400_000E, &[entry, u64::MAX]), u64::MAX)?;
    suspend(20_000, Call::hvc(0xC400_000E, &[entry, 0]), 0)?;
    suspend(
        0,
        Call::hvc(0x8400_000E, &[entry, 0x8000_0001]),
        0x8000_0001,
    )?;
    suspend(20_000, Call::hvc(0x8400_000E, &[HIGH | entry, HIGH | 7]), 7)?;
    expect::equal("starts of the boot CPU", cpus::current().starts(), 1)?;
    // The other CPU is where it was: off, and can be started.
    expect::code("CPU_ON", cpus::power_on(1, 9), 0)?;
    cpus::cpu(1).wait_for_start(1)
}

/// DEN0022 §5.1.19: an interrupt wakes the system, here after so many microseconds.
fn suspend(microseconds: u64, call: Call, context: u64) -> Proof {
    wakeup::route_timer()?;
    wakeup::arm_timer(microseconds);
    let wakeup = call.make_or_resume();
    wakeup::disarm_timer();
    expect::resumed("SYSTEM_SUSPEND", wakeup, context)
}
