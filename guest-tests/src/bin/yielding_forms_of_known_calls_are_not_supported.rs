//! Known ids with bit 31 clear are yielding calls, and NOT_SUPPORTED.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    table,
};

claim! {
    "Known ids with bit 31 clear are yielding calls, and NOT_SUPPORTED.";
    vcpus: 2, psci: "1.0";
    prove
}

fn prove() -> Proof {
    let entry = cpus::entry_point();
    // DEN0028 §2.5: bit 31 tells fast calls from yielding ones. None of these may start a CPU or
    // end the machine.
    for id in (0x0400_0000..=0x0400_0018).chain(0x4400_0000..=0x4400_0018) {
        table::answers(&[(id, &[1, entry, 0], -1)])?;
    }
    for id in [
        0x0000_0000,
        0x0000_0001,
        0x0400_0050,
        0x4400_0053,
        0x4500_0020,
        0x0600_FF01,
    ] {
        table::answers(&[(id, &[0xC500_0020], -1)])?;
    }
    expect::equal("starts of CPU 1", cpus::cpu(1).starts(), 0)
}
