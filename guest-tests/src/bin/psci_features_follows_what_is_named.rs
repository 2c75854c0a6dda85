//! PSCI_FEATURES confirms every optional function that the machine was given.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "PSCI_FEATURES confirms every optional function that the machine was given.";
    vcpus: 1, psci: "=1.3", dialect: "spec", with: "system-suspend,migrate,cpu-freeze,default-suspend,node-hw-state,suspend-mode,statistics,mem-protect,clean-inv-memregion,extended-state-id";
    prove
}

fn prove() -> Proof {
    // Every id of PSCI's range; CPU_SUSPEND has both its flags, SYSTEM_OFF2 its one
    // (DEN0022 §5.1.15, table 11).
    for (number, narrow, wide) in FUNCTIONS {
        table::psci_features(&[(0x8400_0000 | number, narrow), (0xC400_0000 | number, wide)])?;
    }
    Ok(())
}

/// Function number, what is said of its SMC32 form, and of its SMC64 form.
const FUNCTIONS: [(u32, i32, i32); 32] = [
    (0x00, 0, -1), // PSCI_VERSION
    (0x01, 3, 3),  // CPU_SUSPEND
    (0x02, 0, -1), // CPU_OFF
    (0x03, 0, 0),  // CPU_ON
    (0x04, 0, 0),  // AFFINITY_INFO
    (0x05, 0, 0),  // MIGRATE
    (0x06, 0, -1), // MIGRATE_INFO_TYPE
    (0x07, 0, 0),  // MIGRATE_INFO_UP_CPU
    (0x08, 0, -1), // SYSTEM_OFF
    (0x09, 0, -1), // SYSTEM_RESET
    (0x0A, 0, -1), // PSCI_FEATURES
    (0x0B, 0, -1), // CPU_FREEZE
    (0x0C, 0, 0),  // CPU_DEFAULT_SUSPEND
    (0x0D, 0, 0),  // NODE_HW_STATE
    (0x0E, 0, 0),  // SYSTEM_SUSPEND
    (0x0F, 0, -1), // PSCI_SET_SUSPEND_MODE
    (0x10, 0, 0),  // PSCI_STAT_RESIDENCY
    (0x11, 0, 0),  // PSCI_STAT_COUNT
    (0x12, 0, 0),  // SYSTEM_RESET2
    (0x13, 0, -1), // MEM_PROTECT
    (0x14, 0, 0),  // MEM_PROTECT_CHECK_RANGE
    (0x15, 1, 1),  // SYSTEM_OFF2
    (0x16, -1, 0), // CLEAN_INV_MEMREGION
    (0x17, 0, -1), // CLEAN_INV_MEMREGION_ATTRIBUTES
    (0x18, -1, -1),
    (0x19, -1, -1),
    (0x1A, -1, -1),
    (0x1B, -1, -1),
    (0x1C, -1, -1),
    (0x1D, -1, -1),
    (0x1E, -1, -1),
    (0x1F, -1, -1),
];
