//! The way from the guest to here and back.
//!
//! While the guest runs, SP_EL2 points to the [`Frame`] above this CPU's stack. A vector
//! saves x0 to x30 there, calls a function with it, and the way back loads what the function made
//! of it. Nothing else is saved: the other registers of EL1 and EL0, FP and SIMD among them, are
//! not used at EL2. An exception that comes from EL2 itself is a crash, told on a stack of its own.
#![expect(unsafe_code, reason = "exception vectors can only be assembly")]

use core::arch::global_asm;
use core::ptr;

use crate::{crash, exits, interrupts};

/// The guest's general-purpose registers.
#[derive(Debug)]
#[repr(C, align(16))]
pub(crate) struct Frame {
    /// x0 to x30.
    pub(crate) x: [u64; 31],
}

global_asm!(
    ".macro vector_from_guest handler",
    "   .balign 128",
    "   stp     x0, x1, [sp]",
    "   stp     x2, x3, [sp, #16]",
    "   stp     x4, x5, [sp, #32]",
    "   stp     x6, x7, [sp, #48]",
    "   stp     x8, x9, [sp, #64]",
    "   stp     x10, x11, [sp, #80]",
    "   stp     x12, x13, [sp, #96]",
    "   stp     x14, x15, [sp, #112]",
    "   stp     x16, x17, [sp, #128]",
    "   stp     x18, x19, [sp, #144]",
    "   stp     x20, x21, [sp, #160]",
    "   stp     x22, x23, [sp, #176]",
    "   stp     x24, x25, [sp, #192]",
    "   stp     x26, x27, [sp, #208]",
    "   stp     x28, x29, [sp, #224]",
    "   str     x30, [sp, #240]",
    "   mov     x0, sp",
    "   bl      \\handler",
    "   b       back_to_guest",
    ".endm",
    "",
    ".section .text.vectors, \"ax\"",
    ".balign 2048",
    ".global el2_vectors",
    "el2_vectors:",
    "   .set    kind, 0",
    "   .rept   8", // from EL2, with SP_EL0 and with SP_EL2
    "       .balign 128",
    "       mov     x18, #kind",
    "       b       own_exception",
    "       .set    kind, kind + 1",
    "   .endr",
    "   vector_from_guest {synchronous}", // from AArch64
    "   vector_from_guest {interrupt}",
    "   vector_from_guest {interrupt}",
    "   vector_from_guest {system_error}",
    "   vector_from_guest {synchronous}", // from AArch32
    "   vector_from_guest {interrupt}",
    "   vector_from_guest {interrupt}",
    "   vector_from_guest {system_error}",
    "",
    "own_exception:",
    "   mrs     x0, TPIDR_EL2",
    "   and     x0, x0, #7",
    "   adrp    x1, __stacks",
    "   add     x1, x1, x0, lsl #16",
    "   add     sp, x1, #0x4, lsl #12",
    "   mov     x0, x18",
    "   mrs     x1, ESR_EL2",
    "   mrs     x2, ELR_EL2",
    "   mrs     x3, FAR_EL2",
    "   mov     x29, xzr",
    "   mov     x30, xzr",
    "   b       {own_exception}",
    "",
    // In: x0 = the frame.
    ".global enter_guest",
    "enter_guest:",
    "   mov     sp, x0",
    "back_to_guest:",
    "   ldp     x2, x3, [sp, #16]",
    "   ldp     x4, x5, [sp, #32]",
    "   ldp     x6, x7, [sp, #48]",
    "   ldp     x8, x9, [sp, #64]",
    "   ldp     x10, x11, [sp, #80]",
    "   ldp     x12, x13, [sp, #96]",
    "   ldp     x14, x15, [sp, #112]",
    "   ldp     x16, x17, [sp, #128]",
    "   ldp     x18, x19, [sp, #144]",
    "   ldp     x20, x21, [sp, #160]",
    "   ldp     x22, x23, [sp, #176]",
    "   ldp     x24, x25, [sp, #192]",
    "   ldp     x26, x27, [sp, #208]",
    "   ldp     x28, x29, [sp, #224]",
    "   ldr     x30, [sp, #240]",
    "   ldp     x0, x1, [sp]",
    "   eret",
    "   dsb     nsh", // nothing is speculated beyond this
    "   isb",
    synchronous = sym synchronous,
    interrupt = sym interrupt,
    system_error = sym system_error,
    own_exception = sym own_exception,
);

unsafe extern "C" {
    fn enter_guest(frame: *mut Frame) -> !;
}

/// Enters the guest for the first time on this CPU, with these registers.
pub(crate) fn enter(frame: Frame) -> ! {
    let top = STACKS + (super::cpu::index() as u64 + 1) * STACK_SIZE;
    let place = top as usize - size_of::<Frame>();
    let place = ptr::with_exposed_provenance_mut::<Frame>(place);
    // SAFETY: The place is mapped, aligned and this CPU's; its stack has begun below it (`entry`).
    unsafe { place.write(frame) };
    // SAFETY: What is on this CPU's stack is left for ever. From here on the frame is the vectors'.
    unsafe { enter_guest(place) }
}

extern "C" fn synchronous(frame: &mut Frame) {
    exits::synchronous(frame);
}

extern "C" fn interrupt(frame: &mut Frame) {
    interrupts::from_guest(frame);
}

extern "C" fn system_error(frame: &mut Frame) {
    exits::system_error(frame);
}

extern "C" fn own_exception(kind: u64, esr: u64, elr: u64, far: u64) -> ! {
    crash::exception(kind, esr, elr, far)
}

/// `linker/el2.ld`.
const STACKS: u64 = 0x4030_0000;
const STACK_SIZE: u64 = 0x1_0000;
