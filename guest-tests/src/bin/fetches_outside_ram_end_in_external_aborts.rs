//! An instruction fetch from where there is no RAM ends in a synchronous external abort.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::fault::Attempt,
    claim,
    expect::{self, Proof},
    line,
};

claim! {
    "An instruction fetch from where there is no RAM ends in a synchronous external abort.";
    vcpus: 1, el2: "memory=128M";
    prove
}

/// Flash, a device of the guest's own, the interrupt controller, behind RAM, and the end.
const ADDRESSES: [u64; 6] = [
    0x0000_0000,
    0x0900_0000,
    0x0800_0000,
    0x4800_0000,
    0x4C20_0000,
    0xF_FFFF_F000,
];

fn prove() -> Proof {
    for address in ADDRESSES {
        let answer = Attempt::FETCH.make(address);
        line!("br to {address:#x}: {answer}");
        // DDI0487, ESR_EL1: an instruction abort of the same level, long instruction, external.
        expect::equal("ESR_EL1", answer.syndrome(), 0x8600_0010)?;
    }
    Ok(())
}
