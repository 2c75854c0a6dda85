//! An access to the interrupt controller that nobody can decode ends in an external abort.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::fault::Attempt,
    claim,
    expect::{self, Proof},
    line,
};

claim! {
    "An access to the interrupt controller that nobody can decode ends in an external abort.";
    vcpus: 1, el2: "memory=128M";
    prove
}

const DISTRIBUTOR: u64 = 0x0800_0000;
const REDISTRIBUTOR: u64 = 0x080A_0000;

fn prove() -> Proof {
    for address in [DISTRIBUTOR, REDISTRIBUTOR] {
        for (attempt, esr) in [
            (Attempt::LOAD_PAIR, 0x9600_0010),
            (Attempt::LOAD_VECTOR, 0x9600_0010),
            (Attempt::STORE_POST_INDEX, 0x9600_0050),
        ] {
            let answer = attempt.make(address);
            line!("{} at {address:#x}: {answer}", attempt.name);
            expect::equal("ESR_EL1", answer.syndrome(), esr)?;
        }
        // DDI0487, ESR_EL1.DFSC: an alignment fault, or external where the CPU has none for devices.
        let esr = Attempt::LOAD.make(address + 1).syndrome();
        let fault = [0x9600_0021, 0x9600_0010].contains(&esr);
        line!("{} at {:#x}: a fault", Attempt::LOAD.name, address + 1);
        expect::holds(
            "ESR_EL1",
            esr,
            "an alignment fault or an external abort",
            fault,
        )?;
        let answer = Attempt::LOAD.make(address);
        line!("{} at {address:#x}: {answer}", Attempt::LOAD.name);
        expect::equal("no exception", answer.syndrome(), u64::MAX)?;
    }
    Ok(())
}
