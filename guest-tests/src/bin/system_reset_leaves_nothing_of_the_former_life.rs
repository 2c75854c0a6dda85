//! A machine that is reset begins out of streaming mode, counts nothing and has no breakpoint.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::leftovers::Leftovers,
    claim,
    expect::{self, Proof},
    firmware::{Call, SYSTEM_RESET},
    noinit,
};

claim! {
    "A machine that is reset begins out of streaming mode, counts nothing and has no breakpoint.";
    vcpus: 1, resets: 1;
    prove
}

fn prove() -> Proof {
    if noinit::boots() == 0 {
        Leftovers::leave();
        let answer = Call::hvc(SYSTEM_RESET, &[]).make_last();
        return expect::holds("SYSTEM_RESET", answer.x[0], "no return", false);
    }
    Leftovers::expect_none(Leftovers::found().words())
}
