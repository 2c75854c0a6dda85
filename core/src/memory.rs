//! Guest-physical addresses and the machine's RAM map.

use core::fmt;

use heapless::Vec;

/// An intermediate physical address: what the guest calls physical.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Ipa(u64);

impl Ipa {
    /// The address with this value.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The value in bytes from zero.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Ipa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ipa({:#x})", self.0)
    }
}

impl fmt::Display for Ipa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A range of guest-physical addresses, not empty, that ends within the address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RamRange {
    first: Ipa,
    last: Ipa,
}

impl RamRange {
    /// The range of `size` bytes from `start`; `None` if it is empty or runs past the last address.
    #[must_use]
    pub const fn new(start: Ipa, size: u64) -> Option<Self> {
        let Some(beyond_first) = size.checked_sub(1) else {
            return None;
        };
        match start.0.checked_add(beyond_first) {
            Some(last) => Some(Self {
                first: start,
                last: Ipa(last),
            }),
            None => None,
        }
    }

    /// Its first byte.
    #[must_use]
    pub const fn first(&self) -> Ipa {
        self.first
    }

    /// Its last byte.
    #[must_use]
    pub const fn last(&self) -> Ipa {
        self.last
    }

    /// Does `address` lie in the range?
    #[must_use]
    pub fn contains(&self, address: Ipa) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

/// Where the guest has RAM: what a valid entry point is checked against.
#[derive(Debug, Clone)]
pub(crate) struct RamMap(Vec<RamRange, MAX_RAM_RANGES>);

impl RamMap {
    /// No range given.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a range; gives it back if there is no room.
    pub(crate) fn add(&mut self, range: RamRange) -> Result<(), RamRange> {
        self.0.push(range)
    }

    /// Is no range given?
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Does `address` lie in RAM? With no range given, every address counts.
    pub(crate) fn allows(&self, address: Ipa) -> bool {
        self.0.is_empty() || self.0.iter().any(|range| range.contains(address))
    }

    /// Does every byte of `asked` lie in RAM? With no range given, every byte does.
    pub(crate) fn allows_all(&self, asked: RamRange) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let mut first = asked.first;
        // Ranges may adjoin: each step takes one of them off the front of what is asked.
        for _ in 0..MAX_RAM_RANGES {
            let Some(range) = self.0.iter().find(|range| range.contains(first)) else {
                return false;
            };
            if range.last >= asked.last {
                return true;
            }
            match range.last.0.checked_add(1) {
                Some(next) => first = Ipa(next),
                None => return true,
            }
        }
        false
    }
}

/// A machine has one range of RAM, or a few around holes.
pub const MAX_RAM_RANGES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_first_and_last_byte_only() {
        let range = RamRange::new(Ipa::new(0x4000_0000), 0x1000).unwrap();
        assert!(range.contains(Ipa::new(0x4000_0000)));
        assert!(range.contains(Ipa::new(0x4000_0fff)));
        assert!(!range.contains(Ipa::new(0x4000_1000)));
        assert!(!range.contains(Ipa::new(0x3fff_ffff)));
    }

    #[test]
    fn empty_and_wrapping_ranges_do_not_exist() {
        assert_eq!(RamRange::new(Ipa::new(0), 0), None);
        assert_eq!(RamRange::new(Ipa::new(u64::MAX), 2), None);
        assert!(RamRange::new(Ipa::new(u64::MAX), 1).is_some());
    }

    #[test]
    fn a_range_is_ram_if_adjoining_ranges_hold_all_of_it() {
        let mut map = RamMap::new();
        for (start, size) in [(0x5000, 0x1000), (0x4000, 0x1000), (0x8000, 0x1000)] {
            map.add(RamRange::new(Ipa::new(start), size).unwrap())
                .unwrap();
        }
        let all = |start, size| map.allows_all(RamRange::new(Ipa::new(start), size).unwrap());
        assert!(all(0x4000, 0x2000));
        assert!(all(0x4fff, 2));
        assert!(!all(0x4000, 0x2001));
        assert!(!all(0x3fff, 2));
        assert!(!all(0x4000, 0x5000));
        assert!(RamMap::new().allows_all(RamRange::new(Ipa::new(0), u64::MAX).unwrap()));
    }

    #[test]
    fn without_a_map_every_address_counts_as_ram() {
        assert!(RamMap::new().allows(Ipa::new(0xdead_0000)));
    }
}
