//! CPU_SUSPEND to a powerdown state resumes at the entry, as after a reset.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::Call,
    table, wakeup,
};

claim! {
    "CPU_SUSPEND to a powerdown state resumes at the entry, as after a reset.";
    vcpus: 1, dialect: "spec", needs: "gic-v3";
    prove
}

/// DEN0022 §5.4.2.1: bit 16.
const POWERDOWN: u64 = 1 << 16;
/// The SMC32 form sees the low halves of its arguments.
const HIGH: u64 = 0x5A_0000_0000;

fn prove() -> Proof {
    let entry = cpus::resume_point();
    suspend(
        0,
        Call::hvc(0xC400_0001, &[POWERDOWN, entry, u64::MAX]),
        u64::MAX,
    )?;
    suspend(20_000, Call::hvc(0xC400_0001, &[POWERDOWN, entry, 0]), 0)?;
    suspend(
        0,
        Call::hvc(0x8400_0001, &[POWERDOWN, entry, 0x8000_0001]),
        0x8000_0001,
    )?;
    let wide = [HIGH | POWERDOWN, HIGH | entry, HIGH | 7];
    suspend(20_000, Call::hvc(0x8400_0001, &wide), 7)?;
    expect::equal("starts of the boot CPU", cpus::current().starts(), 1)?;
    table::answers(&[(0xC400_0004, &[0, 0], 0)])
}

fn suspend(microseconds: u64, call: Call, context: u64) -> Proof {
    wakeup::route_timer()?;
    wakeup::arm_timer(microseconds);
    let wakeup = call.make_or_resume();
    wakeup::disarm_timer();
    expect::resumed("CPU_SUSPEND", wakeup, context)
}
