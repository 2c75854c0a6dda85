//! SMC reaches the same firmware as HVC from AArch32.
#![no_std]
#![no_main]

use vambrace_guest_tests_aarch32::{
    claim,
    expect::{self, Proof},
    firmware::{AFFINITY_INFO, MIGRATE_INFO_TYPE, PSCI_FEATURES, PSCI_VERSION, hvc, smc},
};

claim! {
    "SMC reaches the same firmware as HVC from AArch32.";
    vcpus: 2, psci: "1.0", kvm: "6.4";
    prove
}

fn prove() -> Proof {
    let calls: [(u32, &[u32]); 6] = [
        (PSCI_VERSION, &[]),
        (MIGRATE_INFO_TYPE, &[]),
        (AFFINITY_INFO, &[1, 0]),
        (PSCI_FEATURES, &[0x8400_0003]),
        (PSCI_FEATURES, &[0xC400_0003]),
        (0x8400_001F, &[1, 2, 3]),
    ];
    for (id, arguments) in calls {
        let expected = hvc(id, arguments);
        let found = smc(id, arguments);
        for (found, expected) in found.r.into_iter().zip(expected.r) {
            expect::equal("r0 to r3 after SMC", found, expected)?;
        }
    }
    Ok(())
}
