//! Tells when it began: `bench: boot 1 <ticks>`, of CNTPCT_EL0 at its first instruction.
//!
//! On a board whose clock begins with its first instruction and counts them, these are those of
//! everything below the guest.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, cpus, expect::Proof, line};

claim! {
    "The counter at the first instruction is told.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    line!("bench: boot 1 {}", cpus::current().entry_state().counter);
    Ok(())
}
