//! Versions of the interface (DEN0022 §5.1.1).

use core::fmt;

/// A PSCI version that a machine can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PsciVersion(u32);

impl PsciVersion {
    /// 0.1, whose function ids a device tree names.
    pub const V0_1: Self = Self(0x0_0001);
    /// 0.2, the first with standard function ids.
    pub const V0_2: Self = Self(0x0_0002);
    /// 1.0, the first with PSCI_FEATURES.
    pub const V1_0: Self = Self(0x1_0000);
    /// 1.1, the first with SYSTEM_RESET2.
    pub const V1_1: Self = Self(0x1_0001);
    /// 1.2, which adds no function.
    pub const V1_2: Self = Self(0x1_0002);
    /// 1.3, the first with SYSTEM_OFF2.
    pub const V1_3: Self = Self(0x1_0003);

    /// The version with this wire value, if it is one of the above.
    #[must_use]
    pub const fn from_value(value: u32) -> Option<Self> {
        match value {
            0x0_0001 => Some(Self::V0_1),
            0x0_0002 => Some(Self::V0_2),
            0x1_0000 => Some(Self::V1_0),
            0x1_0001 => Some(Self::V1_1),
            0x1_0002 => Some(Self::V1_2),
            0x1_0003 => Some(Self::V1_3),
            _ => None,
        }
    }

    /// The wire value: major in bits 31:16, minor in bits 15:0.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for PsciVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 >> 16, self.0 & 0xffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_encode_major_and_minor() {
        assert_eq!(PsciVersion::V0_2.value(), 2);
        assert_eq!(PsciVersion::V1_0.value(), 0x10000);
        assert_eq!(PsciVersion::V1_1.value(), 0x10001);
        assert_eq!(PsciVersion::V1_1.to_string(), "1.1");
    }

    #[test]
    fn unknown_versions_are_none() {
        for value in [0, 3, 0x1_0004, 0x2_0000] {
            assert_eq!(PsciVersion::from_value(value), None);
        }
        assert_eq!(PsciVersion::from_value(0x1_0001), Some(PsciVersion::V1_1));
    }
}
