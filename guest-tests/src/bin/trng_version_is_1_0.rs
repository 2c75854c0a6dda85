//! TRNG_VERSION is 1.0, and TRNG_FEATURES confirms its functions and no other.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::hvc,
    table,
};

claim! {
    "TRNG_VERSION is 1.0, and TRNG_FEATURES confirms its functions and no other.";
    vcpus: 1, kvm: "5.19", with: "trng";
    prove
}

fn prove() -> Proof {
    // DEN0098 §2.1: major version in bits 30:16, minor in bits 15:0.
    expect::equal("TRNG_VERSION", hvc(0x8400_0050, &[]).x[0], 0x1_0000)?;
    // DEN0098 §2.2: SUCCESS, or NOT_SUPPORTED, -1.
    table::answers(&[
        (FEATURES, &[0x8400_0050], 0),
        (FEATURES, &[0x8400_0051], 0),
        (FEATURES, &[0x8400_0052], 0),
        (FEATURES, &[0x8400_0053], 0),
        (FEATURES, &[0xC400_0053], 0),
        (FEATURES, &[0xC400_0050], -1),
        (FEATURES, &[0x8400_004F], -1),
        (FEATURES, &[0x8400_0054], -1),
        (FEATURES, &[0xC400_0054], -1),
        (FEATURES, &[0x8400_0000], -1),
        (FEATURES, &[0x8000_0000], -1),
        (FEATURES, &[0], -1),
    ])?;
    // The ids between TRNG's and the end of its range belong to nobody.
    table::not_supported(&[
        0x8400_0054,
        0x8400_005F,
        0xC400_0050,
        0xC400_0052,
        0xC400_0054,
    ])
}

const FEATURES: u32 = 0x8400_0051;
