//! TRNG_RND32 and TRNG_RND64 refuse to give no bits.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "TRNG_RND32 and TRNG_RND64 refuse to give no bits.";
    vcpus: 1, dialect: "spec", with: "trng";
    prove
}

fn prove() -> Proof {
    // DEN0098 §2.4: INVALID_PARAMETERS is -2.
    table::answers(&[
        (0x8400_0053, &[0], -2),
        (0xC400_0053, &[0], -2),
        (0xC400_0053, &[0x1_0000_0000], -2),
    ])
}
