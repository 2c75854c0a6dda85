//! Ranges of guest-physical addresses.
//!
//! A [`Region`] never wraps: whoever holds one can add its size to its base without thinking.

use std::fmt;

use vambrace_core::memory::Ipa;

/// A range of guest-physical addresses that ends within the address space; it may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    base: u64,
    size: u64,
}

impl Region {
    /// The `size` bytes from `base`; `None` if they run past the last address.
    #[must_use]
    pub const fn new(base: Ipa, size: u64) -> Option<Self> {
        match base.value().checked_add(size) {
            Some(_) => Some(Self {
                base: base.value(),
                size,
            }),
            None => None,
        }
    }

    /// The same for a constant: wrapping stops the build.
    #[must_use]
    pub(crate) const fn fixed(base: u64, size: u64) -> Self {
        assert!(base.checked_add(size).is_some(), "the region wraps");
        Self { base, size }
    }

    /// The first address.
    #[must_use]
    pub const fn base(self) -> Ipa {
        Ipa::new(self.base)
    }

    /// The length in bytes.
    #[must_use]
    pub const fn size(self) -> u64 {
        self.size
    }

    /// The first address after the range.
    #[must_use]
    pub const fn end(self) -> Ipa {
        Ipa::new(self.base + self.size)
    }

    /// The distance of `address` from the base if it lies in the range.
    #[must_use]
    pub const fn offset_of(self, address: Ipa) -> Option<u64> {
        match address.value().checked_sub(self.base) {
            Some(offset) if offset < self.size => Some(offset),
            _ => None,
        }
    }

    /// Does all of `other` lie in the range?
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.base <= other.base && other.base + other.size <= self.base + self.size
    }

    /// Do the two have an address in common?
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.base < other.base + other.size
            && other.base < self.base + self.size
            && self.size != 0
            && other.size != 0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.base, self.base + self.size)
    }
}

/// A size as people write it: the largest binary unit that divides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (1 << 40, "TiB"),
            (1 << 30, "GiB"),
            (1 << 20, "MiB"),
            (1 << 10, "KiB"),
        ];
        let unit = units
            .iter()
            .find(|(bytes, _)| self.0 != 0 && self.0.is_multiple_of(*bytes));
        match unit {
            Some((bytes, name)) => write!(f, "{} {name}", self.0 / bytes),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// How many bytes one access moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// One byte.
    Byte = 1,
    /// Two bytes.
    Halfword = 2,
    /// Four bytes.
    Word = 4,
    /// Eight bytes.
    Doubleword = 8,
}

impl Width {
    /// The width of this many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        match bytes {
            1 => Some(Self::Byte),
            2 => Some(Self::Halfword),
            4 => Some(Self::Word),
            8 => Some(Self::Doubleword),
            _ => None,
        }
    }

    /// How many bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self as u64
    }

    /// How many bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self as u32 * 8
    }

    /// The low bytes of `value`, this many.
    #[must_use]
    pub const fn truncate(self, value: u64) -> u64 {
        value & (u64::MAX >> (64 - self.bits()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(base: u64, size: u64) -> Region {
        Region::new(Ipa::new(base), size).unwrap()
    }

    #[test]
    fn a_region_that_wraps_does_not_exist() {
        assert_eq!(Region::new(Ipa::new(u64::MAX), 2), None);
        assert_eq!(region(u64::MAX - 1, 1).end(), Ipa::new(u64::MAX));
    }

    #[test]
    fn neighbours_do_not_overlap() {
        assert!(!region(0x1000, 0x1000).overlaps(region(0x2000, 0x1000)));
        assert!(region(0x1000, 0x1001).overlaps(region(0x2000, 0x1000)));
    }

    #[test]
    fn an_empty_region_overlaps_nothing() {
        assert!(!region(0x1800, 0).overlaps(region(0x1000, 0x1000)));
    }

    #[test]
    fn the_end_is_outside() {
        assert_eq!(region(0x1000, 0x10).offset_of(Ipa::new(0x100f)), Some(0xf));
        assert_eq!(region(0x1000, 0x10).offset_of(Ipa::new(0x1010)), None);
        assert_eq!(region(0x1000, 0x10).offset_of(Ipa::new(0xfff)), None);
    }

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!(ByteSize(128 << 20).to_string(), "128 MiB");
        assert_eq!(ByteSize((1 << 20) + 1).to_string(), "1048577 bytes");
        assert_eq!(ByteSize(0).to_string(), "0 bytes");
    }

    #[test]
    fn widths_are_1_2_4_and_8_bytes() {
        let widths = [0, 1, 2, 3, 4, 8, 16].map(|bytes| Width::from_bytes(bytes).map(Width::bytes));
        assert_eq!(
            widths,
            [None, Some(1), Some(2), None, Some(4), Some(8), None]
        );
        assert_eq!(Width::Halfword.truncate(0x1234_5678), 0x5678);
        assert_eq!(Width::Doubleword.truncate(u64::MAX), u64::MAX);
    }
}
