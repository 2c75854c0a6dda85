//! On KVM a CPU is ON, and ALREADY_ON, as soon as CPU_ON has returned.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, cpus, expect::Proof, table};

claim! {
    "On KVM a CPU is ON, and ALREADY_ON, as soon as CPU_ON has returned.";
    vcpus: 8, dialect: "kvm";
    prove
}

fn prove() -> Proof {
    let entry = cpus::entry_point();
    for index in 1..8 {
        table::answers(&[
            (0xC400_0003, &[index, entry, index], 0),
            (0xC400_0003, &[index, entry, 0], -4),
            (0xC400_0004, &[index, 0], 0),
        ])?;
    }
    for index in 1..8 {
        cpus::cpu(index).wait_for_start(1)?;
    }
    Ok(())
}
