//! Results: which registers a call changes, and to what (DEN0028 §2.6, §2.7).
//!
//! Only the registers written are named; the backend leaves every other one as it was, so
//! x4–x17 survive a call that returns four values or fewer.

/// The values of x0 to x*n* after a call, from x0 on without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Results {
    values: [u64; MAX_RESULTS],
    count: usize,
}

impl Results {
    /// x0 alone.
    pub(crate) const fn in_x0(x0: u64) -> Self {
        Self::padded(x0, 1)
    }

    /// x0, and x1–x3 zeroed.
    pub(crate) const fn in_x0_with_zeroes(x0: u64) -> Self {
        Self::padded(x0, 4)
    }

    /// x0 and x1.
    pub(crate) const fn in_x0_and_x1(x0: u64, x1: u64) -> Self {
        let mut results = Self::padded(x0, 2);
        results.values[1] = x1;
        results
    }

    const fn padded(x0: u64, count: usize) -> Self {
        let mut values = [0; MAX_RESULTS];
        values[0] = x0;
        Self { values, count }
    }

    /// The first result: of most calls, the status.
    #[must_use]
    pub const fn x0(&self) -> u64 {
        self.values[0]
    }

    /// The registers to write: the value at index *n* goes to x*n*.
    #[must_use]
    pub fn registers(&self) -> &[u64] {
        self.values.get(..self.count).unwrap_or(&self.values)
    }
}

/// x0–x3. The calls that return more (x0–x17) are not served yet.
const MAX_RESULTS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_result_writes_x0_only() {
        assert_eq!(Results::in_x0(7).registers(), [7]);
    }

    #[test]
    fn zeroed_results_write_x0_to_x3() {
        assert_eq!(
            Results::in_x0_with_zeroes(u64::MAX).registers(),
            [u64::MAX, 0, 0, 0]
        );
    }
}
