//! CPU_DEFAULT_SUSPEND resumes at the entry, as after a reset.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::Call,
    table, wakeup,
};

claim! {
    "CPU_DEFAULT_SUSPEND resumes at the entry, as after a reset.";
    vcpus: 1, psci: "1.0", dialect: "spec", with: "default-suspend", needs: "gic-v3";
    prove
}

fn prove() -> Proof {
    table::psci_features(&[(0x8400_000C, 0), (0xC400_000C, 0)])?;
    let entry = cpus::resume_point();
    wakeup::route_timer()?;
    // DEN0022 §5.1.17: entry and context, no power_state.
    for (id, context) in [(0xC400_000C, u64::MAX), (0x8400_000C, 0x8000_0001)] {
        for microseconds in [0, 20_000] {
            wakeup::arm_timer(microseconds);
            let wakeup = Call::hvc(id, &[entry, context]).make_or_resume();
            wakeup::disarm_timer();
            expect::resumed("CPU_DEFAULT_SUSPEND", wakeup, context)?;
        }
    }
    expect::equal("starts of the boot CPU", cpus::current().starts(), 1)
}
