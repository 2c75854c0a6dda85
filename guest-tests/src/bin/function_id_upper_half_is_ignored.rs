//! The function id is the low half of x0, whatever the upper half holds.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{Call, Conduit, PSCI_VERSION, hvc},
};

claim! {
    "The function id is the low half of x0, whatever the upper half holds.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    let version = hvc(PSCI_VERSION, &[]).x[0];
    for x0 in [0xFFFF_FFFF_8400_0000, 0x1_8400_0000, 0xDEAD_BEEF_8400_0000] {
        // DEN0028 §2.6: the function identifier is W0.
        let again = Call::with_x0(Conduit::Hvc, x0, &[]).make();
        expect::equal("PSCI_VERSION", again.x[0], version)?;
    }
    // MIGRATE_INFO_TYPE: 2, DEN0022 §5.1.7.
    let kind = Call::with_x0(Conduit::Hvc, 0x8400_0000_8400_0006, &[]).make();
    expect::code("MIGRATE_INFO_TYPE", kind, 2)?;
    let unknown = Call::with_x0(Conduit::Hvc, 0x8400_0000_8400_001F, &[]).make();
    expect::code("an unknown function", unknown, -1)
}
