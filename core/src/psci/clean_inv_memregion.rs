//! CLEAN_INV_MEMREGION: no cached copy of a range of memory remains.
//!
//! The alpha of PSCI 1.3 (DEN0022F) had them; the release dropped them, and the numbers went to
//! the architecture service of a later SMCCC. A machine has them only if it is made with them.

use super::{Answer, Context, Error, SUCCESS};
use crate::memory::RamRange;

/// What is to happen to the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Clean and invalidate it.
    CleanInvalidate,
    /// Say whether that would succeed (flag bit 0).
    DryRun,
}

pub(super) fn answer<const N: usize>(
    context: &Context<'_, N>,
    range: RamRange,
    operation: Operation,
) -> Result<Answer, Error> {
    if !context.firmware.ram.allows_all(range) {
        return Err(Error::RangeOutsideRam(range.first().value()));
    }
    Ok(match operation {
        Operation::CleanInvalidate => Answer::CleanInvalidate(range),
        Operation::DryRun => Answer::Value(SUCCESS),
    })
}

/// The attributes, by number: 0 kind of operation (0: by address), 1 CPUs that have to take part
/// (0: the caller alone), 2 latency, 3 calls a second at most, 4 time limit (0: none is known).
pub(super) fn attributes(number: u32) -> Result<Answer, Error> {
    match number {
        0..=4 => Ok(Answer::Value(0)),
        _ => Err(Error::NoSuchAttribute(number)),
    }
}
