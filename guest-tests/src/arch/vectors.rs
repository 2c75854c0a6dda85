//! Exception vectors: every exception is a crash that was not announced, and a crash always ends.
//!
//! No claim expects an exception but those of `fault`, which say so in TPIDRRO_EL0 and are gone back
//! to; else the vectors never return. They do not trust what they find: not the stack (its overflow may be the reason: the guard page faults), not the MMU. Each CPU counts in
//! TPIDR_EL1 how deep it is: the first crash is reported on a stack of its own; an exception inside
//! the report leaves at once with exit code 126, touching no memory; one inside *that* waits for
//! the runner's time limit.
#![expect(unsafe_code, reason = "exception vectors can only be assembly")]

use core::arch::global_asm;

use crate::crash::{self, Exception, Kind};

global_asm!(
    ".section .text.vectors, \"ax\"",
    ".balign 2048",
    ".global vectors",
    "vectors:",
    ".rept 4", // from SP_EL0, from SP_EL1, from EL0 in AArch64, from EL0 in AArch32
    "   .set kind, 0",
    "   .rept 4", // synchronous, IRQ, FIQ, SError
    "       .balign 128",
    "       mov     x0, #kind",
    "       b       crashed",
    "       .set kind, kind + 1",
    "   .endr",
    ".endr",
    "",
    "crashed:",
    "   mrs     x1, TPIDRRO_EL0",
    "   cbz     x1, 3f",
    "   cbnz    x0, 3f", // only synchronous exceptions are expected
    "   msr     ELR_EL1, x1",
    "   mov     x0, #1",
    "   mrs     x1, ESR_EL1",
    "   mrs     x2, FAR_EL1",
    "   eret",
    "3: mrs     x1, TPIDR_EL1",
    "   add     x1, x1, #1",
    "   msr     TPIDR_EL1, x1",
    "   cmp     x1, #1",
    "   b.hi    1f",
    "   bl      translation_on", // a program may crash while it has the MMU off
    "   bl      stack_base",
    "   add     sp, x16, #0x4, lsl #12",
    "   mrs     x1, ESR_EL1",
    "   mrs     x2, ELR_EL1",
    "   mrs     x3, FAR_EL1",
    "   mov     x29, xzr",
    "   mov     x30, xzr",
    "   b       {report}",
    "",
    ".global leave_crashed",
    "leave_crashed:",
    "   mov     x1, #2",
    "   msr     TPIDR_EL1, x1",
    "1: cmp     x1, #2",
    "   b.hi    2f",
    "   mov     w0, #0x0012", // SYSTEM_RESET2, vendor type 126
    "   movk    w0, #0xc400, lsl #16",
    "   mov     w1, #0x007e",
    "   movk    w1, #0x8000, lsl #16",
    "   mov     x2, xzr",
    "   hvc     #0",
    "   mov     w0, #0x0008", // SYSTEM_OFF
    "   movk    w0, #0x8400, lsl #16",
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

extern "C" fn report(kind: u64, esr: u64, elr: u64, far: u64) -> ! {
    let kind = match kind {
        0 => Kind::Sync,
        1 => Kind::Irq,
        2 => Kind::Fiq,
        _ => Kind::SError,
    };
    crash::exception(&Exception {
        kind,
        esr,
        elr,
        far,
    })
}
