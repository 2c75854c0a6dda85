//! HVC reaches the same firmware whatever its immediate.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{Call, Conduit, MIGRATE_INFO_TYPE, PSCI_FEATURES, PSCI_VERSION},
};

claim! {
    "HVC reaches the same firmware whatever its immediate.";
    vcpus: 1, psci: "1.0", dialect: "kvm";
    prove
}

fn prove() -> Proof {
    // DEN0028 §2.9 reserves immediates other than 0; KVM has never looked at them.
    let version = Call::hvc(PSCI_VERSION, &[]).make();
    for conduit in [Conduit::Hvc1, Conduit::HvcFfff] {
        let again = Call::by(conduit, PSCI_VERSION, &[]).make();
        expect::equal("PSCI_VERSION", again.x[0], version.x[0])?;
        let kind = Call::by(conduit, MIGRATE_INFO_TYPE, &[]).make();
        expect::code("MIGRATE_INFO_TYPE", kind, 2)?;
        let unknown = Call::by(conduit, PSCI_FEATURES, &[0x8400_001F]).make();
        expect::code("PSCI_FEATURES of a reserved function", unknown, -1)?;
    }
    Ok(())
}
