//! Workarounds that were not promised are neither found nor called.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{ARCH_FEATURES, hvc, smc},
};

claim! {
    "Workarounds that were not promised are neither found nor called.";
    vcpus: 1, dialect: "spec", el2: "workaround-1=not-available workaround-2=not-available workaround-3=not-available";
    prove
}

fn prove() -> Proof {
    // DEN0028 §7.5 to §7.7, §7.9.
    for workaround in [0x8000_8000_u32, 0x8000_7FFF, 0x8000_3FFF, 0x8000_0004] {
        let asked = hvc(ARCH_FEATURES, &[workaround.into()]);
        expect::code("SMCCC_ARCH_FEATURES of a workaround", asked, -1)?;
        expect::code("calling it", hvc(workaround, &[]), -1)?;
        expect::code("calling it by SMC", smc(workaround, &[]), -1)?;
    }
    Ok(())
}
