//! Cache maintenance by the host's own instructions.
//!
//! DC CIVAC works on the line's physical address, whichever mapping names it (Arm ARM D7.5), so
//! that what a guest has in the host's caches leaves them by the host's mapping of its RAM. Linux
//! lets programs execute it (SCTLR_EL1.UCI) and read CTR_EL0.

#![expect(unsafe_code, reason = "cache maintenance can only be assembly")]

use std::arch::asm;

use vm_memory::VolatileSlice;

use super::mrs;

/// Writes `memory` out of every cache to the point of coherency.
pub(super) fn clean_and_invalidate(memory: &VolatileSlice<'_>) {
    let line = smallest_data_line();
    let guard = memory.ptr_guard();
    let start = guard.as_ptr().addr();
    let end = start.saturating_add(memory.len());
    for address in (start & !(line - 1)..end).step_by(line) {
        // SAFETY: the line is mapped, at least its part in `memory`, and the instruction changes
        // no value that anybody reads. No `nomem`: what was written before is to be cleaned.
        unsafe { asm!("dc civac, {}", in(reg) address, options(nostack, preserves_flags)) };
    }
    // SAFETY: a barrier; it waits until the lines above are written.
    unsafe { asm!("dsb sy", options(nostack, preserves_flags)) };
}

/// The length in bytes of the smallest data cache line of any level: CTR_EL0.DminLine.
fn smallest_data_line() -> usize {
    4 << (mrs::ctr_el0() >> 16 & 0xf)
}
