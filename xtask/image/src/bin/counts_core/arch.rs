//! The machine below the count: QEMU's `virt` board, entered at EL1 with nothing set up.
//!
//! The MMU stays off: the target's code makes no unaligned access, so memory need not be normal.
//! What is printed leaves by semihosting (Arm "Semihosting for AArch32 and AArch64", 2.0), and so
//! does the end.
#![expect(
    unsafe_code,
    reason = "entry, counter and semihosting can only be assembly"
)]

use core::arch::{asm, global_asm};
use core::fmt;

global_asm!(
    ".section .text._start, \"ax\"",
    ".global _start",
    "_start:",
    "   mov     x0, #(3 << 20)", // CPACR_EL1.FPEN: compiled code copies through vector registers
    "   msr     cpacr_el1, x0",
    "   isb",
    "   adrp    x0, stack_top",
    "   add     x0, x0, :lo12:stack_top",
    "   mov     sp, x0",
    "   b       count",
    ".section .bss.stack, \"aw\", %nobits",
    "   .balign 16",
    "   .space  {size}",
    "stack_top:",
    size = const STACK,
);

/// The virtual counter, after everything that stands before it.
pub(crate) fn counter() -> u64 {
    let ticks;
    // SAFETY: reads a counter that EL1 may always read; it is no memory barrier to the CPU, but one
    // to the compiler, as `nomem` is not promised.
    unsafe { asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nostack, preserves_flags)) };
    ticks
}

/// Ticks of the counter in a second.
pub(crate) fn frequency() -> u64 {
    let frequency;
    // SAFETY: reads a register that EL1 may always read.
    unsafe {
        asm!("mrs {}, cntfrq_el0", out(reg) frequency, options(nomem, nostack, preserves_flags));
    };
    frequency
}

/// Where lines are printed.
pub(crate) struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            semihosting(SYS_WRITEC, &raw const byte as u64);
        }
        Ok(())
    }
}

/// Ends the machine, well or not.
pub(crate) fn exit(code: u64) -> ! {
    let block = [ADP_STOPPED_APPLICATION_EXIT, code];
    semihosting(SYS_EXIT, block.as_ptr() as u64);
    loop {
        core::hint::spin_loop();
    }
}

fn semihosting(operation: u64, parameter: u64) {
    // SAFETY: the emulator reads the operation's parameter, which the caller keeps in memory, and
    // changes x0 alone.
    unsafe {
        asm!(
            "hlt #0xf000",
            inout("x0") operation => _,
            in("x1") parameter,
            options(nostack, preserves_flags),
        );
    }
}

const SYS_WRITEC: u64 = 0x03;
const SYS_EXIT: u64 = 0x18;
const ADP_STOPPED_APPLICATION_EXIT: u64 = 0x2_0026;
/// Room for several copies of the largest machine.
const STACK: usize = 1 << 20;
