//! SYSTEM_RESET reboots the machine exactly once.
#![no_std]
#![no_main]

use core::sync::atomic::Ordering;

use vambrace_guest_tests::{
    claim, cpus,
    expect::{self, Proof},
    firmware::{Call, SYSTEM_RESET},
    noinit,
};

claim! {
    "SYSTEM_RESET reboots the machine exactly once.";
    vcpus: 1, resets: 1;
    prove
}

const TRACE: u64 = 0x7E57_ED00_FEED_F00D;

fn prove() -> Proof {
    if noinit::boots() == 0 {
        noinit::word(0).store(TRACE, Ordering::Relaxed);
        let answer = Call::hvc(SYSTEM_RESET, &[]).make_last();
        return expect::holds("SYSTEM_RESET", answer.x[0], "no return", false);
    }
    expect::equal("boots before this one", noinit::boots(), 1)?;
    expect::equal(
        "word kept in RAM",
        noinit::word(0).load(Ordering::Relaxed),
        TRACE,
    )?;
    // The machine begins as at its first boot.
    cpus::current().entry_state().expect_reset()
}
