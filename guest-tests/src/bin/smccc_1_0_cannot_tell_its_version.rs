//! SMCCC 1.0 has neither SMCCC_VERSION nor SMCCC_ARCH_FEATURES.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{ARCH_FEATURES, PSCI_FEATURES, SMCCC_VERSION, hvc, smc},
};

claim! {
    "SMCCC 1.0 has neither SMCCC_VERSION nor SMCCC_ARCH_FEATURES.";
    vcpus: 1, dialect: "spec", el2: "smccc=1.0";
    prove
}

fn prove() -> Proof {
    // DEN0028 §7.2: both came with 1.1; whoever hears NOT_SUPPORTED takes the version for 1.0.
    let asked = hvc(PSCI_FEATURES, &[SMCCC_VERSION.into()]);
    expect::code("PSCI_FEATURES of SMCCC_VERSION", asked, -1)?;
    expect::code("SMCCC_VERSION", hvc(SMCCC_VERSION, &[]), -1)?;
    expect::code("the same by SMC", smc(SMCCC_VERSION, &[]), -1)?;
    let asked = hvc(ARCH_FEATURES, &[SMCCC_VERSION.into()]);
    expect::code("SMCCC_ARCH_FEATURES", asked, -1)
}
