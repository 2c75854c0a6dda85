//! Ids next to known ones, by one or by one bit, are NOT_SUPPORTED.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, cpus, expect::Proof, table};

claim! {
    "Ids next to known ones, by one or by one bit, are NOT_SUPPORTED.";
    vcpus: 2, psci: "1.0";
    prove
}

/// CPU_ON, SMC64, with one bit flipped that DEN0028 §2.5 reserves or gives to owner and convention; bit
/// 16, a hint from SMCCC 1.3 on, has a claim of its own.
const FLIPPED: [u32; 14] = [
    1 << 17,
    1 << 18,
    1 << 19,
    1 << 20,
    1 << 21,
    1 << 22,
    1 << 23,
    1 << 24,
    1 << 25,
    1 << 26,
    1 << 27,
    1 << 28,
    1 << 29,
    1 << 31,
];

fn prove() -> Proof {
    let entry = cpus::entry_point();
    for bit in FLIPPED {
        table::answers(&[(0xC400_0003 ^ bit, &[1, entry, 0], -1)])?;
    }
    for bit in 5..16 {
        table::answers(&[(0xC400_0003 | 1 << bit, &[1, entry, 0], -1)])?;
    }
    table::not_supported(&[
        0x83FF_FFFF,
        0x8400_0018, // after PSCI's functions
        0x8400_0020, // after PSCI's range
        0xC400_0000,
        0xC400_0018,
        0xC400_0020,
        0x8400_004F, // about TRNG
        0x8400_0054,
        0xC400_0052,
        0xC400_0054,
        0xC500_001F, // about PV time
        0xC500_0022,
        0x8600_0002, // about KVM's own services
        0x8600_FF02,
        0xC600_003F,
        0xC600_0042,
    ])
}
