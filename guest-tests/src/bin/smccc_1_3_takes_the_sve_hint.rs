//! From SMCCC 1.3 on, bit 16 of a function id is a hint and not part of the id.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{SMCCC_VERSION, hvc, smc},
};

claim! {
    "From SMCCC 1.3 on, bit 16 of a function id is a hint and not part of the id.";
    vcpus: 1, psci: "=1.3", dialect: "spec", el2: "smccc=1.3";
    prove
}

fn prove() -> Proof {
    expect::equal("SMCCC_VERSION", hvc(SMCCC_VERSION, &[]).x[0], 0x1_0003)?;
    // DEN0028 §2.5.4: the caller's SVE state need not be kept, whatever is called.
    expect::equal("its hint", hvc(0x8001_0000, &[]).x[0], 0x1_0003)?;
    expect::equal("by SMC", smc(0x8001_0000, &[]).x[0], 0x1_0003)?;
    expect::equal("PSCI_VERSION", hvc(0x8401_0000, &[]).x[0], 0x1_0003)?;
    expect::code("PSCI_FEATURES", hvc(0x8401_000A, &[0x8400_0001]), 0)?;
    // Bits 23:17 are no hints.
    expect::code("bit 17", hvc(0x8402_0000, &[]), -1)
}
