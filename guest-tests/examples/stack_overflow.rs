//! Recurses until the guard page: reported as a crash, exit code 126.
#![no_std]
#![no_main]

use core::hint::black_box;

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
};

claim! {
    "A stack overflow is reported as a crash.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    expect::equal("sum", sum(u64::MAX), 0)
}

#[expect(
    unconditional_recursion,
    reason = "the end of the stack is the end of it"
)]
fn sum(count: u64) -> u64 {
    let numbers = black_box([count; 64]);
    numbers[0]
        .wrapping_add(sum(count - 1))
        .wrapping_add(black_box(numbers)[1])
}
