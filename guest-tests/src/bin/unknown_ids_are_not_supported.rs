//! Function ids that nobody has allocated are NOT_SUPPORTED, whatever their owner.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::hvc,
};

claim! {
    "Function ids that nobody has allocated are NOT_SUPPORTED, whatever their owner.";
    vcpus: 1;
    prove
}

const UNKNOWN: [u32; 32] = [
    // Yielding calls (bit 31 clear), DEN0028 §2.5: 32-bit, 64-bit, with owners.
    0x0000_0000,
    0x0000_0001,
    0x0400_0003,
    0x4400_0003,
    0x7FFF_FFFF,
    // Arm architecture, unallocated.
    0x8000_0003,
    0x8000_1234,
    0xC000_0000,
    // CPU services, SiP, OEM.
    0x8100_0000,
    0xC100_FFFF,
    0x8200_0000,
    0xC200_FF01,
    0x8300_0000,
    0xC300_0001,
    // Standard secure services: PSCI's reserved ids, and between the services.
    0x8400_0018,
    0xC400_0018,
    0x8400_001F,
    0xC400_001F,
    0x8400_0020,
    0x8400_0400,
    0x8400_FF00,
    0x8400_FFFF,
    0xC400_FFFF,
    // Standard hypervisor services, unallocated; vendor hypervisor, unallocated.
    0x8500_0001,
    0xC500_FF00,
    0x8600_FF00,
    0x8600_FF03,
    0xC600_1234,
    // Reserved owners, trusted applications, trusted OS.
    0x8700_0000,
    0xAF00_0000,
    0xB000_0000,
    0xBF00_FF01,
];

fn prove() -> Proof {
    for id in UNKNOWN {
        // DEN0028 §5.2: unknown function is -1, and nothing else happens.
        expect::code("call of an unknown function", hvc(id, &[1, 2, 3]), -1)?;
    }
    // Values too large for 32 bits reach the transcript whole.
    let answer = hvc(0x8400_001F, &[u64::MAX, 0xFEDC_BA98_7654_3210, 1 << 63]);
    expect::code("call of an unknown function", answer, -1)
}
