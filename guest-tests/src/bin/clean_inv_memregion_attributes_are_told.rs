//! CLEAN_INV_MEMREGION_ATTRIBUTES tells its five attributes, and knows no other.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "CLEAN_INV_MEMREGION_ATTRIBUTES tells its five attributes, and knows no other.";
    vcpus: 1, psci: "=1.3", dialect: "spec", with: "clean-inv-memregion";
    prove
}

fn prove() -> Proof {
    // DEN0022F, alpha: kind of operation, CPUs that take part, latency, rate limit, time limit.
    // INVALID_PARAMETERS is -2.
    for attribute in 0..5 {
        table::answers(&[(0x8400_0017, &[attribute], 0)])?;
    }
    table::answers(&[
        (0x8400_0017, &[5], -2),
        (0x8400_0017, &[0xFFFF_FFFF], -2),
        (0xC400_0017, &[0], -1),
    ])
}
