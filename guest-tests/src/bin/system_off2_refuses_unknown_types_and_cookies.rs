//! SYSTEM_OFF2 refuses types other than 0 and 1, and cookies other than 0.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "SYSTEM_OFF2 refuses types other than 0 and 1, and cookies other than 0.";
    vcpus: 1, psci: "1.3";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.15: bit 0 is HIBERNATE_OFF.
    table::psci_features(&[(0x8400_0015, 1), (0xC400_0015, 1)])?;
    // DEN0022 §5.1.10: INVALID_PARAMETERS is -2.
    for id in [0x8400_0015, 0xC400_0015] {
        for kind in [2, 3, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF] {
            table::answers(&[(id, &[kind, 0], -2)])?;
        }
        table::answers(&[
            (id, &[0, 1], -2),
            (id, &[1, 1], -2),
            (id, &[1, 0x8000_0000], -2),
        ])?;
    }
    // The cookie is as wide as the call.
    table::answers(&[(0xC400_0015, &[1, 0x1_0000_0000], -2)])
}
