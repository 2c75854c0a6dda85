//! SMCCC_ARCH_FEATURES tells each level of the workarounds, 4 among them.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{ARCH_FEATURES, hvc},
};

claim! {
    "SMCCC_ARCH_FEATURES tells each level of the workarounds, 4 among them.";
    vcpus: 1, dialect: "spec",
    el2: "workaround-1=available workaround-3=not-required workaround-4=available";
    prove
}

fn prove() -> Proof {
    // DEN0028 §7.5, §7.7, §7.9: 0 is "call it" (of 4: "mitigated"), 1 "not needed", -1 "not here".
    let level = |workaround: u32| hvc(ARCH_FEATURES, &[workaround.into()]);
    expect::code("SMCCC_ARCH_WORKAROUND_1", level(0x8000_8000), 0)?;
    expect::code("SMCCC_ARCH_WORKAROUND_2", level(0x8000_7FFF), -1)?;
    expect::code("SMCCC_ARCH_WORKAROUND_3", level(0x8000_3FFF), 1)?;
    expect::code("SMCCC_ARCH_WORKAROUND_4", level(0x8000_0004), 0)?;
    // A call that is promised answers SUCCESS.
    expect::code("calling 1", hvc(0x8000_8000, &[]), 0)
}
