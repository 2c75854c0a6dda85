//! SMCCC_ARCH_FEATURES tells of workarounds that this CPU does not need, and they can be called.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{ARCH_FEATURES, hvc, smc},
};

claim! {
    "SMCCC_ARCH_FEATURES tells of workarounds that this CPU does not need, and they can be called.";
    vcpus: 1, dialect: "spec", el2: "workaround-1=not-required workaround-2=not-required workaround-3=available";
    prove
}

fn prove() -> Proof {
    // DEN0028 §7.5 to §7.7, §7.9: 1 is "not needed on this CPU", for which 2 has a code of its own.
    let level = |workaround: u32| hvc(ARCH_FEATURES, &[workaround.into()]);
    expect::code("SMCCC_ARCH_WORKAROUND_1", level(0x8000_8000), 1)?;
    expect::code("SMCCC_ARCH_WORKAROUND_2", level(0x8000_7FFF), -2)?;
    expect::code("SMCCC_ARCH_WORKAROUND_3", level(0x8000_3FFF), 0)?;
    expect::code("SMCCC_ARCH_WORKAROUND_4", level(0x8000_0004), -1)?;
    // A guest may call it on every CPU, if one needs it.
    expect::code("calling 1", hvc(0x8000_8000, &[]), 0)?;
    expect::code("calling 3 by SMC", smc(0x8000_3FFF, &[]), 0)
}
