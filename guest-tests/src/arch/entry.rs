//! Where CPUs begin: `_start` for the boot CPU, `secondary_start` for CPU_ON.
//!
//! Both record what they find before they change anything: the counter by their first instruction,
//! then x0 to x3, the exception level, the stack selection, SCTLR_EL1, DAIF and MPIDR_EL1, all kept
//! in registers and handed to Rust as arguments. Then vectors, MMU, FP and a stack; the boot CPU also
//! clears `.bss`. SError is unmasked, so that an external abort is reported where it happens; IRQ and
//! FIQ stay masked for ever.
#![expect(
    unsafe_code,
    reason = "a CPU's first instructions can only be assembly"
)]

use core::arch::global_asm;

use crate::cpus::{self, EntryState};

global_asm!(
    ".section .text.entry, \"ax\"",
    ".global _start",
    "_start:",
    "   mrs     x6, CNTPCT_EL0",
    "   adrp    x9, {boot_cpu}",
    "   add     x9, x9, :lo12:{boot_cpu}",
    "   adrp    x10, __bss_start",
    "   add     x10, x10, :lo12:__bss_start",
    "   b       1f",
    "",
    ".global secondary_start",
    ".global differential_secondary_entry", // the name that the differential run's host looks for
    "secondary_start:",
    "differential_secondary_entry:",
    "   mrs     x6, CNTPCT_EL0",
    "   adrp    x9, {secondary_cpu}",
    "   add     x9, x9, :lo12:{secondary_cpu}",
    "   adrp    x10, __bss_end", // nothing to clear
    "   add     x10, x10, :lo12:__bss_end",
    "",
    "1: mrs     x4, CurrentEL",
    "   mrs     x5, SPSel",
    "   orr     x4, x4, x5",
    "   mrs     x5, DAIF",
    "   orr     x4, x4, x5",
    "   mrs     x5, SCTLR_EL1",
    "   mrs     x7, MPIDR_EL1",
    "",
    "   bl      cpu_setup",
    "   bl      stack_base",
    "   cbz     x16, 3f",
    "   add     sp, x16, #0x10, lsl #12",
    "",
    "   adrp    x11, __bss_end",
    "   add     x11, x11, :lo12:__bss_end",
    "2: cmp     x10, x11",
    "   b.hs    4f",
    "   stp     xzr, xzr, [x10], #16",
    "   b       2b",
    "4: msr     DAIFClr, #4",
    "   mov     x29, xzr",
    "   mov     x30, xzr",
    "   blr     x9",
    "3: wfi", // a CPU beyond the thirty-two with a stack
    "   b       3b",
    "",
    // Everything a CPU needs but a stack. Clobbers x11, x12, x16. Reads and writes no memory.
    ".global cpu_setup",
    "cpu_setup:",
    "   mov     x12, x30",
    "   msr     SPSel, #1",
    "   msr     DAIFSet, #0xf",
    "   adrp    x11, vectors",
    "   add     x11, x11, :lo12:vectors",
    "   msr     VBAR_EL1, x11",
    "   msr     TPIDR_EL1, xzr", // depth of crashes, see `vectors`
    "   msr     TPIDRRO_EL0, xzr", // no exception is expected, see `fault`
    "   mov     x11, #(3 << 20)", // FP and SIMD do not trap
    "   msr     CPACR_EL1, x11",
    "   mov     x11, #((13 << 4) | (1 << 2))", // event stream: WFE wakes every 2^14 ticks
    "   msr     CNTKCTL_EL1, x11",
    "   bl      translation_on",
    "   br      x12",
    "",
    // Out: x16 = lowest address of this CPU's 64 KiB of stacks, or 0. Clobbers x17.
    ".global stack_base",
    "stack_base:",
    "   mrs     x16, MPIDR_EL1",
    "   and     x17, x16, #0xff",
    "   ubfx    x16, x16, #8, #8",
    "   add     x17, x17, x16, lsl #4",
    "   cmp     x17, #{max_cpus}",
    "   b.hs    1f",
    "   adrp    x16, __stacks",
    "   add     x16, x16, x17, lsl #16",
    "   ret",
    "1: mov     x16, xzr",
    "   ret",
    boot_cpu = sym boot_cpu,
    secondary_cpu = sym secondary_cpu,
    max_cpus = const cpus::MAX_CPUS,
);

unsafe extern "C" {
    static secondary_start: [u32; 1];
}

/// The address that CPU_ON is given: the first instruction of a secondary CPU.
#[must_use]
pub fn secondary_entry() -> u64 {
    (&raw const secondary_start).addr() as u64
}

extern "C" fn boot_cpu(
    x0: u64,
    x1: u64,
    x2: u64,
    x3: u64,
    pstate: u64,
    sctlr: u64,
    counter: u64,
    mpidr: u64,
) -> ! {
    crate::run_boot_cpu(EntryState::from_words([
        x0, x1, x2, x3, pstate, sctlr, counter, mpidr,
    ]))
}

extern "C" fn secondary_cpu(
    x0: u64,
    x1: u64,
    x2: u64,
    x3: u64,
    pstate: u64,
    sctlr: u64,
    counter: u64,
    mpidr: u64,
) -> ! {
    cpus::run_secondary(EntryState::from_words([
        x0, x1, x2, x3, pstate, sctlr, counter, mpidr,
    ]))
}
