//! PSCI_SET_SUSPEND_MODE: who coordinates power states (DEN0022 §5.1.20, §5.20).
//!
//! This machine's states are of single CPUs, so both modes suspend alike; what differs is only when
//! one may change to the other.

use super::{Answer, Context, Error, SUCCESS};
use crate::vcpu::Power;

/// Who coordinates power states of several CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SuspendMode {
    /// 0: the platform.
    PlatformCoordinated,
    /// 1: the operating system.
    OsInitiated,
}

impl TryFrom<u32> for SuspendMode {
    type Error = Error;

    fn try_from(value: u32) -> Result<Self, Error> {
        match value {
            0 => Ok(Self::PlatformCoordinated),
            1 => Ok(Self::OsInitiated),
            _ => Err(Error::NoSuchSuspendMode(value)),
        }
    }
}

/// To OS-initiated: only if no CPU has called CPU_SUSPEND since the boot or the last change. Back:
/// only if all other CPUs are off.
pub(super) fn set<const N: usize>(
    context: &mut Context<'_, N>,
    mode: SuspendMode,
) -> Result<Answer, Error> {
    let allowed = match (context.state.suspend_mode, mode) {
        (SuspendMode::PlatformCoordinated, SuspendMode::OsInitiated) => !context.state.suspended,
        (SuspendMode::OsInitiated, SuspendMode::PlatformCoordinated) => context
            .vcpus
            .others(context.caller.vcpu)
            .all(|power| power == Power::Off),
        (SuspendMode::PlatformCoordinated, SuspendMode::PlatformCoordinated)
        | (SuspendMode::OsInitiated, SuspendMode::OsInitiated) => {
            return Ok(Answer::Value(SUCCESS));
        }
    };
    if !allowed {
        return Err(Error::ModeCannotChange);
    }
    context.state.suspend_mode = mode;
    context.state.suspended = false;
    Ok(Answer::Value(SUCCESS))
}
