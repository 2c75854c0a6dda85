//! One call whose maker does nothing afterwards but sleep: what starting a CPU is counted by.
//!
//! Where a clock counts the instructions of all CPUs, whatever the maker did meanwhile would be
//! counted as the started CPU's.
#![expect(
    unsafe_code,
    reason = "only assembly puts nothing between a call and a WFI"
)]

use core::arch::global_asm;

global_asm!(
    ".section .text.start, \"ax\"",
    // In: x0 = x0 to x3 of the call. Out: x0 = CNTPCT_EL0 before the call, x1 = x0 after it.
    ".global call_then_sleep",
    "call_then_sleep:",
    "   str     x19, [sp, #-16]!",
    "   ldp     x2, x3, [x0, #16]",
    "   ldp     x0, x1, [x0]",
    "   isb",
    "   mrs     x19, CNTPCT_EL0",
    "   hvc     #0",
    "   wfi",
    "   mov     x1, x0",
    "   mov     x0, x19",
    "   ldr     x19, [sp], #16",
    "   ret",
);

/// A call, and when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Made {
    /// CNTPCT_EL0, read by the instruction before the call.
    pub counter: u64,
    /// x0 after it.
    pub x0: u64,
}

unsafe extern "C" {
    // Safe to call: it follows the procedure call standard and reads nothing but the array.
    safe fn call_then_sleep(registers: &[u64; 4]) -> Made;
}

/// Makes a call by `hvc #0`, and sleeps until an interrupt is pending, masked or not.
#[must_use]
pub fn call_and_sleep(registers: &[u64; 4]) -> Made {
    call_then_sleep(registers)
}
