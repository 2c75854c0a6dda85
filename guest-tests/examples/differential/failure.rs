//! Why a list was not made to its end.

use core::fmt;

use vambrace_guest_tests::expect;

/// What is wrong, and with which record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The list as a whole.
    List {
        what: &'static str,
        expected: u64,
        found: u64,
    },
    /// One record cannot be made, or did not do what it expects.
    Record { index: usize, reason: &'static str },
    /// A CPU was started other than by the list.
    Starts { cpu: u64, expected: u64, found: u64 },
    /// The program's own preparations.
    Harness(expect::Failure),
}

impl From<expect::Failure> for Failure {
    fn from(failure: expect::Failure) -> Self {
        Self::Harness(failure)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List {
                what,
                expected,
                found,
            } => write!(
                out,
                "the list's {what}: expected {expected:#x}, found {found:#x}"
            ),
            Self::Record { index, reason } => write!(out, "record {index}: {reason}"),
            Self::Starts {
                cpu,
                expected,
                found,
            } => write!(
                out,
                "starts of CPU {cpu}: expected {expected}, found {found}"
            ),
            Self::Harness(failure) => write!(out, "{failure}"),
        }
    }
}
