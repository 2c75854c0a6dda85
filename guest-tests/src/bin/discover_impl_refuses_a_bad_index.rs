//! DISCOVER_IMPL_CPUS refuses an index beyond the list.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, firmware::hvc, table};

claim! {
    "DISCOVER_IMPL_CPUS refuses an index beyond the list.";
    vcpus: 1, kvm: "6.15", with: "vendor-hyp,discover-impl";
    prove
}

fn prove() -> Proof {
    let count = hvc(0xC600_0040, &[]).x[2];
    // DEN0028 §5.2: INVALID_PARAMETER is -3 here.
    table::answers(&[
        (0xC600_0041, &[count], -3),
        (0xC600_0041, &[count + 1], -3),
        (0xC600_0041, &[0xFFFF_FFFF], -3),
        (0xC600_0041, &[u64::MAX], -3),
        (0x8600_0040, &[], -1),
        (0x8600_0041, &[0], -1),
        (0xC600_0042, &[], -1),
    ])
}
