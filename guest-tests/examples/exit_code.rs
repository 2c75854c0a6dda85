//! Exits with code 42 and no verdict.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, exit, expect::Proof};

claim! {
    "A guest's exit code 42 leaves the machine.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    exit::leave(42)
}
