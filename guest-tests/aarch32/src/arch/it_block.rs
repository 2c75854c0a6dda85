//! A load that is emulated, in the middle of an IT block.
#![expect(unsafe_code, reason = "no compiler makes such a block on purpose")]

use core::arch::global_asm;

/// Loads the interrupt controller's register at `offset` in the first half of a Thumb IT block whose
/// other half is not to be executed, and goes on behind it.
///
/// Gives 0 if all was done that had to be: 1 is added by the other half, 2 where the instruction behind
/// the block is missing.
#[must_use]
pub fn load_in_it_block(address: u32) -> u32 {
    it_block_load(address)
}

global_asm!(
    ".section .text.it_block, \"ax\"",
    ".thumb",
    ".thumb_func",
    ".global it_block_load",
    "it_block_load:",
    "   movs    r1, #0",
    "   movs    r2, #2",
    "   cmp     r1, r1",
    "   itte    eq",
    "   ldreq   r3, [r0]",
    "   ldreq   r3, [r0]",
    "   movne   r1, #1",
    "   mov     r2, #0",
    "   adds    r0, r1, r2",
    "   bx      lr",
    ".arm",
);

// Safe to call: it follows the procedure call standard, and reads one device register.
unsafe extern "C" {
    safe fn it_block_load(address: u32) -> u32;
}
