//! EL2's own translation: every address is where it is, and nothing is both written and executed.
//!
//! The tables are written by the assembler, so that they are there before the first store. They draw
//! the map of `linker/el2.ld`; guards below the stacks are holes in it. The first GiB is devices,
//! the second RAM; RAM beyond is added, and what is no RAM taken away, when the board has said how
//! much there is. (DDI 0487, D8.3)
#![expect(
    unsafe_code,
    reason = "the tables and the switch to them can only be assembly"
)]

use core::arch::{asm, global_asm};
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::layout::{RAM_BASE, Range};

global_asm!(
    ".section .data.translation, \"aw\"",
    // Valid, access flag, AP[1]; XN where it is not code; MAIR attribute 0 or 1.
    ".set   DEVICE_BLOCK,   (1 << 54) | (1 << 10) | (1 << 6) | 0x1",
    ".set   RAM_BLOCK,      (1 << 54) | (1 << 10) | (3 << 8) | (1 << 6) | (1 << 2) | 0x1",
    ".set   RAM_PAGE,       RAM_BLOCK | 0x2",
    ".set   READ_ONLY_PAGE, RAM_PAGE | (1 << 7)",
    ".set   CODE_PAGE,      (1 << 10) | (3 << 8) | (1 << 7) | (1 << 6) | (1 << 2) | 0x3",
    "",
    ".balign 4096",
    ".global el2_level1",
    "el2_level1:",
    "   .quad   el2_level2_devices + 0x3",
    "   .quad   el2_level2_ram + 0x3",
    "   .zero   8 * 510",
    "",
    "el2_level2_devices:",
    "   .zero   8 * 64",
    "   .set    address, 0x08000000", // to 0x0A00_0000: GIC, UARTs, clock
    "   .rept   16",
    "       .quad   address + DEVICE_BLOCK",
    "       .set    address, address + 0x200000",
    "   .endr",
    "   .zero   8 * 432",
    "",
    ".global el2_level2_ram",
    "el2_level2_ram:",
    "   .quad   0x40000000 + RAM_BLOCK",
    "   .quad   el2_level3 + 0x3",
    "   .set    address, 0x40400000",
    "   .rept   510",
    "       .quad   address + RAM_BLOCK",
    "       .set    address, address + 0x200000",
    "   .endr",
    "",
    ".global el2_level2_last",
    "el2_level2_last:",
    "   .zero   8 * 512",
    "",
    "el2_level3:",
    "   .set    address, 0x40200000",
    "   .rept   32",
    "       .quad   address + CODE_PAGE",
    "       .set    address, address + 0x1000",
    "   .endr",
    "   .rept   16",
    "       .quad   address + READ_ONLY_PAGE",
    "       .set    address, address + 0x1000",
    "   .endr",
    "   .rept   208",
    "       .quad   address + RAM_PAGE",
    "       .set    address, address + 0x1000",
    "   .endr",
    "   .rept   8", // stacks, a CPU each: guard, crash stack, guard, stack
    "       .quad   0",
    "       .quad   address + 0x1000 + RAM_PAGE",
    "       .quad   address + 0x2000 + RAM_PAGE",
    "       .quad   address + 0x3000 + RAM_PAGE",
    "       .quad   0",
    "       .set    page, 0x5000",
    "       .rept   11",
    "           .quad   address + page + RAM_PAGE",
    "           .set    page, page + 0x1000",
    "       .endr",
    "       .set    address, address + 0x10000",
    "   .endr",
    "   .zero   8 * 128",
    "",
    // Clobbers x1. Reads and writes no memory.
    ".section .text.translation, \"ax\"",
    ".global el2_translation_on",
    "el2_translation_on:",
    "   mov     x1, #0xff04", // attribute 0: Device-nGnRE; 1: Normal, write-back, allocating
    "   msr     MAIR_EL2, x1",
    "   mov     x1, #0x3519", // T0SZ = 25; walks write-back, inner shareable; 4 KiB
    "   movk    x1, #0x8082, lsl #16", // RES1; PS = 40 bits
    "   msr     TCR_EL2, x1",
    "   adrp    x1, el2_level1",
    "   msr     TTBR0_EL2, x1",
    "   isb",
    "   tlbi    alle2",
    "   ic      iallu",
    "   dsb     nsh",
    "   isb",
    "   mov     x1, #0x183d",          // M, C, SA, I, and RES1
    "   movk    x1, #0x30cd, lsl #16", // WXN, and RES1
    "   msr     SCTLR_EL2, x1",
    "   isb",
    "   ret",
);

unsafe extern "C" {
    /// A GiB each, from address 0.
    safe static el2_level1: [AtomicU64; 512];
    /// 2 MiB each, from 0x4000_0000.
    safe static el2_level2_ram: [AtomicU64; 512];
    /// 2 MiB each, of the last GiB that has RAM, if that is another.
    safe static el2_level2_last: [AtomicU64; 512];
}

/// Maps exactly the board's RAM. By the boot CPU, before any other runs.
pub(crate) fn fit(ram: Range) {
    fill(&el2_level2_ram, RAM_BASE, ram);
    for (number, entry) in (0..).zip(&el2_level1).skip(2) {
        let (start, end) = (number * GIB, (number + 1) * GIB);
        if end <= ram.end() {
            entry.store(start | RAM_BLOCK, Ordering::Relaxed);
        } else if start < ram.end() {
            fill(&el2_level2_last, start, ram);
            let table = ptr::from_ref(&el2_level2_last).addr() as u64;
            entry.store(table | TABLE, Ordering::Relaxed);
        }
    }
    // SAFETY: The entries that changed map nothing that is in use: RAM that was not mapped before,
    // or addresses that are no RAM. The barriers order the stores above before the walks after it.
    unsafe {
        asm!(
            "dsb ishst",
            "tlbi alle2is",
            "dsb ish",
            "isb",
            options(nostack, preserves_flags)
        );
    }
}

/// Maps what of a GiB is RAM, in blocks; what is mapped more finely already stays so.
fn fill(table: &[AtomicU64; 512], start: u64, ram: Range) {
    for (number, entry) in (0..).zip(table) {
        let address = start + number * BLOCK;
        let descriptor = if address < ram.end() {
            address | RAM_BLOCK
        } else {
            0
        };
        if entry.load(Ordering::Relaxed) & TABLE != TABLE {
            entry.store(descriptor, Ordering::Relaxed);
        }
    }
}

const GIB: u64 = 1 << 30;
const BLOCK: u64 = 0x20_0000;
const TABLE: u64 = 0b11;
/// As in the tables above.
const RAM_BLOCK: u64 = 1 << 54 | 1 << 10 | 3 << 8 | 1 << 6 | 1 << 2 | 1;
