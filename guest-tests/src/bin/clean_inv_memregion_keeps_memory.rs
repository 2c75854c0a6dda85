//! CLEAN_INV_MEMREGION succeeds on RAM, and RAM keeps its content.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    arch::memory,
    claim,
    expect::{self, Proof},
    table,
};

claim! {
    "CLEAN_INV_MEMREGION succeeds on RAM, and RAM keeps its content.";
    vcpus: 1, psci: "=1.3", memory: "128M", dialect: "spec", with: "clean-inv-memregion";
    prove
}

fn prove() -> Proof {
    table::psci_features(&[
        (0xC400_0016, 0),
        (0x8400_0017, 0),
        (0x8400_0016, -1),
        (0xC400_0017, -1),
    ])?;
    let places = [memory::FREE, memory::FREE + 0xFF8, memory::FREE + 0x1F_FFF8];
    for place in places {
        memory::doubleword(place).store(!place, Ordering::Relaxed);
    }
    // DEN0022F, alpha: base, size in bytes, flags; bit 0 of the flags is a dry run.
    table::answers(&[
        (0xC400_0016, &[memory::FREE, 0x1000, 0], 0),
        (0xC400_0016, &[memory::FREE, 0x20_0000, 0], 0),
        (0xC400_0016, &[memory::FREE, 0x20_0000, 1], 0),
    ])?;
    for place in places {
        let found = memory::doubleword(place).load(Ordering::Relaxed);
        expect::equal("RAM after CLEAN_INV_MEMREGION", found, !place)?;
    }
    Ok(())
}
