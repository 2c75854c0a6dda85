//! SMC64 functions are NOT_SUPPORTED to an AArch32 caller, and PSCI_FEATURES says so.
#![no_std]
#![no_main]

use vambrace_guest_tests_aarch32::{
    claim,
    expect::{self, Proof},
    firmware::{PSCI_FEATURES, hvc},
};

claim! {
    "SMC64 functions are NOT_SUPPORTED to an AArch32 caller, and PSCI_FEATURES says so.";
    vcpus: 2, psci: "1.0", kvm: "6.1";
    prove
}

/// Functions with an SMC32 and an SMC64 form (DEN0022 §5.1): CPU_SUSPEND, CPU_ON, AFFINITY_INFO.
const BOTH: [u32; 3] = [0x01, 0x03, 0x04];
/// Those that may be there: CPU_DEFAULT_SUSPEND, NODE_HW_STATE, SYSTEM_SUSPEND, STAT_RESIDENCY,
/// STAT_COUNT, SYSTEM_RESET2, MEM_PROTECT_CHECK_RANGE, SYSTEM_OFF2.
const MAYBE: [u32; 8] = [0x0C, 0x0D, 0x0E, 0x10, 0x11, 0x12, 0x14, 0x15];

fn prove() -> Proof {
    for number in BOTH {
        let features = hvc(PSCI_FEATURES, &[0x8400_0000 | number]);
        expect::holds(
            "its SMC32 form",
            features.r[0],
            "there",
            features.code() >= 0,
        )?;
    }
    for number in BOTH.into_iter().chain(MAYBE) {
        let id = 0xC400_0000 | number;
        // DEN0028 §2.8: SMC64 calls are for AArch64 callers. NOT_SUPPORTED is -1.
        let features = hvc(PSCI_FEATURES, &[id]);
        expect::code("PSCI_FEATURES of an SMC64 function", features, -1)?;
        expect::code("call of an SMC64 function", hvc(id, &[0, 0, 0]), -1)?;
    }
    // With arguments that would end the machine, or start CPU 1, if anybody listened.
    let reset = hvc(0xC400_0012, &[0x8000_0001, 0]);
    expect::code("SYSTEM_RESET2, SMC64", reset, -1)?;
    expect::code("CPU_ON, SMC64", hvc(0xC400_0003, &[1, 0x4020_0000, 0]), -1)
}
