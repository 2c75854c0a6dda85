//! CPU_SUSPEND and CPU_DEFAULT_SUSPEND (DEN0022 §5.1.2, §5.1.17, §5.4).

use super::cpu_on::check_entry;
use super::power_state::{PowerState, PowerStateType};
use super::{Answer, Context, Error};
use crate::memory::Ipa;
use crate::smccc::{Args, low_word};
use crate::vcpu::OnWake;

pub(super) fn answer<const N: usize>(
    context: &mut Context<'_, N>,
    state: PowerState,
    entry: Ipa,
    argument: u64,
) -> Result<Answer, Error> {
    let answer = suspend(context, state, entry, argument)?;
    context.state.suspended = true;
    Ok(answer)
}

/// CPU_DEFAULT_SUSPEND: into the powerdown state. It does not bind the mode of coordination.
pub(super) fn answer_default<const N: usize>(
    context: &mut Context<'_, N>,
    entry: Ipa,
    argument: u64,
) -> Result<Answer, Error> {
    suspend(context, PowerState::POWERDOWN, entry, argument)
}

fn suspend<const N: usize>(
    context: &mut Context<'_, N>,
    state: PowerState,
    entry: Ipa,
    argument: u64,
) -> Result<Answer, Error> {
    let on_wake = match state.kind() {
        PowerStateType::Standby => OnWake::Return,
        PowerStateType::Powerdown => {
            check_entry(context.firmware, entry)?;
            OnWake::Restart(context.reset_state(entry, argument))
        }
    };
    context
        .vcpus
        .suspend(context.caller.vcpu, on_wake, context.time);
    Ok(Answer::Suspended(on_wake))
}

/// Whether the state that the first argument asks for begins again at an entry point.
pub(super) fn needs_entry<const N: usize>(
    context: &Context<'_, N>,
    args: &Args<'_>,
) -> Result<bool, Error> {
    let state = PowerState::parse(low_word(args.first()), context.firmware.psci_options())?;
    Ok(state.kind() == PowerStateType::Powerdown)
}
