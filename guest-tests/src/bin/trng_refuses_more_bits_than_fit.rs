//! TRNG_RND32 and TRNG_RND64 refuse more bits than their results hold.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "TRNG_RND32 and TRNG_RND64 refuse more bits than their results hold.";
    vcpus: 1, kvm: "5.19", with: "trng";
    prove
}

fn prove() -> Proof {
    // DEN0098 §2.4: INVALID_PARAMETERS is -2.
    table::answers(&[
        (0x8400_0053, &[97], -2),
        (0x8400_0053, &[128], -2),
        (0x8400_0053, &[0xFFFF_FFFF], -2),
        (0xC400_0053, &[193], -2),
        (0xC400_0053, &[256], -2),
        (0xC400_0053, &[0xFFFF_FFFF], -2),
    ])
}
