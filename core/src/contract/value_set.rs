//! Small sets of small numbers: what a register, or a field of one, may hold.

use core::fmt;

/// A set of the values 0 to 63.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ValueSet(u64);

impl ValueSet {
    /// No value.
    pub const EMPTY: Self = Self(0);

    /// The set whose member `n` is bit `n`.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Bit `n` for member `n`.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// One value alone; empty if it is greater than 63.
    #[must_use]
    pub fn only(value: u64) -> Self {
        Self(bit(value))
    }

    /// Whether `value` is a member.
    #[must_use]
    pub fn contains(self, value: u64) -> bool {
        self.0 & bit(value) != 0
    }

    /// Whether there is no member.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The same with `value`, if it is one of 0 to 63.
    #[must_use]
    pub fn with(self, value: u64) -> Self {
        Self(self.0 | bit(value))
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The members, the smallest first.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = u64> {
        (0..u64::from(u64::BITS)).filter(move |value| self.contains(*value))
    }

    /// The greatest member.
    #[must_use]
    pub fn greatest(self) -> Option<u64> {
        self.iter().next_back()
    }
}

impl FromIterator<u64> for ValueSet {
    fn from_iter<T: IntoIterator<Item = u64>>(values: T) -> Self {
        values.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// As ranges: `0-2,15`; nothing for the empty set.
impl fmt::Display for ValueSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let starts = self.iter().filter(|value| {
            value
                .checked_sub(1)
                .is_none_or(|below| !self.contains(below))
        });
        for first in starts {
            let after = (first..64).find(|value| !self.contains(*value));
            let last = after.unwrap_or(64).saturating_sub(1);
            write!(f, "{separator}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

impl fmt::Debug for ValueSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

fn bit(value: u64) -> u64 {
    u32::try_from(value)
        .ok()
        .and_then(|value| 1_u64.checked_shl(value))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_bits() {
        let set: ValueSet = [0, 1, 2, 15].into_iter().collect();
        assert_eq!(set.bits(), 0x8007);
        assert!(set.contains(15));
        assert!(!set.contains(3));
        assert_eq!(set.greatest(), Some(15));
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 1, 2, 15]);
    }

    #[test]
    fn sets_print_as_ranges() {
        for (bits, text) in [
            (0, ""),
            (1, "0"),
            (0x8007, "0-2,15"),
            (0b1010, "1,3"),
            (u64::MAX, "0-63"),
            (1 << 63, "63"),
        ] {
            assert_eq!(ValueSet::from_bits(bits).to_string(), text);
        }
    }

    #[test]
    fn values_beyond_63_are_no_members() {
        assert!(ValueSet::only(64).is_empty());
        assert!(!ValueSet::from_bits(u64::MAX).contains(64));
        assert!(!ValueSet::from_bits(u64::MAX).contains(u64::MAX));
    }
}
