//! MIGRATE_INFO_TYPE and MIGRATE_INFO_UP_CPU tell of a Trusted OS on the boot CPU.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "MIGRATE_INFO_TYPE and MIGRATE_INFO_UP_CPU tell of a Trusted OS on the boot CPU.";
    vcpus: 2, psci: "1.0", dialect: "spec", with: "migrate";
    prove
}

fn prove() -> Proof {
    table::psci_features(&[
        (0x8400_0005, 0), // MIGRATE
        (0xC400_0005, 0),
        (0x8400_0006, 0), // MIGRATE_INFO_TYPE
        (0x8400_0007, 0), // MIGRATE_INFO_UP_CPU
        (0xC400_0007, 0),
    ])?;
    table::answers(&[
        // DEN0022 §5.1.7: 0 is a uniprocessor Trusted OS that MIGRATE moves.
        (0x8400_0006, &[], 0),
        // DEN0022 §5.1.8: its CPU's affinity.
        (0x8400_0007, &[], 0),
        (0xC400_0007, &[], 0),
    ])
}
