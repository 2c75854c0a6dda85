//! Versions of the calling convention (DEN0028 §7.2).

use core::fmt;

/// A version of the calling convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SmcccVersion(u32);

impl SmcccVersion {
    /// 1.0, which cannot say so: SMCCC_VERSION came with 1.1.
    pub const V1_0: Self = Self(0x1_0000);
    /// 1.1, what KVM answers on every kernel: SMCCC_VERSION and SMCCC_ARCH_FEATURES.
    pub const V1_1: Self = Self(0x1_0001);
    /// 1.2: results up to x17, SMCCC_ARCH_SOC_ID.
    pub const V1_2: Self = Self(0x1_0002);
    /// 1.3: bit 16 of an identifier hints that SVE state is dead.
    pub const V1_3: Self = Self(0x1_0003);
    /// 1.4.
    pub const V1_4: Self = Self(0x1_0004);
    /// 1.5.
    pub const V1_5: Self = Self(0x1_0005);
    /// 1.6: SMCCC_ARCH_SOC_ID has a name form.
    pub const V1_6: Self = Self(0x1_0006);

    /// The version with this wire value, if it is one of the above.
    #[must_use]
    pub const fn from_value(value: u32) -> Option<Self> {
        match value {
            0x1_0000..=0x1_0006 => Some(Self(value)),
            _ => None,
        }
    }

    /// The wire value: major in bits 30:16, minor in bits 15:0.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for SmcccVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 >> 16, self.0 & 0xffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_1_0_to_1_6() {
        assert_eq!(SmcccVersion::from_value(0x1_0000), Some(SmcccVersion::V1_0));
        assert_eq!(SmcccVersion::from_value(0x1_0006), Some(SmcccVersion::V1_6));
        for value in [0, 0xffff, 0x1_0007, 0x2_0000] {
            assert_eq!(SmcccVersion::from_value(value), None);
        }
        assert_eq!(SmcccVersion::V1_6.to_string(), "1.6");
    }
}
