//! The stolen time structure (DEN0057 §3.3, table 3).
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0x0 | 4 | revision: 0 |
//! | 0x4 | 4 | attributes: 0 |
//! | 0x8 | 8 | stolen time, in nanoseconds |
//! | 0x10 | 48 | zero |
//!
//! Little-endian whatever the guest is. The guest reads the eight bytes of the time with one
//! access and expects them to change at once: a backend writes them with one store.

use crate::memory::Ipa;

/// Nanoseconds in which a vCPU wanted to run and did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StolenTime {
    nanoseconds: u64,
}

impl StolenTime {
    /// The size of the structure, and its alignment.
    pub const BYTES: usize = 64;

    /// Whether the structure of a vCPU may begin there (DEN0057 §3.3).
    #[must_use]
    pub(crate) const fn may_begin_at(base: Ipa) -> bool {
        base.value().trailing_zeros() >= Self::BYTES.trailing_zeros()
    }

    /// Where the time stands in it.
    pub const TIME_OFFSET: usize = 8;

    /// No time was stolen yet.
    pub const NONE: Self = Self { nanoseconds: 0 };

    /// A vCPU from which this much was stolen, as another host counted it.
    #[must_use]
    pub const fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self { nanoseconds }
    }

    /// How much that is.
    #[must_use]
    pub const fn nanoseconds(self) -> u64 {
        self.nanoseconds
    }

    /// The time after the vCPU's thread waited from `before` to `now`, two readings in nanoseconds
    /// of a counter of its waiting that never falls; a reading that did fall adds nothing.
    #[must_use]
    pub const fn after_waiting(self, before: u64, now: u64) -> Self {
        Self {
            nanoseconds: self.nanoseconds.wrapping_add(now.saturating_sub(before)),
        }
    }

    /// The structure as it stands in memory.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (slot, byte) in bytes
            .iter_mut()
            .skip(Self::TIME_OFFSET)
            .zip(self.nanoseconds.to_le_bytes())
        {
            *slot = byte;
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_is_laid_out_as_the_specification_says() {
        let bytes = StolenTime::from_nanoseconds(0x1122_3344_5566_7788).to_bytes();
        assert_eq!(bytes.len(), 64);
        assert_eq!(bytes[..8], [0; 8]);
        assert_eq!(
            bytes[8..16],
            [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]
        );
        assert_eq!(bytes[16..], [0; 48]);
    }

    #[test]
    fn only_what_was_waited_since_the_last_reading_counts() {
        let stolen = StolenTime::NONE
            .after_waiting(1000, 1400)
            .after_waiting(1400, 1500);
        assert_eq!(stolen.nanoseconds(), 500);
        assert_eq!(stolen.after_waiting(1500, 3).nanoseconds(), 500);
    }
}
