//! SYSTEM_SUSPEND is not there unless the machine was given it.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, cpus, expect::Proof, table};

claim! {
    "SYSTEM_SUSPEND is not there unless the machine was given it.";
    vcpus: 1, psci: "1.0";
    prove
}

fn prove() -> Proof {
    let entry = cpus::resume_point();
    // DEN0022 §5.1.19: optional, and NOT_SUPPORTED is -1.
    table::psci_features(&[(0x8400_000E, -1), (0xC400_000E, -1)])?;
    table::answers(&[
        (0x8400_000E, &[entry, 0], -1),
        (0xC400_000E, &[entry, 0], -1),
    ])
}
