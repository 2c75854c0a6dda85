//! Under SMCCC 1.1, the later SVE hint makes a function id unknown.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::hvc,
};

claim! {
    "Under SMCCC 1.1, the later SVE hint makes a function id unknown.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    // DEN0028 §2.5.4: bit 16 is a hint from SMCCC 1.3 on. KVM is 1.1: it has to be zero, and is part
    // of the id.
    for id in [
        0x8401_0000,
        0x8401_0003,
        0xC401_0003,
        0x8401_0006,
        0x8401_000A,
    ] {
        let answer = hvc(id, &[0x8400_0000]);
        expect::code("call with the SVE hint", answer, -1)?;
    }
    Ok(())
}
