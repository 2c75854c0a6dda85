//! PSCI_FEATURES, an SMC32 function, looks at 32 bits of its argument.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{PSCI_FEATURES, hvc},
};

claim! {
    "PSCI_FEATURES, an SMC32 function, looks at 32 bits of its argument.";
    vcpus: 1, psci: "1.0";
    prove
}

fn prove() -> Proof {
    // DEN0028 §2.6: SMC32 arguments are W1 and up.
    let cpu_on = hvc(PSCI_FEATURES, &[0xFFFF_FFFF_C400_0003]);
    expect::code("PSCI_FEATURES of CPU_ON", cpu_on, 0)?;
    let nothing = hvc(PSCI_FEATURES, &[0x1_8400_001F]);
    expect::code("PSCI_FEATURES of a reserved function", nothing, -1)
}
