//! A powerdown with an entry outside RAM is INVALID_ADDRESS, whichever call asks for it.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table, wakeup};

claim! {
    "A powerdown with an entry outside RAM is INVALID_ADDRESS, whichever call asks for it.";
    vcpus: 1, psci: "1.0", dialect: "spec", with: "system-suspend,default-suspend", needs: "gic-v3";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.2, §5.1.17, §5.1.19: INVALID_ADDRESS is -9. RAM begins at 0x4000_0000.
    for entry in [0, 0x0900_0000, 0x3FFF_FFFC, 0xFFFF_0000_0000] {
        table::answers(&[
            (0xC400_0001, &[POWERDOWN, entry, 0], -9), // CPU_SUSPEND
            (0xC400_000C, &[entry, 0], -9),            // CPU_DEFAULT_SUSPEND
            (0xC400_000E, &[entry, 0], -9),            // SYSTEM_SUSPEND
        ])?;
    }
    table::answers(&[
        (0x8400_0001, &[POWERDOWN, 0x0900_0000, 0], -9),
        (0x8400_000C, &[0x0900_0000, 0], -9),
        (0x8400_000E, &[0x0900_0000, 0], -9),
    ])?;
    // A standby state has no entry.
    wakeup::route_timer()?;
    wakeup::arm_timer(0);
    table::answers(&[(0xC400_0001, &[0, 0, 0], 0), (0x8400_0001, &[0, 0, 0], 0)])
}

/// DEN0022 §5.4.2.1: bit 16.
const POWERDOWN: u64 = 1 << 16;
