//! With MEM_PROTECT on, a reset clears the RAM outside the image.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    arch::memory,
    claim,
    expect::{self, Proof},
    firmware::{Call, SYSTEM_RESET, hvc},
    noinit,
};

claim! {
    "With MEM_PROTECT on, a reset clears the RAM outside the image.";
    vcpus: 1, psci: "1.1", memory: "128M", resets: 1, dialect: "spec", with: "mem-protect";
    prove
}

/// Behind the stacks, in the middle, and the last doubleword of 128 MiB.
const PLACES: [u64; 3] = [memory::FREE, 0x4400_0000, 0x47FF_FFF8];

fn prove() -> Proof {
    // DEN0022 §5.1.13: the wish outlasts the reset. Nothing else can tell the second boot from the
    // first, because what the harness remembers is cleared too.
    let before = hvc(0x8400_0013, &[1]);
    if before.code() == 0 {
        for place in PLACES {
            memory::doubleword(place).store(!place, Ordering::Relaxed);
        }
        let answer = Call::hvc(SYSTEM_RESET, &[]).make_last();
        return expect::holds("SYSTEM_RESET", answer.x[0], "no return", false);
    }
    noinit::remember(1, 2);
    expect::code("MEM_PROTECT after the reset", before, 1)?;
    for place in PLACES {
        let found = memory::doubleword(place).load(Ordering::Relaxed);
        expect::equal("RAM after the reset", found, 0)?;
    }
    Ok(())
}
