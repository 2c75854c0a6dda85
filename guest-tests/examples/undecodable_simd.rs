//! Loads two vector registers from the UART: the run ends naming PC and instruction.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::undecodable::{Access, Place, Registers},
    claim,
    expect::Proof,
    line,
};

claim! {
    "A device access that cannot be emulated ends the run, naming PC and instruction.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    line!("about to execute {}", Access::LOAD_VECTORS.name);
    let uart = Registers {
        address: 0x0900_0000,
        first: 0,
        second: 0,
    };
    let _ = Access::LOAD_VECTORS.execute(Place::Mapped, uart);
    line!("came back");
    Ok(())
}
