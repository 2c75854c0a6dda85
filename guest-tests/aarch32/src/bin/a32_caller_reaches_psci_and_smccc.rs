//! PSCI and SMCCC answer an AArch32 caller in r0, and keep r4 to r11.
#![no_std]
#![no_main]

use vambrace_guest_tests_aarch32::{
    claim,
    expect::{self, Proof},
    firmware::{MIGRATE_INFO_TYPE, PSCI_FEATURES, PSCI_VERSION, SMCCC_VERSION, hvc},
};

claim! {
    "PSCI and SMCCC answer an AArch32 caller in r0, and keep r4 to r11.";
    vcpus: 1, psci: "1.0";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.1: major version in bits 31:16, minor in bits 15:0.
    let version = hvc(PSCI_VERSION, &[]).r[0];
    let known = (0x1_0000..=0x1_FFFF).contains(&version);
    expect::holds("PSCI_VERSION", version, "0x10000 to 0x1ffff", known)?;
    // DEN0022 §5.1.15: SMCCC_VERSION may be called. DEN0028 §7.2: 1.1 or newer.
    let features = hvc(PSCI_FEATURES, &[SMCCC_VERSION]);
    expect::code("PSCI_FEATURES of SMCCC_VERSION", features, 0)?;
    let version = hvc(SMCCC_VERSION, &[]).r[0];
    let known = (0x1_0001..=0x1_FFFF).contains(&version);
    expect::holds("SMCCC_VERSION", version, "0x10001 to 0x1ffff", known)?;
    // DEN0022 §5.1.7: 2, no trusted OS that migrates.
    expect::code("MIGRATE_INFO_TYPE", hvc(MIGRATE_INFO_TYPE, &[]), 2)?;
    // DEN0028 §5.2: unknown functions are -1.
    for id in [0x8400_001F, 0x8600_1234, 0x8000_1234, 0x0000_0001] {
        expect::code("call of an unknown function", hvc(id, &[1, 2, 3]), -1)?;
    }
    Ok(())
}
