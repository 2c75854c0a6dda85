//! Spins for ever without leaving the CPU: the runner's time limit ends it.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, line};

claim! {
    "A guest that spins for ever is ended by the time limit.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    line!("spinning for ever");
    loop {
        core::hint::spin_loop();
    }
}
