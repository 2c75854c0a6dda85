//! MEM_PROTECT: memory that no later boot can read (DEN0022 §5.1.13, §5.1.14).
//!
//! Core keeps the wish; the backend asks for it at a reset ([`Vm::protects_memory`](
//! crate::Vm::protects_memory)) and overwrites RAM before the machine boots again. All RAM can be
//! protected.

use super::{Answer, Context, Error, SUCCESS};
use crate::memory::RamRange;

/// Switches protection; gives what it was, 0 off or 1 on.
pub(super) fn set<const N: usize>(context: &mut Context<'_, N>, protection: Protection) -> Answer {
    let before = core::mem::replace(&mut context.state.protection, protection);
    Answer::Value(match before {
        Protection::Off => 0,
        Protection::On => 1,
    })
}

/// SUCCESS if all of the range would be overwritten, `None` being an empty or impossible one.
pub(super) fn check_range<const N: usize>(
    context: &Context<'_, N>,
    range: Option<RamRange>,
) -> Result<Answer, Error> {
    match range {
        Some(range) if context.firmware.ram.allows_all(range) => Ok(Answer::Value(SUCCESS)),
        Some(_) | None => Err(Error::NotProtected),
    }
}

/// Is RAM overwritten at a reset?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// It keeps its content.
    Off,
    /// It is overwritten.
    On,
}
