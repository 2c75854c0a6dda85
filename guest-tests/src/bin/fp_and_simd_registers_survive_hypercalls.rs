//! The FP and SIMD registers survive ten thousand hypercalls.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::vector_registers,
    claim,
    expect::{self, Proof},
    line, noinit,
};

claim! {
    "The FP and SIMD registers survive ten thousand hypercalls.";
    vcpus: 1, el2: "memory=128M";
    prove
}

const CALLS: u64 = 10_000;

fn prove() -> Proof {
    let mut pattern = [0; 64];
    for (number, half) in (1..).zip(&mut pattern) {
        *half = 0x0123_4567_89AB_CDEF_u64.wrapping_mul(number);
    }
    let survived = vector_registers::survive(&pattern, CALLS);
    noinit::count_repeated(CALLS);
    line!("{CALLS} calls of PSCI_VERSION with a pattern in q0 to q31");
    expect::holds("q0 to q31", 0, "what they were", survived)
}
