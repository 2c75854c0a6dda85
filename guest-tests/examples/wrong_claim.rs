//! Claims what is not so: the verdict is FAIL, the exit code 1.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{MIGRATE_INFO_TYPE, hvc},
};

claim! {
    "MIGRATE_INFO_TYPE is 7, which no firmware answers.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    expect::code("MIGRATE_INFO_TYPE", hvc(MIGRATE_INFO_TYPE, &[]), 7)
}
