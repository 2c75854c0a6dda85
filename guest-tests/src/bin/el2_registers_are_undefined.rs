//! Registers and operations of EL2 are undefined instructions at EL1.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::fault::Attempt,
    claim,
    expect::{self, Proof},
    line,
};

claim! {
    "Registers and operations of EL2 are undefined instructions at EL1.";
    vcpus: 1, el2: "memory=128M";
    prove
}

fn prove() -> Proof {
    for attempt in [
        Attempt::READ_HCR_EL2,
        Attempt::WRITE_HCR_EL2,
        Attempt::READ_VTTBR_EL2,
        Attempt::WRITE_VTTBR_EL2,
        Attempt::WRITE_VBAR_EL2,
        Attempt::WRITE_SCTLR_EL2,
        Attempt::WRITE_ICH_LR,
        Attempt::READ_ELR_EL2,
        Attempt::TLBI_ALLE2,
    ] {
        let answer = attempt.make(0);
        line!("{}: {answer}", attempt.name);
        // DDI0487, ESR_EL1: an unknown reason, long instruction.
        expect::equal("ESR_EL1", answer.syndrome(), 0x0200_0000)?;
    }
    Ok(())
}
