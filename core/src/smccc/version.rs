//! Versions of the calling convention (DEN0028 §7.2).

/// A version of the calling convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SmcccVersion(u32);

impl SmcccVersion {
    /// 1.1, what KVM answers on every kernel.
    pub const V1_1: Self = Self(0x1_0001);

    /// The wire value: major in bits 30:16, minor in bits 15:0.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}
