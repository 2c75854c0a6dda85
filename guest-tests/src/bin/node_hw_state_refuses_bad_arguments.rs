//! NODE_HW_STATE refuses levels above 3 and nodes that the machine has not.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "NODE_HW_STATE refuses levels above 3 and nodes that the machine has not.";
    vcpus: 2, psci: "1.0", dialect: "spec", with: "node-hw-state";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.18: INVALID_PARAMETERS is -2.
    for id in [0x8400_000D, 0xC400_000D] {
        for level in [4, 0xFF, 0xFFFF_FFFF] {
            table::answers(&[(id, &[0, level], -2)])?;
        }
        for target in [8, 0x100, 0x1_0000, 0x8000_0000] {
            table::answers(&[(id, &[target, 0], -2)])?;
        }
        table::answers(&[(id, &[0x100, 1], -2), (id, &[0x1_0000, 2], -2)])?;
    }
    table::answers(&[(0xC400_000D, &[0x1_0000_0000, 3], -2)])
}
