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
    expect::code("type 3", soc_id(3), -3)?;
    expect::code("it has a name", hvc(ARCH_FEATURES, &[SOC_ID_64.into()]), 0)?;
    expect::code("type 3 by SMC64", hvc(SOC_ID_64, &[3]), -3)?;
    let registers = Call::hvc(SOC_ID_64, &[2]).make_wide();
    expect::equal("the name is told", registers[0], 0)?;
    // "Vambrace", the first byte in bits 7:0 of x1, and zeroes to the end of x17.
    expect::equal("the name", registers[1], 0x6563_6172_626D_6156)?;
    for register in &registers[2..] {
        expect::equal("behind the name", *register, 0)?;
    }
    Ok(())
}

const SOC_ID: u32 = 0x8000_0002;
const SOC_ID_64: u32 = 0xC000_0002;
