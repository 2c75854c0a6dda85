//! Exits with a code too large for `run`, which turns it into 119.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, exit, expect::Proof};

claim! {
    "A guest's exit code 200 leaves the machine.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    exit::leave(200)
}
