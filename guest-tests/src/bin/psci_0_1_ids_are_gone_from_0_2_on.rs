//! The function ids of KVM's PSCI 0.1 are NOT_SUPPORTED from 0.2 on.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    table,
};

claim! {
    "The function ids of KVM's PSCI 0.1 are NOT_SUPPORTED from 0.2 on.";
    vcpus: 2;
    prove
}

fn prove() -> Proof {
    let entry = cpus::entry_point();
    // CPU_SUSPEND, CPU_OFF, CPU_ON and MIGRATE as KVM numbers them, and their neighbours.
    for id in 0x95C1_BA5D..=0x95C1_BA62 {
        table::answers(&[(id, &[1, entry, 0], -1)])?;
    }
    expect::equal("starts of CPU 1", cpus::cpu(1).starts(), 0)
}
