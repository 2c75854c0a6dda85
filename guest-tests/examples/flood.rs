//! Prints for ever: the runner bounds what it keeps.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, line};

claim! {
    "A guest that floods the console is bounded.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    for count in 0_u64.. {
        line!("flood {count}: the console of a guest is not a place to keep everything");
    }
    Ok(())
}
