//! PSCI_FEATURES confirms all mandatory functions and denies reserved ones.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{PSCI_FEATURES, hvc},
};

claim! {
    "PSCI_FEATURES confirms all mandatory functions and denies reserved ones.";
    vcpus: 1, psci: "1.0";
    prove
}

/// Mandatory since PSCI 1.0 (DEN0022 §5.1), and SMCCC_VERSION (DEN0028 §7.2).
const MANDATORY: [u32; 12] = [
    0x8400_0000, // PSCI_VERSION
    0x8400_0001, // CPU_SUSPEND
    0xC400_0001,
    0x8400_0002, // CPU_OFF
    0x8400_0003, // CPU_ON
    0xC400_0003,
    0x8400_0004, // AFFINITY_INFO
    0xC400_0004,
    0x8400_0008, // SYSTEM_OFF
    0x8400_0009, // SYSTEM_RESET
    0x8400_000A, // PSCI_FEATURES
    0x8000_0000, // SMCCC_VERSION
];

/// SMC64 forms that do not exist, then ids that no issue of DEN0022 allocates.
const NEVER: [u32; 10] = [
    0xC400_0000,
    0xC400_0002,
    0xC400_0006,
    0xC400_0008,
    0xC400_0009,
    0xC400_000A,
    0x8400_001E,
    0x8400_001F,
    0xC400_001E,
    0xC400_001F,
];

fn prove() -> Proof {
    for id in MANDATORY {
        let answer = hvc(PSCI_FEATURES, &[id.into()]);
        expect::holds("PSCI_FEATURES", id.into(), "confirmed", answer.code() >= 0)?;
    }
    for id in NEVER {
        let answer = hvc(PSCI_FEATURES, &[id.into()]);
        expect::holds("PSCI_FEATURES", id.into(), "-1", answer.code() == -1)?;
    }
    // The rest is optional: told, and by the specification not less than NOT_SUPPORTED.
    for id in (0x8400_0000..=0x8400_001F).chain(0xC400_0000..=0xC400_001F) {
        if !MANDATORY.contains(&id) && !NEVER.contains(&id) {
            let answer = hvc(PSCI_FEATURES, &[id.into()]);
            expect::holds(
                "PSCI_FEATURES",
                id.into(),
                "-1 or more",
                answer.code() >= -1,
            )?;
        }
    }
    // CPU_SUSPEND's flags, DEN0022 §5.1.15: bits 31:2 are reserved, must be 0.
    let flags = hvc(PSCI_FEATURES, &[0xC400_0001]).x[0];
    expect::holds("flags of CPU_SUSPEND", flags, "0 to 3", flags <= 3)
}
