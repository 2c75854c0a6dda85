//! AFFINITY_INFO looks at the low half of its level, by SMC64 too.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "AFFINITY_INFO looks at the low half of its level, by SMC64 too.";
    vcpus: 2, dialect: "spec";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.5: lowest_affinity_level is a uint32.
    table::answers(&[
        (0xC400_0004, &[1, 0x1_0000_0000], 1),
        (0xC400_0004, &[0, 0x8000_0000_0000_0003], 0),
        (0xC400_0004, &[1, 0x1_0000_0004], -2),
        (0x8400_0004, &[1, 0x1_0000_0000], 1),
    ])
}
