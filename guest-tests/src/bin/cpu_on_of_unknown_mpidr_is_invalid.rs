//! CPU_ON of an affinity that no CPU has is INVALID_PARAMETERS.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::{CPU_ON_32, CPU_ON_64, hvc},
};

claim! {
    "CPU_ON of an affinity that no CPU has is INVALID_PARAMETERS.";
    vcpus: 2;
    prove
}

/// The machine has affinities 0 and 1, or up to 7: one beyond, and one in each affinity level.
const UNKNOWN: [u64; 6] = [8, 0xFF, 0x100, 0x1_0001, 0x1_0000_0000, 0xFF_00FF_FFFF];

fn prove() -> Proof {
    for affinity in UNKNOWN {
        // DEN0022 §5.1.4: INVALID_PARAMETERS is -2.
        let answer = hvc(CPU_ON_64, &[affinity, cpus::entry_point(), 0]);
        expect::code("CPU_ON of an unknown affinity", answer, -2)?;
    }
    let answer = hvc(CPU_ON_32, &[0x1_0001, cpus::entry_point(), 0]);
    expect::code("CPU_ON of an unknown affinity, SMC32", answer, -2)?;
    expect::equal("starts of CPU 1", cpus::cpu(1).starts(), 0)
}
