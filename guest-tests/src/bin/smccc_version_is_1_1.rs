//! SMCCC_VERSION is 1.1, and PSCI_FEATURES confirms that it exists.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{PSCI_FEATURES, SMCCC_VERSION, hvc},
};

claim! {
    "SMCCC_VERSION is 1.1, and PSCI_FEATURES confirms that it exists.";
    vcpus: 1, psci: "1.0";
    prove
}

fn prove() -> Proof {
    // DEN0028 §7.2: PSCI_FEATURES first, because SMCCC 1.0 may not have the call at all.
    let exists = hvc(PSCI_FEATURES, &[0x8000_0000]);
    expect::code("PSCI_FEATURES of SMCCC_VERSION", exists, 0)?;
    // DEN0028 §7.2. KVM says 1.1 in every version; the dialects keep it.
    expect::equal("SMCCC_VERSION", hvc(SMCCC_VERSION, &[]).x[0], 0x1_0001)
}
