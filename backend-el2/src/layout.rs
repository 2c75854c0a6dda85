//! Where things are: on the board, and in the guest's own view of it.
//!
//! The guest sees QEMU's `virt` board as well, with less on it: what is at one address for both is
//! passed through or emulated there. Only RAM is elsewhere.

use vambrace_core::vcpu::Mpidr;

/// A range of addresses, not empty, that ends within the address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    start: u64,
    size: u64,
}

impl Range {
    /// `size` bytes from `start`; `None` if that is nothing, or wraps around.
    #[must_use]
    pub const fn new(start: u64, size: u64) -> Option<Self> {
        match start.checked_add(size) {
            Some(_) if size > 0 => Some(Self { start, size }),
            Some(_) | None => None,
        }
    }

    /// What is at fixed addresses here, by its first byte and its size.
    const fn fixed(start: u64, size: u64) -> Self {
        Self { start, size }
    }

    /// Its first byte.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn size(self) -> u64 {
        self.size
    }

    /// The byte behind its last.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.start + self.size
    }

    /// Where in the range `address` lies, if it does.
    #[must_use]
    pub const fn offset_of(self, address: u64) -> Option<u64> {
        match address.checked_sub(self.start) {
            Some(offset) if offset < self.size => Some(offset),
            Some(_) | None => None,
        }
    }

    /// Does all of `other` lie in the range?
    #[must_use]
    pub const fn holds(self, other: Self) -> bool {
        self.start <= other.start && other.end() <= self.end()
    }

    /// Have the two a byte in common?
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end() && other.start < self.end()
    }
}

/// Most vCPUs, and CPUs that are used.
pub const MAX_CPUS: usize = 8;

/// Where RAM begins, the board's and the guest's.
pub const RAM_BASE: u64 = 0x4000_0000;

/// What this program is linked into (`linker/el2.ld`), of the board's RAM.
pub const OWN_MEMORY: Range = Range::fixed(0x4020_0000, 0x20_0000);

/// The interrupt controller's distributor.
pub const DISTRIBUTOR: Range = Range::fixed(0x0800_0000, 0x1_0000);

/// Its redistributors, two frames of 64 KiB a CPU.
pub const REDISTRIBUTORS: Range = Range::fixed(0x080A_0000, 0x2_0000 * MAX_CPUS as u64);

/// One redistributor.
pub const REDISTRIBUTOR_SIZE: u64 = 0x2_0000;

/// The guest's PL011.
pub const UART: Range = Range::fixed(0x0900_0000, 0x1000);

/// The board's PL031, a clock of the world outside.
pub const CLOCK: Range = Range::fixed(0x0901_0000, 0x1000);

/// The guest's structures of stolen time: RAM that it reads.
pub const STOLEN_TIME: Range = Range::fixed(0x090A_0000, 0x1000);

/// The affinity of CPU `index`: sixteen to an Aff1, as the board numbers them.
#[must_use]
pub const fn mpidr(index: usize) -> Mpidr {
    let [index, ..] = index.to_le_bytes();
    Mpidr::from_affinity(0, 0, index >> 4, index & 0xf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_that_wraps_or_is_empty_is_none() {
        assert_eq!(Range::new(0x1000, 0), None);
        assert_eq!(Range::new(u64::MAX, 2), None);
        assert_eq!(Range::new(0x1000, 0x2000).map(Range::end), Some(0x3000));
    }

    #[test]
    fn ranges_that_touch_do_not_overlap() {
        let low = Range::fixed(0x1000, 0x1000);
        assert!(!low.overlaps(Range::fixed(0x2000, 0x1000)));
        assert!(low.overlaps(Range::fixed(0x1fff, 1)));
        assert!(low.holds(Range::fixed(0x1fff, 1)));
        assert!(!low.holds(Range::fixed(0x1fff, 2)));
    }

    #[test]
    fn an_offset_counts_from_the_first_byte() {
        assert_eq!(UART.offset_of(0x0900_0018), Some(0x18));
        assert_eq!(UART.offset_of(0x0900_1000), None);
        assert_eq!(UART.offset_of(0x08ff_ffff), None);
    }

    #[test]
    fn cpus_are_numbered_sixteen_to_a_cluster() {
        assert_eq!(mpidr(7).value(), 7);
        assert_eq!(mpidr(17).value(), 0x101);
    }
}
