//! SMCCC_ARCH_SOC_ID tells the version, the revision, and from SMCCC 1.6 on the name.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{ARCH_FEATURES, Call, SMCCC_VERSION, hvc},
};

claim! {
    "SMCCC_ARCH_SOC_ID tells the version, the revision, and from SMCCC 1.6 on the name.";
    vcpus: 1, dialect: "spec", el2: "smccc=1.6 soc-id=43b0001:2:Vambrace";
    prove
}

fn prove() -> Proof {
    expect::equal("SMCCC_VERSION", hvc(SMCCC_VERSION, &[]).x[0], 0x1_0006)?;
    // DEN0028 §7.4: 0 is the version, 1 the revision, -3 a type that there is not.
    let soc_id = |of| Call::hvc(SOC_ID, &[of]).make();
    expect::code("it is there", hvc(ARCH_FEATURES, &[SOC_ID.into()]), 0)?;
    expect::equal("version", soc_id(0).x[0], 0x043B_0001)?;
    expect::equal("revision", soc_id(1).x[0], 2)?;
    expect::code("type 2 by SMC32", soc_id(2), -3)?;
    expect::code("type 3", soc_id(3), -3)
}

const SOC_ID: u32 = 0x8000_0002;
