//! The vendor hypervisor services are not there unless the machine was given them.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "The vendor hypervisor services are not there unless the machine was given them.";
    vcpus: 1, kvm: "5.19";
    prove
}

fn prove() -> Proof {
    table::answers(&[
        (0x8600_FF01, &[], -1),  // CALL_UID
        (0x8600_0000, &[], -1),  // FEATURES
        (0x8600_0001, &[0], -1), // PTP
        (0xC600_0002, &[], -1),  // HYP_MEMINFO
        (0xC600_0003, &[0, 0, 0], -1),
        (0xC600_0004, &[0, 0, 0], -1),
        (0xC600_0007, &[0], -1),
        (0xC600_0040, &[], -1),  // DISCOVER_IMPL_VER
        (0xC600_0041, &[0], -1), // DISCOVER_IMPL_CPUS
        (0xC600_007F, &[], -1),
    ])
}
