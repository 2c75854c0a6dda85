//! CPU_ON to an entry outside RAM is INVALID_ADDRESS.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    table,
};

claim! {
    "CPU_ON to an entry outside RAM is INVALID_ADDRESS.";
    vcpus: 2, psci: "1.0", dialect: "spec";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.4: INVALID_ADDRESS is -9. RAM begins at 0x4000_0000.
    for entry in [0, 0x0900_0000, 0x3FFF_FFFC, 0xFFFF_0000_0000, u64::MAX - 3] {
        table::answers(&[(0xC400_0003, &[1, entry, 0], -9)])?;
    }
    table::answers(&[(0x8400_0003, &[1, 0x0900_0000, 0], -9)])?;
    // The target comes first, and the CPU is as it was.
    table::answers(&[(0xC400_0003, &[8, 0, 0], -2), (0xC400_0004, &[1, 0], 1)])?;
    expect::code("CPU_ON", cpus::power_on(1, 0), 0)?;
    cpus::cpu(1).wait_for_start(1)
}
