//! HVC with an immediate other than 0 is an unknown call.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{Call, Conduit, PSCI_VERSION},
};

claim! {
    "HVC with an immediate other than 0 is an unknown call.";
    vcpus: 1, psci: "1.0", dialect: "spec", el2: "memory=128M";
    prove
}

fn prove() -> Proof {
    // DEN0028 §2.10: the immediate is zero; §5.2: an unknown call is -1.
    for conduit in [
        Conduit::Hvc1,
        Conduit::Hvc2,
        Conduit::Hvc3,
        Conduit::HvcFfff,
    ] {
        let answer = Call::by(conduit, PSCI_VERSION, &[]).make();
        expect::code("PSCI_VERSION", answer, -1)?;
    }
    Ok(())
}
