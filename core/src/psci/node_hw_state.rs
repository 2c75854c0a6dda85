//! NODE_HW_STATE: the state of a node as its power controller sees it (DEN0022 §5.1.18).

use super::{Answer, Context, Error};
use crate::vcpu::{AffinityLevel, Mpidr, OnWake, Power};

/// A node is on if any CPU in it is, else in standby if any is, else off. Unlike AFFINITY_INFO
/// this tells a CPU that sleeps from one that runs: a powerdown state is off to the hardware.
pub(super) fn answer<const N: usize>(
    context: &Context<'_, N>,
    target: Mpidr,
    level: AffinityLevel,
) -> Result<Answer, Error> {
    context
        .vcpus
        .iter()
        .filter(|(mpidr, _)| mpidr.shares(target, level))
        .map(|(_, power)| state_of(power))
        .max()
        .map(|state| Answer::Value(state.value()))
        .ok_or(Error::NoSuchCpu(target.value()))
}

const fn state_of(power: Power) -> State {
    match power {
        Power::Off | Power::Suspended(OnWake::Restart(_)) => State::Off,
        Power::Suspended(OnWake::Return) => State::Standby,
        Power::OnPending(_) | Power::On => State::On,
    }
}

/// In the order in which one CPU's state speaks for its node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Off,
    Standby,
    On,
}

impl State {
    /// The return value: HW_ON 0, HW_OFF 1, HW_STANDBY 2.
    const fn value(self) -> u64 {
        match self {
            Self::On => 0,
            Self::Off => 1,
            Self::Standby => 2,
        }
    }
}
