//! Executes an undefined instruction while the MMU is off: reported as a crash, exit code 126.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::undecodable::{Access, Place, Registers},
    claim,
    expect::Proof,
};

claim! {
    "An exception with the MMU off is reported as a crash.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    let nothing = Registers {
        address: 0,
        first: 0,
        second: 0,
    };
    let _ = Access::UNDEFINED.execute(Place::Untranslated, nothing);
    Ok(())
}
