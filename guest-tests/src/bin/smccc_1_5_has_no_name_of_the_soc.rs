//! Before SMCCC 1.6 a SoC that has a name cannot tell it.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{ARCH_FEATURES, SMCCC_VERSION, hvc},
};

claim! {
    "Before SMCCC 1.6 a SoC that has a name cannot tell it.";
    vcpus: 1, dialect: "spec", el2: "smccc=1.5 soc-id=43b0001:2:Vambrace";
    prove
}

fn prove() -> Proof {
    expect::equal("SMCCC_VERSION", hvc(SMCCC_VERSION, &[]).x[0], 0x1_0005)?;
    // DEN0028 §7.4: the version and the revision since 1.2, the name, by SMC64 alone, since 1.6.
    expect::code("it is there", hvc(ARCH_FEATURES, &[0x8000_0002]), 0)?;
    expect::equal("version", hvc(0x8000_0002, &[0]).x[0], 0x043B_0001)?;
    expect::equal("revision", hvc(0x8000_0002, &[1]).x[0], 2)?;
    expect::code("SMC64", hvc(ARCH_FEATURES, &[0xC000_0002]), -1)?;
    expect::code("name", hvc(0xC000_0002, &[2]), -1)
}
