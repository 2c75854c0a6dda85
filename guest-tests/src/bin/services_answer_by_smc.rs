//! TRNG, paravirtual time and the vendor hypervisor services answer by SMC too.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{Call, Conduit, hvc, smc},
    table,
};

claim! {
    "TRNG, paravirtual time and the vendor hypervisor services answer by SMC too.";
    vcpus: 1, kvm: "6.4", with: "trng,pv-time,vendor-hyp,ptp";
    prove
}

fn prove() -> Proof {
    table::answers_by(
        Conduit::Smc,
        &[
            (0x8400_0050, &[], 0x1_0000),                      // TRNG_VERSION
            (0x8400_0051, &[0xC400_0053], 0),                  // TRNG_FEATURES
            (0x8400_0053, &[97], -2),                          // TRNG_RND32
            (0x8000_0001, &[0xC500_0020], 0),                  // SMCCC_ARCH_FEATURES
            (0xC500_0020, &[0xC500_0021], 0),                  // PV_TIME_FEATURES
            (0x8600_0000, &[], 0x3),                           // KVM_FEATURES
            (0x8600_FF01, &[], 0xB66F_B428_u32.cast_signed()), // CALL_UID
            (0x8600_0001, &[2], -1),                           // KVM_PTP
        ],
    )?;
    for (id, kind) in [
        (0xC400_0053, "random bits"),
        (0x8600_0001, "wall clock and counter"),
    ] {
        let answer = Call::by(Conduit::Smc, id, &[1]).make_told(|_| kind);
        expect::holds("answer by SMC", answer.x[0], "not -1", answer.code() != -1)?;
    }
    // DEN0028 §2.9: the conduit does not change a call's meaning.
    for id in [0x8400_0050, 0x8600_0000] {
        expect::equal("x0 by SMC", smc(id, &[]).x[0], hvc(id, &[]).x[0])?;
    }
    let by_hvc = Call::hvc(0xC500_0021, &[]).make_told(|_| "an address");
    let by_smc = Call::by(Conduit::Smc, 0xC500_0021, &[]).make_told(|_| "an address");
    expect::equal("structure by SMC", by_smc.x[0], by_hvc.x[0])
}
