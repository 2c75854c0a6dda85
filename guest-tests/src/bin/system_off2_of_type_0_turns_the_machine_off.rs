//! SYSTEM_OFF2 of type 0 turns the machine off.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, exit, expect::Proof, firmware::Call};

claim! {
    "SYSTEM_OFF2 of type 0 turns the machine off.";
    vcpus: 1, psci: "1.3", ends: "off";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.10: issue F.a numbers HIBERNATE_OFF 0, and later issues take it still.
    exit::end_by(Call::hvc(0xC400_0015, &[0, 0]), Ok(()))
}
