//! MEM_PROTECT returns whether memory was protected before.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "MEM_PROTECT returns whether memory was protected before.";
    vcpus: 1, psci: "1.1", dialect: "spec", with: "mem-protect";
    prove
}

fn prove() -> Proof {
    table::psci_features(&[(0x8400_0013, 0)])?;
    // DEN0022 §5.1.13: 1 protects, 0 does not.
    table::answers(&[
        (0x8400_0013, &[0], 0),
        (0x8400_0013, &[1], 0),
        (0x8400_0013, &[1], 1),
        (0x8400_0013, &[0], 1),
        (0x8400_0013, &[0], 0),
        (0xC400_0013, &[1], -1),
    ])
}
