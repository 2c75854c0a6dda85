//! PSCI_FEATURES confirms no function of another service, though it is there.
#![no_std]
#![no_main]

use vambrace_guest_tests::{claim, expect::Proof, table};

claim! {
    "PSCI_FEATURES confirms no function of another service, though it is there.";
    vcpus: 1, psci: "1.0", kvm: "5.19", with: "trng,pv-time,vendor-hyp,ptp";
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.15: PSCI's functions, and SMCCC_VERSION.
    table::psci_features(&[
        (0x8000_0000, 0),
        (0x8000_0001, -1), // SMCCC_ARCH_FEATURES
        (0x8400_0050, -1), // TRNG_VERSION
        (0x8400_0053, -1), // TRNG_RND32
        (0xC400_0053, -1), // TRNG_RND64
        (0xC500_0020, -1), // PV_TIME_FEATURES
        (0xC500_0021, -1), // PV_TIME_ST
        (0x8600_0000, -1), // KVM_FEATURES
        (0x8600_FF01, -1), // CALL_UID
        (0x95C1_BA60, -1), // CPU_ON of PSCI 0.1
        (0x0400_0003, -1),
        (0, -1),
        (0xFFFF_FFFF, -1),
    ])
}
