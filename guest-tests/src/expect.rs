//! What a proof says when it fails: what was looked at, what was expected, what was found.

use core::fmt;

use crate::firmware::{Returned, Wakeup};

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
    Differs { expected: u64, found: u64 },
    Code { expected: i32, found: i32 },
    Unexpected { expected: &'static str, found: u64 },
    TimedOut,
}

/// Two values are equal.
///
/// # Errors
///
/// If they are not, naming `what` and both.
pub fn equal(what: &'static str, found: u64, expected: u64) -> Proof {
    if found == expected {
        return Ok(());
    }
    Err(Failure {
        what,
        reason: Reason::Differs { expected, found },
    })
}

/// A call returned this PSCI code: the low 32 bits of x0, signed (DEN0022 §5.2.2).
///
/// # Errors
///
/// If it is another, naming `what` and both.
pub fn code(what: &'static str, returned: Returned, expected: i32) -> Proof {
    let found = returned.code();
    if found == expected {
        return Ok(());
    }
    Err(Failure {
        what,
        reason: Reason::Code { expected, found },
    })
}

/// A condition holds for a value.
///
/// # Errors
///
/// If not, naming `what`, the condition in words, and the value.
pub fn holds(what: &'static str, found: u64, expected: &'static str, condition: bool) -> Proof {
    if condition {
        return Ok(());
    }
    Err(Failure {
        what,
        reason: Reason::Unexpected { expected, found },
    })
}

/// A call powered its CPU down, and the CPU came back at the entry point in the state of a reset, with
/// the context in x0 (DEN0022 §6.4).
///
/// # Errors
///
/// Naming what is otherwise.
pub fn resumed(what: &'static str, wakeup: Wakeup, context: u64) -> Proof {
    match wakeup {
        Wakeup::Returned(returned) => holds(what, returned.x[0], "resumed at the entry", false),
        Wakeup::Resumed(state) => {
            equal("x0 at the entry", state.x[0], context)?;
            state.expect_reset()
        }
    }
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
