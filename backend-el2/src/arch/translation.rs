//! EL2's own translation: every address is where it is, and nothing is both written and executed.
//!
//! The map is a few rows; the tables that they stand for are no part of the image. The boot CPU draws
//! them before its MMU is on, where nothing else is written. They follow `linker/el2.ld` by its
//! symbols; guards below the stacks are holes in it. The first GiB is devices, the second RAM; RAM
//! beyond is added, and what is no RAM taken away, when the board has said how much there is. (DDI
//! 0487, D8.3)
#![expect(
    unsafe_code,
    reason = "the tables and the switch to them can only be assembly"
)]

use core::arch::{asm, global_asm};
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::layout::{RAM_BASE, Range};

global_asm!(
    // Valid, access flag, AP[1]; XN where it is not code; MAIR attribute 0 or 1.
    ".set   DEVICE_BLOCK,   (1 << 54) | (1 << 10) | (1 << 6) | 0x1",
    ".set   RAM_BLOCK,      (1 << 54) | (1 << 10) | (3 << 8) | (1 << 6) | (1 << 2) | 0x1",
    ".set   RAM_PAGE,       RAM_BLOCK | 0x2",
    ".set   READ_ONLY_PAGE, RAM_PAGE | (1 << 7)",
    ".set   CODE_PAGE,      (1 << 10) | (3 << 8) | (1 << 7) | (1 << 6) | (1 << 2) | 0x3",
    ".set   TABLE,          0x3",
    ".set   HOLE,           0",
    "",
    // Of each table the address that its first entry is for, and how much an entry is for; then rows:
    // up to which address, and what is there. Each entry's address is ORed into it. A table's own,
    // which is within 2 MiB of 0x40200000, has those bits already.
    ".section .rodata.translation, \"a\"",
    ".balign 8",
    "el2_map:",
    "   .quad   0, 1 << 30", // level 1
    "   .quad   0x40000000, el2_level2_devices + TABLE",
    "   .quad   0x80000000, el2_level2_ram + TABLE",
    "   .quad   1 << 39, HOLE",
    "",
    "   .quad   0, 1 << 21", // level 2
    "   .quad   0x08000000, HOLE",
    "   .quad   0x0a000000, DEVICE_BLOCK", // GIC, UARTs, clock
    "   .quad   0x40000000, HOLE",
    "",
    "   .quad   0x40000000, 1 << 21", // level 2
    "   .quad   0x40200000, RAM_BLOCK",
    "   .quad   0x40400000, el2_level3 + TABLE",
    "   .quad   0x80000000, RAM_BLOCK",
    "",
    "   .quad   0x40200000, 1 << 12", // level 3
    "   .quad   __rodata, CODE_PAGE",
    "   .quad   __data, READ_ONLY_PAGE",
    "   .quad   __stacks, RAM_PAGE",
    "   .set    cpu, 0",
    "   .rept   8",
    "       .quad   __stacks + cpu + 0x1000, HOLE",
    "       .quad   __stacks + cpu + 0x4000, RAM_PAGE", // crash stack
    "       .quad   __stacks + cpu + 0x5000, HOLE",
    "       .quad   __stacks + cpu + 0x10000, RAM_PAGE", // stack
    "       .set    cpu, cpu + 0x10000",
    "   .endr",
    "   .quad   0x40400000, HOLE",
    "",
    // In the order of the map.
    ".section .translation, \"aw\", %nobits",
    ".balign 4096",
    ".global el2_level1",
    "el2_level1:",
    "   .zero   4096",
    "el2_level2_devices:",
    "   .zero   4096",
    ".global el2_level2_ram",
    "el2_level2_ram:",
    "   .zero   4096",
    "el2_level3:",
    "   .zero   4096",
    "el2_tables_end:",
    "",
    // For the boot CPU, with its MMU off. Clobbers x1 to x8.
    ".section .text.translation, \"ax\"",
    ".global el2_translation_draw",
    "el2_translation_draw:",
    "   adrp    x1, el2_map",
    "   add     x1, x1, :lo12:el2_map",
    "   adrp    x2, el2_level1",
    "   adrp    x3, el2_tables_end",
    "1: ldp     x4, x5, [x1], #16", // a table
    "2: ldp     x6, x7, [x1], #16", // a row
    "3: orr     x8, x4, x7",
    "   cmp     x7, #0",
    "   csel    x8, xzr, x8, eq",
    "   str     x8, [x2], #8",
    "   add     x4, x4, x5",
    "   cmp     x4, x6",
    "   b.lo    3b",
    "   tst     x2, #0xfff",
    "   b.ne    2b",
    "   cmp     x2, x3",
    "   b.lo    1b",
    // Walks are cached: what a cache may hold of these lines is older than what is in memory now.
    "   dmb     sy",
    "   mrs     x4, CTR_EL0",
    "   ubfx    x4, x4, #16, #4", // DminLine: the smallest line, as a power of two words
    "   mov     x5, #4",
    "   lsl     x5, x5, x4",
    "   adrp    x2, el2_level1",
    "4: dc      ivac, x2",
    "   add     x2, x2, x5",
    "   cmp     x2, x3",
    "   b.lo    4b",
    "   dsb     sy",
    "   ret",
    "",
    // Clobbers x1. Reads and writes no memory.
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
}

/// 2 MiB each, of the last GiB that has RAM, if that is another.
#[repr(C, align(4096))]
struct Table([AtomicU64; 512]);

static LAST: Table = Table([const { AtomicU64::new(0) }; 512]);

/// Maps exactly the board's RAM. By the boot CPU, before any other runs.
pub(crate) fn fit(ram: Range) {
    fill(&el2_level2_ram, RAM_BASE, ram);
    for (number, entry) in (0..).zip(&el2_level1).skip(2) {
        let (start, end) = (number * GIB, (number + 1) * GIB);
        if end <= ram.end() {
            entry.store(start | RAM_BLOCK, Ordering::Relaxed);
        } else if start < ram.end() {
            fill(&LAST.0, start, ram);
            let table = ptr::from_ref(&LAST).addr() as u64;
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
/// As in the map above.
const RAM_BLOCK: u64 = 1 << 54 | 1 << 10 | 3 << 8 | 1 << 6 | 1 << 2 | 1;
