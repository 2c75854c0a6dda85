//! Paravirtual time is not there unless the machine was given it.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "Paravirtual time is not there unless the machine was given it.";
    vcpus: 1, kvm: "5.19";
    prove
}

fn prove() -> Proof {
    table::answers(&[
        (0x8000_0001, &[0xC500_0020], -1), // SMCCC_ARCH_FEATURES
        (0xC500_0020, &[0xC500_0020], -1),
        (0xC500_0020, &[0xC500_0021], -1),
        (0xC500_0021, &[], -1),
    ])
}
