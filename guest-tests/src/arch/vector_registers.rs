//! The FP and SIMD registers over many calls.
#![expect(
    unsafe_code,
    reason = "no compiler keeps a value in a vector register over a call"
)]

use core::arch::global_asm;

/// Fills q0 to q31 with `pattern`, makes so many calls of PSCI_VERSION, and says whether all are what
/// they were.
#[must_use]
pub fn survive(pattern: &[u64; 64], calls: u64) -> bool {
    let mut found = [0; 64];
    vector_registers_over_calls(pattern, calls, &mut found);
    found == *pattern
}

macro_rules! each_pair {
    ($instruction:literal, $base:literal) => {
        concat!(
            ".irp n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30\n",
            "   vector_pair ",
            $instruction,
            ", \\n, ",
            $base,
            "\n.endr"
        )
    };
}

global_asm!(
    ".macro vector_pair instruction, n, base",
    "   .set    next, \\n + 1",
    "   vector_pair_of \\instruction, \\n, %next, \\base",
    ".endm",
    ".altmacro",
    ".macro vector_pair_of instruction, n, next, base",
    "   \\instruction q\\n, q\\next, [\\base, #16 * \\n]",
    ".endm",
    ".section .text.vector_registers, \"ax\"",
    ".global vector_registers_over_calls",
    // In: x0 = the pattern, x1 = how many, x2 = where to. q8 to q15 are the caller's.
    "vector_registers_over_calls:",
    "   stp     d8, d9, [sp, #-96]!",
    "   stp     d10, d11, [sp, #16]",
    "   stp     d12, d13, [sp, #32]",
    "   stp     d14, d15, [sp, #48]",
    "   stp     x19, x20, [sp, #64]",
    "   str     x30, [sp, #80]",
    "   mov     x19, x1",
    "   mov     x20, x2",
    each_pair!("ldp", "x0"),
    "1: cbz     x19, 2f",
    "   mov     w0, #0x84000000",
    "   hvc     #0",
    "   sub     x19, x19, #1",
    "   b       1b",
    "2: ",
    each_pair!("stp", "x20"),
    "   ldr     x30, [sp, #80]",
    "   ldp     x19, x20, [sp, #64]",
    "   ldp     d14, d15, [sp, #48]",
    "   ldp     d12, d13, [sp, #32]",
    "   ldp     d10, d11, [sp, #16]",
    "   ldp     d8, d9, [sp], #96",
    "   ret",
    ".noaltmacro",
);

// Safe to call: it follows the procedure call standard and writes nothing but the last array.
unsafe extern "C" {
    safe fn vector_registers_over_calls(pattern: &[u64; 64], calls: u64, found: &mut [u64; 64]);
}
