//! One instruction many times with next to nothing between: what a bench counts.
//!
//! Beside the instruction itself a round is six others for a call and two for a load.
#![expect(
    unsafe_code,
    reason = "only assembly puts nothing between two calls or two loads"
)]

use core::arch::global_asm;

global_asm!(
    ".section .text.repeat, \"ax\"",
    // In: x0 = how often, x1 = x0 to x3 of every call. Out: x0 of the last one.
    ".global repeat_hvc",
    "repeat_hvc:",
    "   stp     x29, x30, [sp, #-64]!",
    "   stp     x19, x20, [sp, #16]",
    "   stp     x21, x22, [sp, #32]",
    "   str     x23, [sp, #48]",
    "   mov     x19, x0",
    "   ldp     x20, x21, [x1]",
    "   ldp     x22, x23, [x1, #16]",
    "1: mov     x0, x20",
    "   mov     x1, x21",
    "   mov     x2, x22",
    "   mov     x3, x23",
    "   hvc     #0",
    "   subs    x19, x19, #1",
    "   b.ne    1b",
    "   ldr     x23, [sp, #48]",
    "   ldp     x21, x22, [sp, #32]",
    "   ldp     x19, x20, [sp, #16]",
    "   ldp     x29, x30, [sp], #64",
    "   ret",
    "",
    // In: x0 = how often, x1 = a device's register. Out: x0 = what the last load found.
    ".global repeat_load",
    "repeat_load:",
    "1: ldr     w2, [x1]",
    "   subs    x0, x0, #1",
    "   b.ne    1b",
    "   mov     w0, w2",
    "   ret",
);

unsafe extern "C" {
    safe fn repeat_hvc(count: u64, registers: &[u64; 4]) -> u64;
    fn repeat_load(count: u64, address: u64) -> u64;
}

/// Makes a call by `hvc #0` `count` times, at least once; x0 after the last.
#[must_use]
pub fn hvc(count: u64, registers: &[u64; 4]) -> u64 {
    repeat_hvc(count.max(1), registers)
}

/// Reads the UART's flags (UARTFR) `count` times, at least once; what the last one found.
#[must_use]
pub fn read_uart_flags(count: u64) -> u64 {
    // SAFETY: The machine has a PL011 at 0x0900_0000, mapped as device memory; reading its flags has
    // no effect.
    unsafe { repeat_load(count.max(1), 0x0900_0018) }
}
