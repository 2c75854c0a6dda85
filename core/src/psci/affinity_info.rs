//! AFFINITY_INFO (DEN0022 §5.1.5, §5.7).

use super::{Answer, Context, Error};
use crate::firmware::{Firmware, PendingStart};
use crate::vcpu::{AffinityLevel, Mpidr, Power};

/// An affinity instance is on if any CPU in it is, else pending if any is, else off. A suspended
/// CPU is on: only CPU_OFF turns one off.
pub(super) fn answer<const N: usize>(
    context: &Context<'_, N>,
    target: Mpidr,
    level: AffinityLevel,
) -> Result<Answer, Error> {
    let found = match level {
        // One CPU is found; only an instance of several is searched for.
        AffinityLevel::Level0 => context
            .vcpus
            .find(target)
            .and_then(|vcpu| context.vcpus.power(vcpu))
            .map(|power| state_of(context.firmware, power)),
        AffinityLevel::Level1 | AffinityLevel::Level2 | AffinityLevel::Level3 => context
            .vcpus
            .iter()
            .filter(|(mpidr, _)| mpidr.shares(target, level))
            .map(|(_, power)| state_of(context.firmware, power))
            .max(),
    };
    found
        .map(|state| Answer::Value(state.value()))
        .ok_or(Error::NoSuchCpu(target.value()))
}

fn state_of(firmware: &Firmware, power: Power) -> State {
    match (power, firmware.rules().pending_start) {
        (Power::Off, _) => State::Off,
        (Power::OnPending(_), PendingStart::Reported) => State::OnPending,
        (Power::OnPending(_), PendingStart::ReportedAsOn)
        | (Power::On | Power::Suspended(_), _) => State::On,
    }
}

/// In the order in which one CPU's state speaks for its instance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Off,
    OnPending,
    On,
}

impl State {
    /// The return value: ON 0, OFF 1, ON_PENDING 2.
    const fn value(self) -> u64 {
        match self {
            Self::On => 0,
            Self::Off => 1,
            Self::OnPending => 2,
        }
    }
}
