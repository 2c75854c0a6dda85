//! Lengths of SVE vectors (DDI0487 A1.4.2: multiples of 128 bits, up to 2 048).

use core::fmt;

/// A set of vector lengths; bit `n` stands for `n + 1` quadwords of 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct VectorLengths(u16);

impl VectorLengths {
    /// None: no SVE.
    pub const NONE: Self = Self(0);

    /// The set whose bit `n` is `n + 1` quadwords, as the first word of KVM_REG_ARM64_SVE_VLS has
    /// it.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Bit `n` for `n + 1` quadwords.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The lengths in bits, the shortest first.
    pub fn lengths(self) -> impl DoubleEndedIterator<Item = u16> {
        (1..=16_u16)
            .filter(move |quadwords| {
                self.0 & 0x8000_u16.wrapping_shr(u32::from(16_u16.wrapping_sub(*quadwords))) != 0
            })
            .map(|quadwords| quadwords.wrapping_mul(128))
    }

    /// The set without all that is longer than the longest of `limit`.
    #[must_use]
    pub const fn up_to(self, limit: Self) -> Self {
        Self(self.0 & mask(limit.0))
    }

    /// Whether a machine with exactly these lengths can be made where `self` are possible: what is
    /// no longer than its longest must be the same (KVM; a CPU cannot leave a length out).
    #[must_use]
    pub const fn can_be_limited_to(self, wanted: Self) -> bool {
        self.up_to(wanted).0 == wanted.0
    }

    /// The longest set to which both can be limited.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        // What is below the first length that only one has.
        let differing = self.0 ^ other.0;
        let below = differing.wrapping_sub(1) & !differing;
        Self(self.0 & below)
    }
}

/// In bits: `128,256,512`.
impl fmt::Display for VectorLengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for length in self.lengths() {
            write!(f, "{separator}{length}")?;
            separator = ",";
        }
        Ok(())
    }
}

/// Everything up to the highest bit that is set.
const fn mask(bits: u16) -> u16 {
    match bits {
        0 => 0,
        _ => u16::MAX.wrapping_shr(bits.leading_zeros()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn lengths(bits: u16) -> VectorLengths {
        VectorLengths::from_bits(bits)
    }

    #[test]
    fn lengths_are_multiples_of_128_bits() {
        assert_eq!(lengths(0x808b).to_string(), "128,256,512,1024,2048");
        assert_eq!(lengths(0b11).to_string(), "128,256");
        assert_eq!(VectorLengths::NONE.to_string(), "");
    }

    #[test]
    fn a_longer_host_can_be_limited_and_a_shorter_not_stretched() {
        assert!(lengths(0b1011).can_be_limited_to(lengths(0b0011)));
        assert!(!lengths(0b0011).can_be_limited_to(lengths(0b1011)));
    }

    #[test]
    fn a_length_in_between_cannot_be_left_out() {
        assert!(!lengths(0b0111).can_be_limited_to(lengths(0b0101)));
        assert!(!lengths(0b0101).can_be_limited_to(lengths(0b0111)));
    }

    #[test]
    fn the_common_set_is_what_both_agree_on_from_below() {
        assert_eq!(lengths(0b1011).common(lengths(0b0011)), lengths(0b0011));
        assert_eq!(lengths(0b1111).common(lengths(0b1011)), lengths(0b0011));
        assert_eq!(lengths(0b10).common(lengths(0b01)), VectorLengths::NONE);
        for a in 0..=u8::MAX {
            for b in 0..=u8::MAX {
                let (a, b) = (lengths(a.into()), lengths(b.into()));
                let common = a.common(b);
                assert_eq!(common, b.common(a));
                assert!(a.can_be_limited_to(common) && b.can_be_limited_to(common));
            }
        }
    }
}
