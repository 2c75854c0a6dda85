//! SMCCC 1.2 tells the SoC's version and revision, and SMCCC 1.2 as its own.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{SMCCC_VERSION, hvc},
};

claim! {
    "SMCCC 1.2 tells the SoC's version and revision and no name.";
    vcpus: 1, dialect: "spec", el2: "smccc=1.2 soc-id=43b0001:2";
    prove
}

fn prove() -> Proof {
    expect::equal("SMCCC_VERSION", hvc(SMCCC_VERSION, &[]).x[0], 0x1_0002)?;
    expect::equal("version", hvc(SOC_ID, &[0]).x[0], 0x043B_0001)?;
    expect::equal("revision", hvc(SOC_ID, &[1]).x[0], 2)?;
    expect::code("name", hvc(SOC_ID_64, &[2]), -1)
}

const SOC_ID: u32 = 0x8000_0002;
const SOC_ID_64: u32 = 0xC000_0002;
