//! Results: which registers a call changes, and to what (DEN0028 §2.6, §2.7).
//!
//! Only the registers written are named; the backend leaves every other one as it was, so
//! x4–x17 survive a call that returns four values or fewer.

/// The values of x0 to x*n* after a call, from x0 on without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Results(Values);

/// Nearly all calls have four results or fewer; the others do not make them dearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    /// The first so many of x0 to x3.
    Few(u8, [u64; 4]),
    /// x0 to x17.
    All([u64; 18]),
}

impl Results {
    /// x0 alone.
    pub(crate) const fn in_x0(x0: u64) -> Self {
        Self(Values::Few(1, [x0, 0, 0, 0]))
    }

    /// x0, and x1–x3 zeroed.
    pub(crate) const fn in_x0_with_zeroes(x0: u64) -> Self {
        Self::in_x0_to_x3([x0, 0, 0, 0])
    }

    /// x0 and x1.
    pub(crate) const fn in_x0_and_x1(x0: u64, x1: u64) -> Self {
        Self(Values::Few(2, [x0, x1, 0, 0]))
    }

    /// x0 to x3.
    pub(crate) const fn in_x0_to_x3(values: [u64; 4]) -> Self {
        Self(Values::Few(4, values))
    }

    /// x0, and x1–x17 holding `rest`.
    pub(crate) fn in_x0_to_x17(x0: u64, rest: [u64; 17]) -> Self {
        let mut values = [x0; 18];
        for (slot, value) in values.iter_mut().skip(1).zip(rest) {
            *slot = value;
        }
        Self(Values::All(values))
    }

    /// The first result: of most calls, the status.
    #[must_use]
    pub const fn x0(&self) -> u64 {
        match &self.0 {
            Values::Few(_, [x0, ..]) | Values::All([x0, ..]) => *x0,
        }
    }

    /// The registers to write: the value at index *n* goes to x*n*.
    #[must_use]
    pub fn registers(&self) -> &[u64] {
        match &self.0 {
            Values::Few(count, values) => values.get(..usize::from(*count)).unwrap_or(values),
            Values::All(values) => values,
        }
    }
}

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

    #[test]
    fn the_longest_results_write_x0_to_x17() {
        let results = Results::in_x0_to_x17(5, [7; 17]);
        assert_eq!(results.x0(), 5);
        assert_eq!(results.registers()[1..], [7; 17]);
    }
}
