//! MIGRATE_INFO_TYPE is 2, and MIGRATE and MIGRATE_INFO_UP_CPU are NOT_SUPPORTED.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{MIGRATE_INFO_TYPE, hvc},
};

claim! {
    "MIGRATE_INFO_TYPE is 2, and MIGRATE and MIGRATE_INFO_UP_CPU are NOT_SUPPORTED.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    // DEN0022 §5.1.7: trusted OS not present, or it does not need migration.
    expect::code("MIGRATE_INFO_TYPE", hvc(MIGRATE_INFO_TYPE, &[]), 2)?;
    // DEN0022 §5.1.6 and §5.1.8: then the others are not there.
    for id in [0x8400_0005, 0xC400_0005, 0x8400_0007, 0xC400_0007] {
        expect::code("MIGRATE or MIGRATE_INFO_UP_CPU", hvc(id, &[0]), -1)?;
    }
    Ok(())
}
