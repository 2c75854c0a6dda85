//! A call that powers its CPU down, and the way back.
//!
//! CPU_SUSPEND to a powerdown state, SYSTEM_SUSPEND and CPU_DEFAULT_SUSPEND lose every register and
//! begin again at an entry point (DEN0022 §6.4). [`call`] saves what the procedure call standard
//! promises its caller on the stack, the stack pointer in the lowest word of that stack, makes
//! the call, and comes back either way: behind the `hvc`, or by `resume_start`, which keeps what it
//! found in registers until the MMU is on, as every entry does.
#![expect(
    unsafe_code,
    reason = "losing and finding a CPU's registers can only be assembly"
)]

use core::arch::global_asm;

use crate::{arch::conduit::REGISTERS, cpus::EntryState};

/// How a call came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Behind the instruction.
    Returned,
    /// At the entry point, in this state.
    Resumed(EntryState),
}

global_asm!(
    ".section .text.suspend, \"ax\"",
    // x0: x0 to x17 of the call. x1: eight words for the state at the entry. Out: 0 if it returned,
    // 1 if it resumed.
    ".global suspend_call",
    "suspend_call:",
    "   stp     x29, x30, [sp, #-176]!",
    "   stp     x19, x20, [sp, #16]",
    "   stp     x21, x22, [sp, #32]",
    "   stp     x23, x24, [sp, #48]",
    "   stp     x25, x26, [sp, #64]",
    "   stp     x27, x28, [sp, #80]",
    "   stp     d8, d9, [sp, #96]",
    "   stp     d10, d11, [sp, #112]",
    "   stp     d12, d13, [sp, #128]",
    "   stp     d14, d15, [sp, #144]",
    "   stp     x0, x1, [sp, #160]",
    "   bl      stack_base",
    "   mov     x17, sp",
    "   str     x17, [x16, #0x5000]",
    "   bl      conduit_hvc",
    "   mov     x0, #0",
    "   b       1f",
    "",
    ".global resume_start",
    "resume_start:",
    "   mrs     x6, CNTPCT_EL0",
    "   mrs     x4, CurrentEL",
    "   mrs     x5, SPSel",
    "   orr     x4, x4, x5",
    "   mrs     x5, DAIF",
    "   orr     x4, x4, x5",
    "   mrs     x5, SCTLR_EL1",
    "   mrs     x7, MPIDR_EL1",
    "   bl      cpu_setup",
    "   bl      stack_base",
    "   ldr     x17, [x16, #0x5000]",
    "   mov     sp, x17",
    "   msr     DAIFClr, #4",
    "   ldr     x8, [sp, #168]",
    "   stp     x0, x1, [x8]",
    "   stp     x2, x3, [x8, #16]",
    "   stp     x4, x5, [x8, #32]",
    "   stp     x6, x7, [x8, #48]",
    "   mov     x0, #1",
    "",
    "1: ldp     x19, x20, [sp, #16]",
    "   ldp     x21, x22, [sp, #32]",
    "   ldp     x23, x24, [sp, #48]",
    "   ldp     x25, x26, [sp, #64]",
    "   ldp     x27, x28, [sp, #80]",
    "   ldp     d8, d9, [sp, #96]",
    "   ldp     d10, d11, [sp, #112]",
    "   ldp     d12, d13, [sp, #128]",
    "   ldp     d14, d15, [sp, #144]",
    "   ldp     x29, x30, [sp], #176",
    "   ret",
);

unsafe extern "C" {
    // Safe to call: it follows the procedure call standard whichever way it comes back, and touches
    // nothing but the arrays and this CPU's stack.
    safe fn suspend_call(registers: &mut [u64; REGISTERS], entry: &mut [u64; 8]) -> u64;

    static resume_start: [u32; 1];
}

/// Makes a call by `hvc #0` that may come back at [`resume_entry`], if that is its entry point.
pub fn call(registers: &mut [u64; REGISTERS]) -> Way {
    let mut words = [0; 8];
    if suspend_call(registers, &mut words) == 0 {
        return Way::Returned;
    }
    Way::Resumed(EntryState::from_words(words))
}

/// The entry point of calls made by [`call`].
#[must_use]
pub fn resume_entry() -> u64 {
    (&raw const resume_start).addr() as u64
}
