//! An entry for more CPUs than have stacks: each says which it is, and goes off.
#![expect(
    unsafe_code,
    reason = "a CPU's first instructions can only be assembly"
)]

use core::arch::global_asm;

global_asm!(
    ".section .text.crowd, \"ax\"",
    // x0: where MPIDR_EL1 is to be written. Then CPU_OFF, which does not return.
    ".global crowd_start",
    "crowd_start:",
    "   mov     x9, x0",
    "   bl      cpu_setup",
    "   mrs     x10, MPIDR_EL1",
    "   stlr    x10, [x9]",
    "   mov     w0, #0x0002",
    "   movk    w0, #0x8400, lsl #16",
    "   hvc     #0",
    "1: wfi",
    "   b       1b",
);

unsafe extern "C" {
    static crowd_start: [u32; 1];
}

/// The entry point, whose context is the address of a word for the CPU's MPIDR_EL1. The CPU goes off by
/// a call that nobody counts.
#[must_use]
pub fn entry() -> u64 {
    (&raw const crowd_start).addr() as u64
}
