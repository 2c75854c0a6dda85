//! No optional function of PSCI is there, or confirmed, unless the machine was given it.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "No optional function of PSCI is there, or confirmed, unless the machine was given it.";
    vcpus: 1, psci: "1.0";
    prove
}

/// MIGRATE and its kin, and the optional functions of DEN0022 §5.1.13 to §5.1.22.
const OPTIONAL: [u32; 21] = [
    0x8400_0005, // MIGRATE
    0xC400_0005,
    0x8400_0007, // MIGRATE_INFO_UP_CPU
    0xC400_0007,
    0x8400_000B, // CPU_FREEZE
    0x8400_000C, // CPU_DEFAULT_SUSPEND
    0xC400_000C,
    0x8400_000D, // NODE_HW_STATE
    0xC400_000D,
    0x8400_000E, // SYSTEM_SUSPEND
    0xC400_000E,
    0x8400_000F, // PSCI_SET_SUSPEND_MODE
    0x8400_0010, // PSCI_STAT_RESIDENCY
    0xC400_0010,
    0x8400_0011, // PSCI_STAT_COUNT
    0xC400_0011,
    0x8400_0013, // MEM_PROTECT
    0x8400_0014, // MEM_PROTECT_CHECK_RANGE
    0xC400_0014,
    0xC400_0016, // CLEAN_INV_MEMREGION
    0x8400_0017, // CLEAN_INV_MEMREGION_ATTRIBUTES
];

fn prove() -> Proof {
    for id in OPTIONAL {
        table::psci_features(&[(id, -1)])?;
    }
    // CPU_SUSPEND: original format of power_state, platform-coordinated mode alone.
    table::psci_features(&[(0x8400_0001, 0), (0xC400_0001, 0)])?;
    table::not_supported(&OPTIONAL)
}
