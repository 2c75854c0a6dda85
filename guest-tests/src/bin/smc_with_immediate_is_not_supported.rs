//! SMC with an immediate other than 0 is -1 and touches nothing but x0.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{Call, Conduit},
};

claim! {
    "SMC with an immediate other than 0 is -1 and touches nothing but x0.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    for conduit in [Conduit::Smc1, Conduit::SmcFfff] {
        for id in [
            0x8400_0000,
            0x8400_000A,
            0x8000_0000,
            0xC400_0012,
            0x8400_0008,
        ] {
            // DEN0028 §2.9: immediates other than 0 are reserved. 64 bits of ones, by KVM's own rule.
            let answer = Call::by(conduit, id, &[0xAAAA, 0xBBBB, 0xCCCC]).make();
            expect::equal("x0", answer.x[0], u64::MAX)?;
            expect::equal("x1", answer.x[1], 0xAAAA)?;
            expect::equal("x2", answer.x[2], 0xBBBB)?;
            expect::equal("x3", answer.x[3], 0xCCCC)?;
        }
    }
    Ok(())
}
