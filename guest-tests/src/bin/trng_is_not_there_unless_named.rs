//! TRNG is not there unless the machine was given it.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "TRNG is not there unless the machine was given it.";
    vcpus: 1, kvm: "5.19";
    prove
}

fn prove() -> Proof {
    table::answers(&[
        (0x8400_0050, &[], -1),
        (0x8400_0051, &[0x8400_0053], -1),
        (0x8400_0052, &[], -1),
        (0x8400_0053, &[32], -1),
        (0xC400_0053, &[64], -1),
    ])
}
