//! PV_TIME_FEATURES confirms itself and PV_TIME_ST, and SMCCC_ARCH_FEATURES confirms it.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "PV_TIME_FEATURES confirms itself and PV_TIME_ST, and SMCCC_ARCH_FEATURES confirms it.";
    vcpus: 1, psci: "1.0", dialect: "kvm", kvm: "5.19", with: "pv-time";
    prove
}

fn prove() -> Proof {
    // DEN0057 §3.1: whoever looks for it begins with SMCCC_ARCH_FEATURES.
    table::answers(&[
        (ARCH_FEATURES, &[0xC500_0020], 0),
        (ARCH_FEATURES, &[0xC500_0021], -1),
        (FEATURES, &[0xC500_0020], 0),
        (FEATURES, &[0xC500_0021], 0),
        (FEATURES, &[0xC500_0022], -1),
        (FEATURES, &[0x8500_0020], -1),
        (FEATURES, &[0x8400_0000], -1),
        (FEATURES, &[0], -1),
    ])?;
    // There are no SMC32 forms, and no neighbours.
    table::not_supported(&[0x8500_0020, 0x8500_0021, 0xC500_001F, 0xC500_0022])
}

const ARCH_FEATURES: u32 = 0x8000_0001;
const FEATURES: u32 = 0xC500_0020;
