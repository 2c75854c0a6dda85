//! KVM looks at all of the level that AFFINITY_INFO is given by SMC64.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "KVM looks at all of the level that AFFINITY_INFO is given by SMC64.";
    vcpus: 2, dialect: "kvm";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.5 says uint32. SMC32 sees the low half anyway.
    table::answers(&[
        (0xC400_0004, &[1, 0x1_0000_0000], -2),
        (0xC400_0004, &[1, 0x8000_0000_0000_0000], -2),
        (0x8400_0004, &[1, 0x1_0000_0000], 1),
    ])
}
