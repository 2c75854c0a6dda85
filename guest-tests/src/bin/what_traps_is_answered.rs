//! Registers that the hypervisor keeps for itself are undefined, or keep their value.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::fault::{Answer, Attempt},
    claim,
    expect::{self, Proof},
    line,
};

claim! {
    "Registers that the hypervisor keeps for itself are undefined, or keep their value.";
    vcpus: 1, needs: "gic-v3";
    prove
}

fn prove() -> Proof {
    // Unlike those of EL2, these trap (HCR_EL2.TIDCP, IMO, TACR) and are answered by software.
    for attempt in [
        Attempt::READ_IMPLEMENTATION_DEFINED,
        Attempt::WRITE_IMPLEMENTATION_DEFINED,
        Attempt::READ_ICC_SGI1R,
    ] {
        let answer = attempt.make(0);
        line!("{}: {answer}", attempt.name);
        // DDI0487, ESR_EL1: an unknown reason, long instruction.
        expect::equal("ESR_EL1", answer.syndrome(), 0x0200_0000)?;
    }
    let before = auxiliary_control()?;
    let answer = Attempt::WRITE_ACTLR.make(!before);
    expect::equal("MSR ACTLR_EL1", answer.syndrome(), u64::MAX)?;
    expect::equal("ACTLR_EL1", auxiliary_control()?, before)
}

fn auxiliary_control() -> Result<u64, expect::Failure> {
    match Attempt::READ_ACTLR.make(0) {
        Answer::Done(value) => Ok(value),
        Answer::Fault { esr, .. } => {
            expect::equal("MRS ACTLR_EL1", esr, u64::MAX)?;
            Ok(esr)
        }
    }
}
