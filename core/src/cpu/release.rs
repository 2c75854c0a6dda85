//! A release of Linux, by which kernels are told apart.

use core::fmt;

/// A release of Linux: 6.12. The newer is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelRelease {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl KernelRelease {
    /// A release by its numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for KernelRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_ordered_by_number_and_not_as_text() {
        let release = KernelRelease::new;
        assert!(release(5, 19) < release(6, 1));
        assert!(release(6, 2) < release(6, 12));
        assert_eq!(release(6, 12).to_string(), "6.12");
    }
}
