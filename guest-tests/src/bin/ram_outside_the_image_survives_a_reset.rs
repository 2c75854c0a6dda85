//! RAM outside the image keeps its content over SYSTEM_RESET.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    arch::memory,
    claim,
    expect::{self, Proof},
    firmware::{Call, SYSTEM_RESET},
    noinit,
};

claim! {
    "RAM outside the image keeps its content over SYSTEM_RESET.";
    vcpus: 1, memory: "128M", resets: 1;
    prove
}

/// Behind the stacks, in the middle, and the last doubleword of 128 MiB.
const PLACES: [u64; 3] = [memory::FREE, 0x4400_0000, 0x47FF_FFF8];

fn prove() -> Proof {
    if noinit::boots() == 0 {
        for place in PLACES {
            memory::doubleword(place).store(!place, Ordering::Relaxed);
        }
        let answer = Call::hvc(SYSTEM_RESET, &[]).make_last();
        return expect::holds("SYSTEM_RESET", answer.x[0], "no return", false);
    }
    for place in PLACES {
        let found = memory::doubleword(place).load(Ordering::Relaxed);
        expect::equal("RAM after the reset", found, !place)?;
    }
    Ok(())
}
