//! MIGRATE moves the Trusted OS from the calling CPU to another, and from no other.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    table,
};

claim! {
    "MIGRATE moves the Trusted OS from the calling CPU to another, and from no other.";
    vcpus: 3, psci: "1.0", dialect: "spec", with: "migrate";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.6: INVALID_PARAMETERS is -2, NOT_PRESENT -7.
    // CPU 2 is off: nothing can reside there.
    expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
    cpus::cpu(1).wait_for_start(1)?;
    for id in [0x8400_0005, 0xC400_0005] {
        for target in [2, 3, 0x100, 0x8000_0001] {
            table::answers(&[(id, &[target], -2)])?;
        }
    }
    table::answers(&[
        (0xC400_0005, &[0], 0),
        (0x8400_0007, &[], 0),
        (0xC400_0005, &[1], 0),
        (0x8400_0007, &[], 1),
        (0xC400_0007, &[], 1),
        // It is not here any more, wherever it is to go.
        (0xC400_0005, &[2], -7),
        (0x8400_0005, &[0], -7),
        (0x8400_0007, &[], 1),
    ])
}
