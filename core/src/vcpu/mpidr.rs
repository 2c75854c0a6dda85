//! MPIDR_EL1: the affinity by which PSCI names a CPU (DDI 0487 D24; DEN0022 §5.1.4, table 6).

use core::fmt;

/// The affinity fields of MPIDR_EL1: Aff3 in bits 39:32, Aff2–Aff0 in bits 23:0, zero elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Mpidr(u64);

impl Mpidr {
    /// The affinity given by its four fields, the most significant first.
    #[must_use]
    pub const fn from_affinity(aff3: u8, aff2: u8, aff1: u8, aff0: u8) -> Self {
        Self(u64::from_le_bytes([aff0, aff1, aff2, 0, aff3, 0, 0, 0]))
    }

    /// The affinity in a register value; U, MT and RES1 are not part of it.
    #[must_use]
    pub const fn from_register(value: u64) -> Self {
        Self(value & AFFINITY_MASK)
    }

    /// The affinity a caller names, `None` if a bit outside the fields is set (must be zero).
    #[must_use]
    pub const fn from_target(value: u64) -> Option<Self> {
        if value & !AFFINITY_MASK == 0 {
            Some(Self(value))
        } else {
            None
        }
    }

    /// The affinity fields, in register layout.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Are both in the same affinity instance at this level?
    #[must_use]
    pub const fn shares(self, other: Self, level: AffinityLevel) -> bool {
        (self.0 ^ other.0) & level.mask() == 0
    }
}

impl fmt::Debug for Mpidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mpidr({:#x})", self.0)
    }
}

impl fmt::Display for Mpidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// How many of the low affinity fields to ignore when naming CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AffinityLevel {
    /// One CPU.
    Level0,
    /// All CPUs that share Aff3–Aff1.
    Level1,
    /// All CPUs that share Aff3 and Aff2.
    Level2,
    /// All CPUs that share Aff3.
    Level3,
}

impl AffinityLevel {
    /// The level with this number, 0 to 3.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Level0),
            1 => Some(Self::Level1),
            2 => Some(Self::Level2),
            3 => Some(Self::Level3),
            _ => None,
        }
    }

    const fn mask(self) -> u64 {
        match self {
            Self::Level0 => 0xff_00ff_ffff,
            Self::Level1 => 0xff_00ff_ff00,
            Self::Level2 => 0xff_00ff_0000,
            Self::Level3 => 0xff_0000_0000,
        }
    }
}

const AFFINITY_MASK: u64 = AffinityLevel::Level0.mask();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_the_register_has_them() {
        assert_eq!(
            Mpidr::from_affinity(0x12, 0x34, 0x56, 0x78).value(),
            0x12_0034_5678
        );
    }

    #[test]
    fn flags_of_the_register_are_not_affinity() {
        assert_eq!(Mpidr::from_register(0xc100_0003).value(), 3);
    }

    #[test]
    fn a_target_with_other_bits_is_none() {
        assert_eq!(Mpidr::from_target(0x8000_0001), None);
        assert_eq!(Mpidr::from_target(1 << 40), None);
        assert_eq!(
            Mpidr::from_target(0xff_00ff_ffff).map(Mpidr::value),
            Some(0xff_00ff_ffff)
        );
    }

    #[test]
    fn levels_ignore_the_fields_below() {
        let cpu = Mpidr::from_affinity(1, 2, 3, 4);
        assert!(!cpu.shares(Mpidr::from_affinity(1, 2, 3, 5), AffinityLevel::Level0));
        assert!(cpu.shares(Mpidr::from_affinity(1, 2, 3, 5), AffinityLevel::Level1));
        assert!(!cpu.shares(Mpidr::from_affinity(1, 2, 9, 5), AffinityLevel::Level1));
        assert!(cpu.shares(Mpidr::from_affinity(1, 2, 9, 5), AffinityLevel::Level2));
        assert!(cpu.shares(Mpidr::from_affinity(1, 9, 9, 9), AffinityLevel::Level3));
        assert!(!cpu.shares(Mpidr::from_affinity(9, 2, 3, 4), AffinityLevel::Level3));
    }

    #[test]
    fn there_is_no_level_4() {
        assert_eq!(AffinityLevel::new(3), Some(AffinityLevel::Level3));
        assert_eq!(AffinityLevel::new(4), None);
        assert_eq!(AffinityLevel::new(1 << 32), None);
    }
}
