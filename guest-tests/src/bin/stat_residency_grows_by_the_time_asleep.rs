//! PSCI_STAT_RESIDENCY grows by the time a CPU sleeps, and no more.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Failure, Proof},
    firmware::{CPU_SUSPEND_64, Call},
    table, wakeup,
};

claim! {
    "PSCI_STAT_RESIDENCY grows by the time a CPU sleeps, and no more.";
    vcpus: 2, psci: "1.0", dialect: "spec", with: "statistics", needs: "gic-v3";
    prove
}

/// DEN0022 §5.4.2.1.
const STANDBY: u64 = 0;
const POWERDOWN: u64 = 1 << 16;

fn prove() -> Proof {
    table::psci_features(&[(0x8400_0010, 0), (0xC400_0010, 0)])?;
    for state in [STANDBY, POWERDOWN] {
        table::answers(&[(0x8400_0010, &[0, state], 0), (0xC400_0010, &[0, state], 0)])?;
        sleep(state)?;
        let first = residency(state)?;
        // Awake, nothing is added.
        expect::equal("residency while awake", residency(state)?, first)?;
        sleep(state)?;
        let second = residency(state)?;
        expect::holds("residency", second, "more than before", second > first)?;
    }
    // DEN0022 §5.1.21: a state or a CPU that is not there has been in none.
    table::answers(&[
        (0xC400_0010, &[1, STANDBY], 0),
        (0xC400_0010, &[0, 1], 0),
        (0xC400_0010, &[2, STANDBY], 0),
    ])
}

fn sleep(state: u64) -> Proof {
    wakeup::route_timer()?;
    wakeup::arm_timer(20_000);
    Call::hvc(CPU_SUSPEND_64, &[state, cpus::resume_point(), 0]).make_or_resume();
    wakeup::disarm_timer();
    Ok(())
}

/// In microseconds: two sleeps of 20 ms are some, and less than a minute.
fn residency(state: u64) -> Result<u64, Failure> {
    let answer = Call::hvc(0xC400_0010, &[0, state]).make_told(|_| "microseconds");
    let found = answer.x[0];
    expect::holds(
        "residency",
        found,
        "1 to 60000000",
        (1..60_000_000).contains(&found),
    )?;
    Ok(found)
}
