//! Functions that exist as SMC32 only are NOT_SUPPORTED as SMC64.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::hvc,
};

claim! {
    "Functions that exist as SMC32 only are NOT_SUPPORTED as SMC64.";
    vcpus: 1;
    prove
}

/// DEN0022 §5.1: PSCI_VERSION, CPU_OFF, MIGRATE_INFO_TYPE, SYSTEM_OFF, SYSTEM_RESET,
/// PSCI_FEATURES, MEM_PROTECT.
const SMC64: [u32; 7] = [
    0xC400_0000,
    0xC400_0002,
    0xC400_0006,
    0xC400_0008,
    0xC400_0009,
    0xC400_000A,
    0xC400_0013,
];

fn prove() -> Proof {
    for id in SMC64 {
        let answer = hvc(id, &[0x8400_0000, 0, 0]);
        expect::code("SMC64 form of an SMC32 function", answer, -1)?;
    }
    Ok(())
}
