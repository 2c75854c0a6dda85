//! AFFINITY_INFO refuses levels above 3 and affinities that no CPU has.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{AFFINITY_INFO_32, AFFINITY_INFO_64, hvc},
};

claim! {
    "AFFINITY_INFO refuses levels above 3 and affinities that no CPU has.";
    vcpus: 2;
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.5: INVALID_PARAMETERS is -2.
    for level in [4, 5, 0xFFFF_FFFF, u64::MAX] {
        let answer = hvc(AFFINITY_INFO_64, &[0, level]);
        expect::code("AFFINITY_INFO above level 3", answer, -2)?;
    }
    let unknown = [
        (0x8, 0),
        (0x500, 0),
        (0x100, 1),
        (0x1_0000, 1),
        (0x1_0000, 2),
    ];
    for (affinity, level) in unknown.into_iter().chain([(0x1_0000_0000, 3)]) {
        let answer = hvc(AFFINITY_INFO_64, &[affinity, level]);
        expect::code("AFFINITY_INFO of an unknown affinity", answer, -2)?;
    }
    // DEN0028 §2.6: the SMC32 form sees the low halves, here CPU 1 at level 0.
    let answer = hvc(AFFINITY_INFO_32, &[0x1_0000_0001, 0x1_0000_0000]);
    expect::code("AFFINITY_INFO, SMC32", answer, 1)?;
    let answer = hvc(AFFINITY_INFO_32, &[0, 4]);
    expect::code("AFFINITY_INFO above level 3, SMC32", answer, -2)
}
