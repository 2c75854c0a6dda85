//! SYSTEM_RESET2 refuses the reserved architectural types, 1 to 0x7fff_ffff.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    firmware::{PSCI_FEATURES, SYSTEM_RESET2_32, SYSTEM_RESET2_64, hvc},
};

claim! {
    "SYSTEM_RESET2 refuses the reserved architectural types, 1 to 0x7fff_ffff.";
    vcpus: 1, psci: "1.1";
    prove
}

fn prove() -> Proof {
    for id in [SYSTEM_RESET2_32, SYSTEM_RESET2_64] {
        expect::code("PSCI_FEATURES", hvc(PSCI_FEATURES, &[id.into()]), 0)?;
        // DEN0022 §5.1.12: INVALID_PARAMETERS is -2.
        for kind in [1, 2, 0xFFFF, 0x4000_0000, 0x7FFF_FFFF] {
            let answer = hvc(id, &[kind, 0]);
            expect::code("SYSTEM_RESET2 of a reserved type", answer, -2)?;
        }
    }
    // The SMC32 form sees the low half of its argument; the type is 32 bits in both forms.
    for id in [SYSTEM_RESET2_32, SYSTEM_RESET2_64] {
        let answer = hvc(id, &[0x8000_0000_0000_0001, 0]);
        expect::code("SYSTEM_RESET2 of a reserved type", answer, -2)?;
    }
    Ok(())
}
