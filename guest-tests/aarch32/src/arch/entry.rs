//! Where CPUs begin: `_start` for the boot CPU, one entry in A32 and one in T32 for CPU_ON.
//!
//! All record what they find before they change anything: r0 to r3, CPSR, SCTLR and MPIDR, and, since
//! CPSR.T cannot be read, which entry's instructions ran. Decoded as A32, the first words of the T32
//! entry are no sensible program: a CPU that reports from there was in Thumb state.
#![expect(
    unsafe_code,
    reason = "a CPU's first instructions can only be assembly"
)]

use core::arch::global_asm;

use crate::cpus::{self, EntryState};

global_asm!(
    ".section .text.entry, \"ax\"",
    ".arm",
    ".global _start",
    "_start:",
    "   movw    r8, #:lower16:{boot_cpu}",
    "   movt    r8, #:upper16:{boot_cpu}",
    "   movw    r9, #:lower16:__bss_start",
    "   movt    r9, #:upper16:__bss_start",
    "   mov     r7, #0",
    "   b       begin",
    "",
    ".global secondary_start",
    "secondary_start:",
    "   mov     r7, #0",
    "secondary:",
    "   movw    r8, #:lower16:{secondary_cpu}",
    "   movt    r8, #:upper16:{secondary_cpu}",
    "   movw    r9, #:lower16:__bss_end", // nothing to clear
    "   movt    r9, #:upper16:__bss_end",
    "",
    "begin:",
    "   mrs     r4, cpsr",
    "   mrc     p15, 0, r5, c1, c0, 0", // SCTLR
    "   mrc     p15, 0, r6, c0, c0, 5", // MPIDR
    "",
    "   cpsid   aif, #0x13", // SVC mode
    "   movw    r11, #:lower16:vectors",
    "   movt    r11, #:upper16:vectors",
    "   mcr     p15, 0, r11, c12, c0, 0", // VBAR
    "   mov     r11, #0",
    "   mcr     p15, 0, r11, c13, c0, 4", // TPIDRPRW: depth of crashes, see `vectors`
    "   mov     r11, #0xd4", // CNTKCTL: event stream, WFE wakes every 2^14 ticks
    "   mcr     p15, 0, r11, c14, c1, 0",
    "   bl      translation_on",
    "",
    "   and     r11, r6, #0xff",
    "   cmp     r11, #{max_cpus}",
    "   bhs     3f",
    "   movw    sp, #:lower16:__stacks",
    "   movt    sp, #:upper16:__stacks",
    "   add     sp, sp, #0xf000",
    "   add     sp, sp, r11, lsl #16",
    "   movw    r10, #:lower16:__bss_end",
    "   movt    r10, #:upper16:__bss_end",
    "   mov     r11, #0",
    "2: cmp     r9, r10",
    "   strlo   r11, [r9], #4",
    "   blo     2b",
    "   cpsie   a", // an external abort is reported where it happens
    "   push    {{r4-r7}}", // the fifth argument and on
    "   mov     lr, #0",
    "   bx      r8",
    "3: wfi", // a CPU beyond the four with a stack
    "   b       3b",
    "",
    ".thumb",
    ".balign 4",
    ".global secondary_start_thumb",
    ".thumb_func",
    "secondary_start_thumb:",
    "   movs    r7, #1",
    "   movw    r8, #:lower16:secondary",
    "   movt    r8, #:upper16:secondary",
    "   bx      r8",
    ".arm",
    boot_cpu = sym boot_cpu,
    secondary_cpu = sym secondary_cpu,
    max_cpus = const cpus::MAX_CPUS,
);

unsafe extern "C" {
    static secondary_start: [u32; 1];
    static secondary_start_thumb: [u16; 1];
}

/// The address of a secondary CPU's first instruction, in A32.
#[must_use]
pub fn a32_entry() -> u32 {
    (&raw const secondary_start).addr() as u32
}

/// The same in T32: bit 0 says so, as for every branch between the two (DEN0022 §5.1.4).
#[must_use]
pub fn thumb_entry() -> u32 {
    (&raw const secondary_start_thumb).addr() as u32 | 1
}

extern "C" fn boot_cpu(
    r0: u32,
    r1: u32,
    r2: u32,
    r3: u32,
    cpsr: u32,
    sctlr: u32,
    mpidr: u32,
    thumb: u32,
) -> ! {
    crate::run_boot_cpu(EntryState {
        r: [r0, r1, r2, r3],
        cpsr,
        sctlr,
        mpidr,
        thumb,
    })
}

extern "C" fn secondary_cpu(
    r0: u32,
    r1: u32,
    r2: u32,
    r3: u32,
    cpsr: u32,
    sctlr: u32,
    mpidr: u32,
    thumb: u32,
) -> ! {
    cpus::run_secondary(EntryState {
        r: [r0, r1, r2, r3],
        cpsr,
        sctlr,
        mpidr,
        thumb,
    })
}
