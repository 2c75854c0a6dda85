//! SYSTEM_RESET2 of type 0 reboots the machine, in both forms.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{Call, SYSTEM_RESET2_32, SYSTEM_RESET2_64},
    noinit,
};

claim! {
    "SYSTEM_RESET2 of type 0 reboots the machine, in both forms.";
    vcpus: 1, psci: "1.1", resets: 2;
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.12: type 0 is SYSTEM_WARM_RESET; the cookie means nothing with it.
    let call = match noinit::boots() {
        0 => Call::hvc(SYSTEM_RESET2_32, &[0, 0x1234]),
        1 => Call::hvc(SYSTEM_RESET2_64, &[0, u64::MAX]),
        boots => return expect::equal("boots before this one", boots, 2),
    };
    let answer = call.make_last();
    expect::holds("SYSTEM_RESET2", answer.x[0], "no return", false)
}
