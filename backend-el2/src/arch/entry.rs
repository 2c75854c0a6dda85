//! Where CPUs begin: the head of the arm64 Image, and the entry of the CPUs that it starts.
//!
//! Both keep everything in registers until the MMU and the caches are on, so that no CPU ever sees
//! RAM otherwise than cached and coherent; all that is written before are EL2's own tables. (Linux,
//! Documentation/arch/arm64/booting.rst)
#![expect(
    unsafe_code,
    reason = "a CPU's first instructions can only be assembly"
)]

use core::arch::global_asm;

use super::vectors::Frame;
use crate::boot;
use crate::layout::MAX_CPUS;

global_asm!(
    ".section .text.header, \"ax\"",
    ".global _start",
    "_start:",
    "   b       boot_start",
    "   .long   0",
    "   .quad   0x200000", // text_offset: `linker/el2.ld`
    "   .quad   __image_end - _start",
    "   .quad   0x2", // little-endian, pages of 4 KiB
    "   .quad   0, 0, 0",
    "   .ascii  \"ARM\\x64\"",
    "   .long   0",
    "",
    ".section .text.entry, \"ax\"",
    "boot_start:",
    "   msr     DAIFSet, #0xf",
    "   adr     x1, _start",
    "   mov     x2, #0x40200000",
    "   cmp     x1, x2",
    "   b.ne    2f", // not where it was linked: nothing here can be relied on
    "   mrs     x1, CurrentEL",
    "   cmp     x1, #(2 << 2)",
    "   b.ne    3f",
    "   mov     x19, x0",
    "   mov     x20, #0",
    "   bl      el2_translation_draw",
    "   bl      el2_on",
    "",
    "   adrp    x1, __bss_start",
    "   add     x1, x1, :lo12:__bss_start",
    "   adrp    x2, __bss_end",
    "   add     x2, x2, :lo12:__bss_end",
    "1: cmp     x1, x2",
    "   b.hs    4f",
    "   stp     xzr, xzr, [x1], #16",
    "   b       1b",
    "4: mov     x0, x19",
    "   b       {boot}",
    "",
    // Tells the board's own UART that this is not EL2.
    "3: adr     x1, not_el2",
    "   mov     x2, #0x09000000",
    "5: ldrb    w3, [x1], #1",
    "   cbz     w3, 2f",
    "   str     w3, [x2]",
    "   b       5b",
    "2: wfi",
    "   b       2b",
    "not_el2:",
    "   .asciz  \"vambrace-el2: error: this is not EL2: add virtualization=on to QEMU's -M\\r\\n\"",
    "   .balign 4",
    "",
    // x0 is the CPU's index, as CPU_ON was told.
    ".global secondary_start",
    "secondary_start:",
    "   msr     DAIFSet, #0xf",
    "   mov     x20, x0",
    "   bl      el2_on",
    "   mov     x0, x20",
    "   b       {secondary}",
    "",
    // In: x20 = the CPU's index. Out: SP, TPIDR_EL2, and EL2 with its MMU on. Clobbers x1 to x3.
    "el2_on:",
    "   mov     x3, x30",
    "   msr     SPSel, #1",
    "   msr     TPIDR_EL2, x20",
    "   mov     x1, #(1 << 31)", // EL1 is AArch64; E2H, TGE and all traps are off
    "   msr     HCR_EL2, x1",
    "   isb", // CPTR_EL2 has another layout where E2H was on
    "   mov     x1, #0x33ff", // FP does not trap; SVE and SME do where they are
    "   msr     CPTR_EL2, x1",
    "   adrp    x1, el2_vectors",
    "   add     x1, x1, :lo12:el2_vectors",
    "   msr     VBAR_EL2, x1",
    "   bl      el2_translation_on",
    "   adrp    x1, __stacks",
    "   add     x1, x1, x20, lsl #16",
    "   add     x1, x1, #0x10, lsl #12",
    "   sub     sp, x1, #{frame}", // above it is the guest's frame: `vectors`
    "   mov     x29, xzr",
    "   mov     x30, xzr",
    "   br      x3",
    boot = sym boot_cpu,
    secondary = sym secondary_cpu,
    frame = const size_of::<Frame>(),
);

unsafe extern "C" {
    static secondary_start: [u32; 1];
}

/// The address that the board's CPU_ON is given.
pub(crate) fn secondary_entry() -> u64 {
    (&raw const secondary_start).addr() as u64
}

extern "C" fn boot_cpu(device_tree: u64) -> ! {
    boot::boot_cpu(device_tree)
}

extern "C" fn secondary_cpu(index: u64) -> ! {
    boot::secondary_cpu((index % MAX_CPUS as u64) as usize)
}
