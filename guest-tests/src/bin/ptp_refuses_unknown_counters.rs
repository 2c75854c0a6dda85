//! PTP knows two counters; another is NOT_SUPPORTED.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "PTP knows two counters; another is NOT_SUPPORTED.";
    vcpus: 1, kvm: "5.19", with: "vendor-hyp,ptp";
    prove
}

fn prove() -> Proof {
    table::answers(&[
        (0x8600_0001, &[2], -1),
        (0x8600_0001, &[3], -1),
        (0x8600_0001, &[0x8000_0000], -1),
        (0x8600_0001, &[0xFFFF_FFFF], -1),
        (0xC600_0001, &[0], -1),
    ])
}
