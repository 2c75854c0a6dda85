//! The board's RAM: what is read of it, and the part that is the guest's.
#![expect(unsafe_code, reason = "RAM is where the board's device tree says")]

use core::arch::asm;
use core::{ptr, slice};

use super::registers;
use crate::layout::{OWN_MEMORY, RAM_BASE, Range};

/// The parts of RAM that are used, none in another's way.
#[derive(Debug)]
pub(crate) struct Memory {
    initrd: Range,
    guest: Range,
}

/// The board's device tree, which is believed to be as long as its header says.
pub(crate) fn device_tree(address: u64) -> Option<(&'static [u8], Range)> {
    let first_gib = Range::new(RAM_BASE, 1 << 30)?;
    let whole = |size| {
        let range = Range::new(address, size)?;
        (first_gib.holds(range) && !range.overlaps(OWN_MEMORY)).then_some(range)
    };
    let length = bytes(whole(8)?)?.get(4..8)?.first_chunk()?;
    let tree = whole(u32::from_be_bytes(*length).into())?;
    Some((bytes(tree)?, tree))
}

impl Memory {
    /// Takes what is used of `ram`; `None` if parts of it lie in each other's way.
    pub(crate) fn new(ram: Range, tree: Range, initrd: Range, guest: Range) -> Option<Self> {
        let parts = [OWN_MEMORY, tree, initrd, guest];
        let apart = (0..parts.len()).all(|one| {
            let mut others = parts.iter().skip(one + 1);
            others.all(|other| !parts[one].overlaps(*other))
        });
        (apart && parts.iter().all(|part| ram.holds(*part))).then_some(Self { initrd, guest })
    }

    /// The file behind `-initrd`.
    pub(crate) fn initrd(&self) -> &'static [u8] {
        bytes(self.initrd).unwrap_or(&[])
    }

    /// Where the guest's RAM is.
    pub(crate) fn guest(&self) -> Range {
        self.guest
    }

    /// Writes `content` into the guest's RAM, and zeroes behind it until `size` bytes are written. A
    /// guest without caches sees them once they are [cleaned](Self::clean). No vCPU executes meanwhile.
    ///
    /// # Panics
    ///
    /// If that is not all in the guest's RAM: a machine without its image, or with memory that was
    /// to be cleared, is not started.
    pub(crate) fn fill(&self, offset: u64, content: &[u8], size: u64) {
        let place = self.part(offset, size.max(content.len() as u64));
        let place = place.expect("what is written lies in the guest's RAM");
        let to = ptr::with_exposed_provenance_mut::<u8>(place.start() as usize);
        // SAFETY: The range is of the guest's RAM, mapped, and apart from what `content` is part of.
        unsafe { ptr::copy_nonoverlapping(content.as_ptr(), to, content.len()) };
        let rest = place.size() as usize - content.len();
        // SAFETY: As above: the rest of the same range.
        let behind = unsafe { to.add(content.len()) };
        // SAFETY: As above.
        unsafe { ptr::write_bytes(behind, 0, rest) };
    }

    /// Cleans and invalidates a range of the guest's RAM in every cache.
    pub(crate) fn clean(&self, offset: u64, size: u64) {
        if let Some(place) = self.part(offset, size) {
            clean_and_invalidate(place);
        }
    }

    fn part(&self, offset: u64, size: u64) -> Option<Range> {
        let place = Range::new(self.guest.start().checked_add(offset)?, size)?;
        self.guest.holds(place).then_some(place)
    }
}

/// What is in a range of RAM that nobody writes.
fn bytes(range: Range) -> Option<&'static [u8]> {
    let address = ptr::with_exposed_provenance::<u8>(range.start() as usize);
    let length = usize::try_from(range.size()).ok()?;
    // SAFETY: Only ranges of mapped RAM come here, and only the device tree's and the initrd's: this
    // program's own memory and the guest's are apart from both (`device_tree`, `Memory::new`).
    Some(unsafe { slice::from_raw_parts(address, length) })
}

/// To the point of coherency, and out of every instruction cache.
fn clean_and_invalidate(range: Range) {
    // CTR_EL0.DminLine: the smallest data cache line, as a power of two words.
    let line = 4 << (registers::read_ctr_el0() >> 16 & 0xf);
    let first = range.start() & !(line - 1);
    for address in (first..range.end()).step_by(line as usize) {
        // SAFETY: Maintenance by address changes no value that anybody can read; every address is of
        // mapped RAM.
        unsafe { asm!("dc civac, {}", in(reg) address, options(nostack, preserves_flags)) };
    }
    // SAFETY: As above, for instructions.
    unsafe {
        asm!(
            "dsb ish",
            "ic ialluis",
            "dsb ish",
            "isb",
            options(nostack, preserves_flags)
        );
    }
}
