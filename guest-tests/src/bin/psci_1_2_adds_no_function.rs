//! PSCI 1.2 has the functions of 1.1.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{PSCI_VERSION, hvc},
    table,
};

claim! {
    "PSCI 1.2 has the functions of 1.1.";
    vcpus: 1, psci: "=1.2", kvm: "6.13";
    prove
}

/// What PSCI_FEATURES answers (DEN0022 §5.1.15).
const FEATURES: [(u32, i32); 17] = [
    (0x8400_0000, 0), // PSCI_VERSION
    (0x8400_0001, 0), // CPU_SUSPEND
    (0xC400_0001, 0),
    (0x8400_0002, 0), // CPU_OFF
    (0x8400_0003, 0), // CPU_ON
    (0xC400_0003, 0),
    (0x8400_0004, 0), // AFFINITY_INFO
    (0xC400_0004, 0),
    (0x8400_0006, 0), // MIGRATE_INFO_TYPE
    (0x8400_0008, 0), // SYSTEM_OFF
    (0x8400_0009, 0), // SYSTEM_RESET
    (0x8400_000A, 0), // PSCI_FEATURES
    (0x8000_0000, 0), // SMCCC_VERSION
    (0x8400_0012, 0), // SYSTEM_RESET2
    (0xC400_0012, 0),
    (0x8400_0015, -1), // SYSTEM_OFF2
    (0xC400_0015, -1),
];

fn prove() -> Proof {
    // DEN0022 §5.1.1: major version in bits 31:16, minor in bits 15:0.
    expect::equal("PSCI_VERSION", hvc(PSCI_VERSION, &[]).x[0], 0x1_0002)?;
    table::psci_features(&FEATURES)?;
    // A reserved type, so that nothing happens: INVALID_PARAMETERS, the function is there.
    table::answers(&[(0x8400_0012, &[1, 0], -2), (0xC400_0012, &[1, 0], -2)])?;
    table::not_supported(&[0x8400_0015, 0xC400_0015])
}
