//! Waits for ever: the runner's time limit ends it.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, cpus, expect::Proof, line};

claim! {
    "A guest that waits for ever is ended by the time limit.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    line!("waiting for ever");
    cpus::rest(cpus::current());
    Ok(())
}
