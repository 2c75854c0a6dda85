//! CLEAN_INV_MEMREGION of a range outside RAM is INVALID_ADDRESS.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "CLEAN_INV_MEMREGION of a range outside RAM is INVALID_ADDRESS.";
    vcpus: 1, psci: "=1.3", memory: "128M", dialect: "spec", with: "clean-inv-memregion";
    prove
}

fn prove() -> Proof {
    // DEN0022F, alpha: INVALID_ADDRESS is -9. RAM begins at 0x4000_0000.
    table::answers(&[
        (0xC400_0016, &[0x0900_0000, 0x1000, 0], -9),
        (0xC400_0016, &[0x3FFF_F000, 0x2000, 0], -9),
        (0xC400_0016, &[0x4000_0000, 0xFFFF_0000_0000, 0], -9),
        (0xC400_0016, &[0x0900_0000, 0x1000, 1], -9),
        // There is no SMC32 form.
        (0x8400_0016, &[0x4000_0000, 0x1000, 0], -1),
    ])
}
