//! After a reset the services answer as before.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{Call, SYSTEM_RESET},
    noinit, table,
};

claim! {
    "After a reset the services answer as before.";
    vcpus: 1, kvm: "5.19", resets: 1, with: "trng,pv-time,vendor-hyp,ptp";
    prove
}

fn prove() -> Proof {
    table::answers(&[
        (0x8400_0050, &[], 0x1_0000),     // TRNG_VERSION
        (0x8000_0001, &[0xC500_0020], 0), // SMCCC_ARCH_FEATURES
        (0xC500_0020, &[0xC500_0021], 0), // PV_TIME_FEATURES
        (0x8600_0000, &[], 0x3),          // KVM_FEATURES
    ])?;
    Call::hvc(0xC500_0021, &[]).make_told(|_| "an address");
    if noinit::boots() == 0 {
        let answer = Call::hvc(SYSTEM_RESET, &[]).make_last();
        return expect::holds("SYSTEM_RESET", answer.x[0], "no return", false);
    }
    expect::equal("boots before this one", noinit::boots(), 1)
}
