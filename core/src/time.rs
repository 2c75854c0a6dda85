//! Time as the backend tells it: core has no clock of its own.

/// An instant: nanoseconds since one that the backend chooses and keeps, never running backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Time(u64);

impl Time {
    /// The instant that all others are counted from.
    pub const ZERO: Self = Self(0);

    /// The instant this many nanoseconds after [`ZERO`](Self::ZERO).
    #[must_use]
    pub const fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// Nanoseconds from `earlier` to here; 0 if it is not earlier.
    #[must_use]
    pub(crate) const fn nanoseconds_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_runs_backwards() {
        let early = Time::from_nanoseconds(1_500);
        let late = Time::from_nanoseconds(4_499);
        assert_eq!(late.nanoseconds_since(early), 2_999);
        assert_eq!(early.nanoseconds_since(late), 0);
    }
}
