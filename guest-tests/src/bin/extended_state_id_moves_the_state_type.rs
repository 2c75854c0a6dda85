//! With the extended StateID format, bit 30 tells powerdown from standby.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::Call,
    table, wakeup,
};

claim! {
    "With the extended StateID format, bit 30 tells powerdown from standby.";
    vcpus: 1, psci: "1.0", dialect: "spec", with: "extended-state-id", needs: "gic-v3";
    prove
}

/// DEN0022 §5.4.2.2.
const POWERDOWN: u64 = 1 << 30;

fn prove() -> Proof {
    // DEN0022 §5.1.15: bit 1 is the format, bit 0 OS-initiated mode.
    table::psci_features(&[(0x8400_0001, 2), (0xC400_0001, 2)])?;
    let entry = cpus::resume_point();
    for malformed in [
        1,
        0x1_0000,
        0x0FFF_FFFF,
        1 << 28,
        1 << 29,
        1 << 31,
        POWERDOWN | 0x1_0000,
    ] {
        table::answers(&[
            (0xC400_0001, &[malformed, entry, 0], -2),
            (0x8400_0001, &[malformed, entry, 0], -2),
        ])?;
    }
    wakeup::route_timer()?;
    for (id, context) in [(0xC400_0001, 5), (0x8400_0001, 6)] {
        wakeup::arm_timer(0);
        table::answers(&[(id, &[0, entry, 0], 0)])?;
        let wakeup = Call::hvc(id, &[POWERDOWN, entry, context]).make_or_resume();
        expect::resumed("CPU_SUSPEND", wakeup, context)?;
    }
    Ok(())
}
