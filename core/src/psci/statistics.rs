//! PSCI_STAT_*: how often, and how long, a CPU slept (DEN0022 §5.1.21, §5.1.22).
//!
//! Counted since the machine last booted, when the CPU wakes; SYSTEM_SUSPEND is not a state of the
//! CPU and is not counted. A question about a CPU or a state that is not there is
//! answered with 0: the calls have no error codes.

use super::{Answer, Context, PowerState};
use crate::vcpu::{Mpidr, Stays};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    /// How often.
    Count,
    /// How long, in microseconds.
    Residency,
}

/// `None` stands for a CPU or a state that the machine does not have.
pub(super) fn answer<const N: usize>(
    context: &Context<'_, N>,
    statistic: Statistic,
    of: Option<(Mpidr, PowerState)>,
    most: u64,
) -> Answer {
    let stays = of
        .and_then(|(target, state)| Some((context.vcpus.find(target)?, state)))
        .map_or(Stays::NONE, |(vcpu, state)| {
            context.vcpus.stays(vcpu, state.kind())
        });
    let value = match statistic {
        Statistic::Count => stays.count.into(),
        Statistic::Residency => stays.nanoseconds.checked_div(1000).unwrap_or(0),
    };
    Answer::Value(value.min(most))
}
