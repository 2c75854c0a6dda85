//! PSCI 0.2 has its nine functions, and neither PSCI_FEATURES nor SYSTEM_RESET2.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::{PSCI_VERSION, hvc},
    table,
};

claim! {
    "PSCI 0.2 has its nine functions, and neither PSCI_FEATURES nor SYSTEM_RESET2.";
    vcpus: 2, psci: "=0.2";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.1: major version in bits 31:16, minor in bits 15:0.
    expect::equal("PSCI_VERSION", hvc(PSCI_VERSION, &[]).x[0], 0x2)?;
    table::not_supported(&LATER)?;
    // PSCI_FEATURES cannot be asked about itself either.
    table::psci_features(&[(0x8400_0000, -1), (0x8400_000A, -1), (0x8000_0000, -1)])?;

    let entry = cpus::entry_point();
    table::answers(&[
        (0x8400_0006, &[], 2),                // MIGRATE_INFO_TYPE
        (0xC400_0004, &[0, 0], 0),            // AFFINITY_INFO: ON
        (0x8400_0004, &[1, 0], 1),            // AFFINITY_INFO: OFF
        (0xC400_0003, &[0, entry, 0], -4),    // CPU_ON of itself: ALREADY_ON
        (0xC400_0003, &[0xFF, entry, 0], -2), // CPU_ON of nobody: INVALID_PARAMETERS
        (0xC400_0003, &[1, entry, 7], 0),
    ])?;
    cpus::cpu(1).wait_for_start(1)?;
    expect::equal("x0 at the entry", cpus::cpu(1).entry_state().x[0], 7)
}

/// Functions of PSCI 1.0 and later, in both forms.
const LATER: [u32; 16] = [
    0x8400_000A, // PSCI_FEATURES
    0x8400_000B, // CPU_FREEZE
    0x8400_000C, // CPU_DEFAULT_SUSPEND
    0xC400_000C,
    0x8400_000D, // NODE_HW_STATE
    0x8400_000E, // SYSTEM_SUSPEND
    0xC400_000E,
    0x8400_000F, // PSCI_SET_SUSPEND_MODE
    0x8400_0010, // PSCI_STAT_RESIDENCY
    0xC400_0011, // PSCI_STAT_COUNT
    0x8400_0012, // SYSTEM_RESET2
    0xC400_0012,
    0x8400_0013, // MEM_PROTECT
    0xC400_0014, // MEM_PROTECT_CHECK_RANGE
    0x8400_0015, // SYSTEM_OFF2
    0xC400_0015,
];
