//! CPU_SUSPEND to a standby state by SMC returns SUCCESS after a wake-up event.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::smc,
    wakeup,
};

claim! {
    "CPU_SUSPEND to a standby state by SMC returns SUCCESS after a wake-up event.";
    vcpus: 1, kvm: "6.4", needs: "gic-v3";
    prove
}

fn prove() -> Proof {
    wakeup::route_timer()?;
    for id in [0x8400_0001, 0xC400_0001] {
        for microseconds in [0, 20_000] {
            wakeup::arm_timer(microseconds);
            // DEN0022 §5.1.2: standby, and nobody looks at entry and context.
            let answer = smc(id, &[0, cpus::entry_point(), 1]);
            expect::code("CPU_SUSPEND", answer, 0)?;
            wakeup::wait_for_timer()?;
            wakeup::disarm_timer();
        }
    }
    expect::equal("starts of the boot CPU", cpus::current().starts(), 1)
}
