//! The static identity map and the switch that turns it on.
//!
//! The tables are data of the image: nothing has to be written before the MMU is on (see `arch`).
//! 32-bit addresses, 4 KiB granule, starting at level 1:
//!
//! ```text
//! 0x0000_0000   first 2 MiB unmapped (null pointers), then Device-nGnRE, never executable
//! 0x090a_0000     but 64 KiB of it Normal, read-only: where the monitor puts stolen time, which the
//!                 host writes through its caches
//! 0x4000_0000   RAM as linker/guest.ld draws it, Normal write-back, inner shareable
//! 0x8000_0000   the first 2 GiB once more: an alias, for programs that want an
//!               address that is not its own translation
//! ```
//!
//! Descriptors: DDI0487, chapter D8; MAIR_EL1, TCR_EL1, SCTLR_EL1: chapter D24.
#![expect(
    unsafe_code,
    reason = "the tables and the MMU switch can only be assembly"
)]

use core::arch::global_asm;

/// Distance between an address below 2 GiB and its alias.
pub const ALIAS: u64 = 0x8000_0000;

global_asm!(
    // AF, Normal (attribute 1), inner shareable: 0x704. Read-only: 0x80. PXN and UXN: 3 << 53.
    ".set DEVICE_BLOCK,       0x0060000000000401",
    ".set READ_ONLY_BLOCK,    0x0060000000000785",
    ".set EXECUTABLE_BLOCK,   0x0040000000000785",
    ".set READ_WRITE_BLOCK,   0x0060000000000705",
    ".set READ_WRITE_PAGE,    0x0060000000000707",
    ".set READ_ONLY_PAGE,     0x0060000000000787",
    ".set DEVICE_PAGE,        0x0060000000000403",
    "",
    ".section .rodata.translation, \"a\"",
    ".balign 4096",
    "translation_level1:",
    "   .quad translation_devices + 3",
    "   .quad translation_ram + 3",
    "   .quad translation_devices + 3",
    "   .quad translation_ram + 3",
    ".balign 4096",
    "translation_devices:",
    "   .quad 0",
    "   .set address, 0x200000",
    "   .rept 71",
    "       .quad address + DEVICE_BLOCK",
    "       .set address, address + 0x200000",
    "   .endr",
    "   .quad translation_stolen_time + 3",
    "   .set address, address + 0x200000",
    "   .rept 439",
    "       .quad address + DEVICE_BLOCK",
    "       .set address, address + 0x200000",
    "   .endr",
    "translation_ram:",
    "   .quad 0x40000000 + READ_ONLY_BLOCK",
    "   .quad 0x40200000 + EXECUTABLE_BLOCK",
    "   .quad 0x40400000 + READ_WRITE_BLOCK",
    "   .quad translation_stacks + 3",
    "   .set address, 0x40800000",
    "   .rept 508",
    "       .quad address + READ_WRITE_BLOCK",
    "       .set address, address + 0x200000",
    "   .endr",
    "translation_stacks:",
    "   .set address, 0x40600000",
    "   .rept 32",
    "       .quad 0",
    "       .set address, address + 0x1000",
    "       .rept 3",
    "           .quad address + READ_WRITE_PAGE",
    "           .set address, address + 0x1000",
    "       .endr",
    "       .quad 0",
    "       .set address, address + 0x1000",
    "       .rept 11",
    "           .quad address + READ_WRITE_PAGE",
    "           .set address, address + 0x1000",
    "       .endr",
    "   .endr",
    "translation_stolen_time:",
    "   .set address, 0x09000000",
    "   .rept 160",
    "       .quad address + DEVICE_PAGE",
    "       .set address, address + 0x1000",
    "   .endr",
    "   .rept 16",
    "       .quad address + READ_ONLY_PAGE",
    "       .set address, address + 0x1000",
    "   .endr",
    "   .rept 336",
    "       .quad address + DEVICE_PAGE",
    "       .set address, address + 0x1000",
    "   .endr",
    "",
    // In: nothing. Clobbers x30 (as a call does), x16. Reads and writes no memory.
    ".section .text.translation, \"ax\"",
    ".global translation_on",
    "translation_on:",
    "   mov     x16, #0xff04", // attribute 0: Device-nGnRE; 1: Normal, write-back, allocating
    "   msr     MAIR_EL1, x16",
    "   mov     x16, #0x3520", // T0SZ = 32; table walks write-back, inner shareable; 4 KiB
    "   movk    x16, #0x0080, lsl #16", // EPD1: no upper half; IPS = 32 bits
    "   msr     TCR_EL1, x16",
    "   adrp    x16, translation_level1",
    "   msr     TTBR0_EL1, x16",
    "   isb",
    "   tlbi    vmalle1",
    "   dsb     nsh",
    "   isb",
    "   mov     x16, #0x180d", // M, C, SA, I, and the RES1 bits of Armv8.0
    "   movk    x16, #0x30d0, lsl #16",
    "   msr     SCTLR_EL1, x16",
    "   isb",
    "   ret",
);
