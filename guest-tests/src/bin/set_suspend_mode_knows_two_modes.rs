//! PSCI_SET_SUSPEND_MODE changes between two modes, and knows no other.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "PSCI_SET_SUSPEND_MODE changes between two modes, and knows no other.";
    vcpus: 2, psci: "1.0", dialect: "spec", with: "suspend-mode";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.15: bit 0 is OS-initiated mode.
    table::psci_features(&[(0x8400_000F, 0), (0x8400_0001, 1), (0xC400_0001, 1)])?;
    // DEN0022 §5.1.20: 0 is platform-coordinated, 1 OS-initiated.
    table::answers(&[
        (0x8400_000F, &[0], 0),
        (0x8400_000F, &[1], 0),
        (0x8400_000F, &[1], 0),
        (0x8400_000F, &[2], -2),
        (0x8400_000F, &[0xFFFF_FFFF], -2),
        (0x8400_000F, &[0x1_0000_0000], 0),
        (0x8400_000F, &[0], 0),
        (0xC400_000F, &[1], -1),
    ])
}
