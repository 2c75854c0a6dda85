//! MEM_PROTECT_CHECK_RANGE says SUCCESS of RAM, DENIED of all else.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "MEM_PROTECT_CHECK_RANGE says SUCCESS of RAM, DENIED of all else.";
    vcpus: 1, psci: "1.1", memory: "128M", dialect: "spec", with: "mem-protect";
    prove
}

fn prove() -> Proof {
    table::psci_features(&[(0x8400_0014, 0), (0xC400_0014, 0)])?;
    // DEN0022 §5.1.14: base and length in bytes; DENIED is -3. RAM begins at 0x4000_0000.
    for id in [0x8400_0014, 0xC400_0014] {
        table::answers(&[
            (id, &[0x4000_0000, 0x800_0000], 0),
            (id, &[0x4000_0000, 1], 0),
            (id, &[0x47FF_FFFF, 1], 0),
            (id, &[0x3FFF_FFFF, 2], -3),
            (id, &[0x0900_0000, 0x1000], -3),
            (id, &[0, 0xFFFF_FFFF], -3),
        ])?;
    }
    table::answers(&[
        (0xC400_0014, &[0x4000_0000, u64::MAX], -3),
        (0xC400_0014, &[0x4000_0000, 0xFFFF_0000_0000], -3),
        (0xC400_0014, &[u64::MAX, 1], -3),
    ])
}
