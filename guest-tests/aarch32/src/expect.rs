//! What a proof says when it fails: what was looked at, what was expected, what was found.

use core::fmt;

use crate::firmware::Returned;

/// The result of a claim's function, and of each step in it.
pub type Proof = Result<(), Failure>;

/// Why a claim does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    what: &'static str,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Differs { expected: u32, found: u32 },
    Code { expected: i32, found: i32 },
    Unexpected { expected: &'static str, found: u32 },
    TimedOut,
}

/// Two values are equal.
///
/// # Errors
///
/// If they are not, naming `what` and both.
pub fn equal(what: &'static str, found: u32, expected: u32) -> Proof {
    judge(what, found == expected, Reason::Differs { expected, found })
}

/// A call returned this PSCI code: r0, signed (DEN0022 §5.2.2).
///
/// # Errors
///
/// If it is another, naming `what` and both.
pub fn code(what: &'static str, returned: Returned, expected: i32) -> Proof {
    let found = returned.code();
    judge(what, found == expected, Reason::Code { expected, found })
}

/// A condition holds for a value.
///
/// # Errors
///
/// If not, naming `what`, the condition in words, and the value.
pub fn holds(what: &'static str, found: u32, expected: &'static str, condition: bool) -> Proof {
    judge(what, condition, Reason::Unexpected { expected, found })
}

fn judge(what: &'static str, holds: bool, reason: Reason) -> Proof {
    if holds {
        return Ok(());
    }
    Err(Failure { what, reason })
}

impl Failure {
    pub(crate) fn timed_out(what: &'static str) -> Self {
        Self {
            what,
            reason: Reason::TimedOut,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.what)?;
        match self.reason {
            Reason::Differs { expected, found } => {
                write!(out, "expected {expected:#x}, found {found:#x}")
            }
            Reason::Code { expected, found } => write!(out, "expected {expected}, found {found}"),
            Reason::Unexpected { expected, found } => {
                write!(out, "expected {expected}, found {found:#x}")
            }
            Reason::TimedOut => write!(
                out,
                "expected within {} seconds, found nothing",
                crate::cpus::WAIT_SECONDS
            ),
        }
    }
}
