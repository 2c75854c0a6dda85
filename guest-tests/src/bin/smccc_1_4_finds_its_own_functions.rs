//! SMCCC 1.4 tells its version, and SMCCC_ARCH_FEATURES confirms both of its own functions.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{ARCH_FEATURES, PSCI_FEATURES, SMCCC_VERSION, hvc},
};

claim! {
    "SMCCC 1.4 tells its version, and SMCCC_ARCH_FEATURES confirms both of its own functions.";
    vcpus: 1, dialect: "spec", el2: "smccc=1.4";
    prove
}

fn prove() -> Proof {
    // DEN0028 §7.2, §7.3.
    let asked = hvc(PSCI_FEATURES, &[SMCCC_VERSION.into()]);
    expect::code("PSCI_FEATURES of SMCCC_VERSION", asked, 0)?;
    expect::equal("SMCCC_VERSION", hvc(SMCCC_VERSION, &[]).x[0], 0x1_0004)?;
    for function in [SMCCC_VERSION, ARCH_FEATURES] {
        let asked = hvc(ARCH_FEATURES, &[function.into()]);
        expect::code("SMCCC_ARCH_FEATURES of its own", asked, 0)?;
    }
    // Nobody has given this machine an identification of its SoC.
    let asked = hvc(ARCH_FEATURES, &[0x8000_0002]);
    expect::code("SMCCC_ARCH_FEATURES of SOC_ID", asked, -1)?;
    expect::code("SMCCC_ARCH_SOC_ID", hvc(0x8000_0002, &[0]), -1)
}
