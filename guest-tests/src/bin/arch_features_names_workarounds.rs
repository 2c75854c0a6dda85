//! SMCCC_ARCH_FEATURES answers for workarounds within their ranges, -1 for unknown ids.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{ARCH_FEATURES, hvc},
};

claim! {
    "SMCCC_ARCH_FEATURES answers for workarounds within their ranges, -1 for unknown ids.";
    vcpus: 1, psci: "1.0";
    prove
}

fn prove() -> Proof {
    // DEN0028 §7.5 to §7.7: -1, 0 (call it on this CPU) or 1 (not needed on this CPU).
    for workaround in [0x8000_8000, 0x8000_3FFF] {
        let answer = hvc(ARCH_FEATURES, &[workaround]);
        let known = (-1..=1).contains(&answer.code());
        expect::holds("answer for a workaround", answer.x[0], "-1, 0 or 1", known)?;
    }
    // WORKAROUND_2 may also be NOT_REQUIRED, -2.
    let answer = hvc(ARCH_FEATURES, &[0x8000_7FFF]);
    let known = (-2..=1).contains(&answer.code());
    expect::holds(
        "answer for WORKAROUND_2",
        answer.x[0],
        "-2, -1, 0 or 1",
        known,
    )?;
    // PV_TIME_FEATURES, DEN0057: there or not.
    let answer = hvc(ARCH_FEATURES, &[0xC500_0020]);
    let known = (-1..=0).contains(&answer.code());
    expect::holds("answer for PV_TIME_FEATURES", answer.x[0], "-1 or 0", known)?;

    for unknown in [0x8000_1234, 0x8000_FFFF, 0xC000_0001, 0x8400_0000, 0] {
        let answer = hvc(ARCH_FEATURES, &[unknown]);
        expect::code("SMCCC_ARCH_FEATURES of an unknown id", answer, -1)?;
    }
    Ok(())
}
