//! TRNG_RND32 gives an AArch32 caller up to 96 bits in r1 to r3, and no more.
#![no_std]
#![no_main]

use vambrace_guest_tests_aarch32::{
    claim,
    expect::{self, Proof},
    firmware::{Call, TRNG_RND32, TRNG_VERSION, hvc},
};

claim! {
    "TRNG_RND32 gives an AArch32 caller up to 96 bits in r1 to r3, and no more.";
    vcpus: 1, psci: "1.0", with: "trng", needs: "entropy";
    prove
}

fn prove() -> Proof {
    // DEN0098 §2.1: version 1.0 or newer 1.x.
    let version = hvc(TRNG_VERSION, &[]).r[0];
    let known = (0x1_0000..=0x1_FFFF).contains(&version);
    expect::holds("TRNG_VERSION", version, "0x10000 to 0x1ffff", known)?;
    // DEN0098 §2.4: bits 31:0 are in r3, 63:32 in r2, 95:64 in r1; what was not asked for is 0.
    for (bits, known) in [
        (96, [u32::MAX, u32::MAX, u32::MAX]),
        (65, [1, u32::MAX, u32::MAX]),
        (32, [0, 0, u32::MAX]),
        (1, [0, 0, 1]),
    ] {
        let answer = Call::hvc(TRNG_RND32, &[bits]).make_told(|answer| match answer.code() {
            0 => "SUCCESS",
            _ => "an error",
        });
        expect::code("TRNG_RND32", answer, 0)?;
        for (found, known) in answer.r.into_iter().skip(1).zip(known) {
            let clean = found & !known == 0;
            expect::holds("r1 to r3", found, "bits only where asked for", clean)?;
        }
    }
    // Two draws of 96 bits are not the same, but once in 2^96.
    let draw = || Call::hvc(TRNG_RND32, &[96]).make_silently().r;
    expect::holds("two draws", 96, "different", draw() != draw())?;
    // INVALID_PARAMETERS is -2.
    expect::code("TRNG_RND32 of 97 bits", hvc(TRNG_RND32, &[97]), -2)
}
