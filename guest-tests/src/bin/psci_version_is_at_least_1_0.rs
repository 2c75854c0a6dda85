//! PSCI_VERSION is at least 1.0.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{PSCI_VERSION, hvc},
};

claim! {
    "PSCI_VERSION is at least 1.0.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.1: major version in bits 31:16, minor in bits 15:0.
    let version = hvc(PSCI_VERSION, &[]).x[0];
    expect::holds(
        "PSCI_VERSION",
        version,
        "0x10000 to 0x1ffff",
        (0x1_0000..=0x1_FFFF).contains(&version),
    )
}
