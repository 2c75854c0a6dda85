//! PSCI_STAT_COUNT counts the stays of each CPU in each power state.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::{CPU_SUSPEND_32, CPU_SUSPEND_64, Call},
    table, wakeup,
};

claim! {
    "PSCI_STAT_COUNT counts the stays of each CPU in each power state.";
    vcpus: 2, psci: "1.0", dialect: "spec", with: "statistics", needs: "gic-v3";
    prove
}

/// DEN0022 §5.4.2.1.
const STANDBY: u64 = 0;
const POWERDOWN: u64 = 1 << 16;

fn prove() -> Proof {
    table::psci_features(&[(0x8400_0011, 0), (0xC400_0011, 0)])?;
    counts(0, 0)?;
    wakeup::route_timer()?;
    wakeup::arm_timer(0);
    let entry = cpus::resume_point();
    for id in [CPU_SUSPEND_64, CPU_SUSPEND_32, CPU_SUSPEND_64] {
        table::answers(&[(id, &[STANDBY, 0, 0], 0)])?;
    }
    counts(3, 0)?;
    for (id, context) in [(CPU_SUSPEND_64, 1), (CPU_SUSPEND_32, 2)] {
        wakeup::arm_timer(0);
        let wakeup = Call::hvc(id, &[POWERDOWN, entry, context]).make_or_resume();
        expect::resumed("CPU_SUSPEND", wakeup, context)?;
    }
    counts(3, 2)?;
    // A call that is refused is no stay.
    table::answers(&[
        (CPU_SUSPEND_64, &[POWERDOWN, 0, 0], -9),
        (CPU_SUSPEND_64, &[1, 0, 0], -2),
    ])?;
    counts(3, 2)
}

fn counts(standby: i32, powerdown: i32) -> Proof {
    for id in [0x8400_0011, 0xC400_0011] {
        table::answers(&[
            (id, &[0, STANDBY], standby),
            (id, &[0, POWERDOWN], powerdown),
            // DEN0022 §5.1.22: a state or a CPU that is not there has been in none.
            (id, &[1, STANDBY], 0),
            (id, &[0, 1], 0),
            (id, &[0, 0x2_0000], 0),
            (id, &[2, STANDBY], 0),
        ])?;
    }
    Ok(())
}
