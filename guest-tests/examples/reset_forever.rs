//! Resets at every boot: the runner's limit of resets ends it.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::Proof,
    firmware::{Call, SYSTEM_RESET},
};

claim! {
    "A guest that resets for ever is ended by the limit of resets.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    Call::hvc(SYSTEM_RESET, &[]).make_last();
    Ok(())
}
