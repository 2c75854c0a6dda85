//! Guest memory that goes back to the host: MADV_DONTNEED of an anonymous mapping.

#![expect(
    unsafe_code,
    reason = "the kernel is told which addresses it may empty"
)]

use rustix::io::Result;
use rustix::mm::{Advice, madvise};
use rustix::param::page_size;
use vm_memory::VolatileSlice;

/// Empties the host's pages that lie in `range` as a whole.
pub(super) fn release(range: &VolatileSlice<'_>) -> Result<()> {
    let guard = range.ptr_guard_mut();
    let start = guard.as_ptr();
    let before = start.addr().next_multiple_of(page_size()) - start.addr();
    let Some(rest) = range.len().checked_sub(before) else {
        return Ok(());
    };
    let length = rest - rest % page_size();
    if length == 0 {
        return Ok(());
    }
    let first = start.wrapping_add(before).cast();
    // SAFETY: The pages lie in `range`, which is guest memory: a private anonymous mapping that the
    // guest may change at any moment, so that zeroes in it surprise nobody.
    unsafe { madvise(first, length, Advice::LinuxDontNeed) }
}
