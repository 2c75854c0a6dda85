//! Panics: reported as a crash, exit code 126.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof};

claim! {
    "A panic is reported as a crash.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    panic!("on purpose")
}
