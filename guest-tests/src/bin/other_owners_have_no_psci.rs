//! The function numbers of CPU_ON and SYSTEM_OFF are NOT_SUPPORTED with any other owner.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    table,
};

claim! {
    "The function numbers of CPU_ON and SYSTEM_OFF are NOT_SUPPORTED with any other owner.";
    vcpus: 2;
    prove
}

fn prove() -> Proof {
    let entry = cpus::entry_point();
    // DEN0028 §6.1: the owner is in bits 29:24, PSCI's is 4; 0 is the architecture's.
    for owner in (1..64).filter(|owner| *owner != 4) {
        table::answers(&[
            (0xC000_0003 | owner << 24, &[1, entry, 0], -1),
            (0x8000_0008 | owner << 24, &[], -1),
        ])?;
    }
    expect::equal("starts of CPU 1", cpus::cpu(1).starts(), 0)
}
