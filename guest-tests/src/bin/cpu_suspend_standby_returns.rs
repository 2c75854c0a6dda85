//! CPU_SUSPEND to a standby state returns SUCCESS after a wake-up event.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::{CPU_SUSPEND_32, CPU_SUSPEND_64, hvc},
    wakeup,
};

claim! {
    "CPU_SUSPEND to a standby state returns SUCCESS after a wake-up event.";
    vcpus: 1, needs: "gic-v3";
    prove
}

/// DEN0022 §5.4.2, original format: bit 16 clear is standby or retention, state 0.
const STANDBY: u64 = 0;

fn prove() -> Proof {
    wakeup::route_timer()?;
    // The event is pending already: the call returns at once. Then it comes 20 ms later; returning
    // before it would be right too, so only the answer is looked at (DEN0022 §5.4).
    for (id, microseconds) in [
        (CPU_SUSPEND_64, 0),
        (CPU_SUSPEND_32, 0),
        (CPU_SUSPEND_64, 20_000),
        (CPU_SUSPEND_32, 20_000),
    ] {
        wakeup::arm_timer(microseconds);
        if microseconds == 0 {
            wakeup::wait_for_timer()?;
        }
        let answer = hvc(id, &[STANDBY, cpus::entry_point(), 0x5A]);
        expect::code("CPU_SUSPEND", answer, 0)?;
        wakeup::wait_for_timer()?;
        wakeup::disarm_timer();
    }
    // Standby loses nothing: the CPU came back behind the call, not at the entry.
    expect::equal("starts of the boot CPU", cpus::current().starts(), 1)
}
