//! Reads address 0, which is not mapped: reported as a crash, exit code 126.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::undecodable::{Access, Place, Registers},
    claim,
    expect::Proof,
};

claim! {
    "An exception is reported as a crash.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    let nowhere = Registers {
        address: 0,
        first: 0,
        second: 0,
    };
    let _ = Access::LOAD_PAIR.execute(Place::Mapped, nowhere);
    Ok(())
}
