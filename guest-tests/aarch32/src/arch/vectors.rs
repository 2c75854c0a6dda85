//! Exception vectors: every exception is a crash, and a crash always ends.
//!
//! No claim expects an exception, so the vectors never return. Each CPU counts in TPIDRPRW how deep it
//! is: the first crash is reported on a stack of its own; an exception inside the report leaves at
//! once with exit code 126, touching no memory; one inside *that* waits for the time limit.
#![expect(unsafe_code, reason = "exception vectors can only be assembly")]

use core::arch::global_asm;

use crate::crash::{self, Exception};

global_asm!(
    ".section .text.vectors, \"ax\"",
    ".arm",
    ".balign 32",
    ".global vectors",
    "vectors:",
    "   b       .", // not used
    "   b       2f",
    "   b       3f",
    "   b       4f",
    "   b       5f",
    "   b       .", // not used
    "   b       6f",
    "   b       7f",
    "2: mov     r0, #1",
    "   b       crashed",
    "3: mov     r0, #2",
    "   b       crashed",
    "4: mov     r0, #3",
    "   mrc     p15, 0, r2, c5, c0, 1", // IFSR
    "   mrc     p15, 0, r3, c6, c0, 2", // IFAR
    "   b       crashed",
    "5: mov     r0, #4",
    "   mrc     p15, 0, r2, c5, c0, 0", // DFSR
    "   mrc     p15, 0, r3, c6, c0, 0", // DFAR
    "   b       crashed",
    "6: mov     r0, #5",
    "   b       crashed",
    "7: mov     r0, #6",
    "",
    "crashed:",
    "   mov     r1, lr",
    "   cpsid   aif, #0x13",
    "   mrc     p15, 0, r4, c13, c0, 4",
    "   add     r4, r4, #1",
    "   mcr     p15, 0, r4, c13, c0, 4",
    "   cmp     r4, #1",
    "   bhi     1f",
    "   mrc     p15, 0, r5, c0, c0, 5", // MPIDR
    "   and     r5, r5, #0xff",
    "   movw    sp, #:lower16:__stacks",
    "   movt    sp, #:upper16:__stacks",
    "   add     sp, sp, #0x10000",
    "   add     sp, sp, r5, lsl #16",
    "   mov     lr, #0",
    "   movw    r4, #:lower16:{report}",
    "   movt    r4, #:upper16:{report}",
    "   bx      r4",
    "",
    ".arch_extension virt",
    ".global leave_crashed",
    "leave_crashed:",
    "   mov     r4, #2",
    "   mcr     p15, 0, r4, c13, c0, 4",
    "1: cmp     r4, #2",
    "   bhi     2f",
    "   movw    r0, #0x0012", // SYSTEM_RESET2, vendor type 126
    "   movt    r0, #0x8400",
    "   movw    r1, #0x007e",
    "   movt    r1, #0x8000",
    "   mov     r2, #0",
    "   hvc     #0",
    "   movw    r0, #0x0008", // SYSTEM_OFF
    "   movt    r0, #0x8400",
    "   hvc     #0",
    "2: wfi",
    "   b       2b",
    report = sym report,
);

unsafe extern "C" {
    safe fn leave_crashed() -> !;
}

/// Leaves the machine with exit code 126 without touching memory.
pub fn leave() -> ! {
    leave_crashed()
}

extern "C" fn report(kind: u32, link: u32, status: u32, address: u32) -> ! {
    crash::exception(&Exception {
        kind: match kind {
            1 => "undefined",
            2 => "svc",
            3 => "prefetch-abort",
            4 => "data-abort",
            5 => "irq",
            _ => "fiq",
        },
        link,
        // Only the aborts have them.
        fault: (3..=4).contains(&kind).then_some((status, address)),
    })
}
