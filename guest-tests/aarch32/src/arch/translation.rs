//! The static section table and the switch that turns it on.
//!
//! Short descriptors, one of 1 MiB for each entry, each address its own translation:
//!
//! ```text
//! 0x0000_0000   first 1 MiB unmapped (null pointers), then Device, never executable
//! 0x4000_0000   RAM as linker/guest-aarch32.ld draws it, Normal write-back, shareable
//! 0x8000_0000   unmapped
//! ```
//!
//! Descriptors: DDI0406, chapter B3.5; TTBR0, TTBCR, DACR, SCTLR: chapter B4.1.
#![expect(
    unsafe_code,
    reason = "the table and the MMU switch can only be assembly"
)]

use core::arch::global_asm;

global_asm!(
    // Section 0x2, privileged AP[1:0] 0x400; Normal, write-back, allocating, shareable 0x1100c;
    // Device 0x4. Never executable: 0x10. Read-only: 0x8000.
    ".set DEVICE,     0x00416",
    ".set READ_WRITE, 0x1141e",
    ".set EXECUTABLE, 0x1940e",
    "",
    ".section .rodata.translation, \"a\"",
    ".balign 16384",
    "section_table:",
    "   .word 0",
    "   .set address, 0x00100000",
    "   .rept 1023",
    "       .word address + DEVICE",
    "       .set address, address + 0x100000",
    "   .endr",
    "   .word 0x40000000 + READ_WRITE",
    "   .word 0x40100000 + READ_WRITE",
    "   .word 0x40200000 + EXECUTABLE",
    "   .word 0x40300000 + EXECUTABLE",
    "   .word 0x40400000 + READ_WRITE",
    "   .word 0",
    "   .set address, 0x40600000",
    "   .rept 1018",
    "       .word address + READ_WRITE",
    "       .set address, address + 0x100000",
    "   .endr",
    "   .fill 2048, 4, 0",
    "",
    // In: nothing. Clobbers lr (as a call does), r11. Reads and writes no memory.
    ".section .text.translation, \"ax\"",
    ".arm",
    ".global translation_on",
    "translation_on:",
    "   movw    r11, #:lower16:section_table",
    "   movt    r11, #:upper16:section_table",
    "   orr     r11, r11, #0x4a", // table walks write-back, allocating, shareable
    "   mcr     p15, 0, r11, c2, c0, 0", // TTBR0
    "   mov     r11, #0",
    "   mcr     p15, 0, r11, c2, c0, 2", // TTBCR: TTBR0 for all addresses, short descriptors
    "   mcr     p15, 0, r11, c8, c7, 0", // TLBIALL
    "   mcr     p15, 0, r11, c7, c5, 0", // ICIALLU
    "   mcr     p15, 0, r11, c7, c5, 6", // BPIALL
    "   mov     r11, #1",
    "   mcr     p15, 0, r11, c3, c0, 0", // DACR: domain 0 by its permissions
    "   dsb     sy",
    "   isb",
    "   mrc     p15, 0, r11, c1, c0, 0", // SCTLR
    "   orr     r11, r11, #0x1000",      // I
    "   orr     r11, r11, #0x0005",      // C and M
    "   bic     r11, r11, #0x70000000",  // AFE, TRE; exceptions are taken in A32
    "   mcr     p15, 0, r11, c1, c0, 0",
    "   isb",
    "   bx      lr",
);
