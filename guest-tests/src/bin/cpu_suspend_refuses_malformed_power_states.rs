//! CPU_SUSPEND refuses reserved bits, levels and states that the machine has not.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    table,
};

claim! {
    "CPU_SUSPEND refuses reserved bits, levels and states that the machine has not.";
    vcpus: 1, dialect: "spec";
    prove
}

/// DEN0022 §5.4.2.1: reserved are bits 31:26 and 23:17; the level is in bits 25:24, the state's id in 15:0.
const MALFORMED: [u64; 12] = [
    0x1,
    0xFFFF,
    0x1_0001,
    0x2_0000,
    0x80_0000,
    0x100_0000,
    0x101_0000,
    0x300_0000,
    0x400_0000,
    0x4000_0000,
    0x8000_0000,
    0xFFFF_FFFF,
];

fn prove() -> Proof {
    let entry = cpus::resume_point();
    // DEN0022 §5.1.2: INVALID_PARAMETERS is -2.
    for state in MALFORMED {
        table::answers(&[
            (0xC400_0001, &[state, entry, 0], -2),
            (0x8400_0001, &[state, entry, 0], -2),
        ])?;
    }
    expect::equal("starts of the boot CPU", cpus::current().starts(), 1)
}
