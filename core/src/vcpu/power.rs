//! Power states of a vCPU and the transitions between them (DEN0022 §6.6, figure 4).
//!
//! | state \ cause | `TurnOn` | `Begin` | `TurnOff` | `Suspend` | `Wake` | `Reset` |
//! |---|---|---|---|---|---|---|
//! | `Off`       | → `OnPending` | stays      | –      | –            | stays  | → `Off` |
//! | `OnPending` | refused       | → `On`     | –      | –            | stays  | → `Off` |
//! | `On`        | refused       | stays      | → `Off`| → `Suspended`| stays  | → `Off` |
//! | `Suspended` | refused       | stays      | –      | –            | → `On` | → `Off` |
//!
//! A dash marks what a CPU in that state cannot do, as it executes nothing. Such an input is a
//! race already decided (the CPU was turned off and its backend has not noticed yet): the state
//! stays, and the vCPU hears so when it asks.

use super::ResetState;
use crate::psci::PowerStateType;

/// The power state of one vCPU; each variant owns what only makes sense in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    /// Executes nothing, waits for CPU_ON.
    Off,
    /// CPU_ON succeeded; the vCPU has not asked for its state yet.
    OnPending(ResetState),
    /// Executes the guest.
    On,
    /// In CPU_SUSPEND.
    Suspended(OnWake),
}

/// What the end of a suspension means for the vCPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnWake {
    /// Standby: CPU_SUSPEND returns SUCCESS and the CPU goes on after the call.
    Return,
    /// Powerdown: the CPU begins again at this state.
    Restart(ResetState),
}

impl OnWake {
    /// The kind of power state that ends so.
    pub(crate) const fn kind(self) -> PowerStateType {
        match self {
            Self::Return => PowerStateType::Standby,
            Self::Restart(_) => PowerStateType::Powerdown,
        }
    }
}

/// What may change a power state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Another CPU called CPU_ON for it.
    TurnOn(ResetState),
    /// It asks whether to enter the guest.
    Begin,
    /// It called CPU_OFF.
    TurnOff,
    /// It called CPU_SUSPEND.
    Suspend(OnWake),
    /// A wake-up event reached it.
    Wake,
    /// The machine was reset.
    Reset,
}

/// Why a CPU cannot be turned on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is on, or suspended.
    AlreadyOn,
    /// An earlier CPU_ON has not taken effect yet.
    OnPending,
}

impl Power {
    /// The state after `cause`.
    pub(crate) const fn after(self, cause: Cause) -> Result<Self, Refusal> {
        match (self, cause) {
            (Self::Off, Cause::TurnOn(state)) => Ok(Self::OnPending(state)),
            (Self::OnPending(_), Cause::TurnOn(_)) => Err(Refusal::OnPending),
            (Self::On | Self::Suspended(_), Cause::TurnOn(_)) => Err(Refusal::AlreadyOn),

            (Self::OnPending(_), Cause::Begin) | (Self::Suspended(_), Cause::Wake) => Ok(Self::On),
            (Self::On, Cause::TurnOff) => Ok(Self::Off),
            (Self::On, Cause::Suspend(on_wake)) => Ok(Self::Suspended(on_wake)),

            (Self::Off | Self::On | Self::Suspended(_), Cause::Begin)
            | (Self::Off | Self::OnPending(_) | Self::On, Cause::Wake)
            | (
                Self::Off | Self::OnPending(_) | Self::Suspended(_),
                Cause::TurnOff | Cause::Suspend(_),
            ) => Ok(self),

            (Self::Off | Self::OnPending(_) | Self::On | Self::Suspended(_), Cause::Reset) => {
                Ok(Self::Off)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Ipa;
    use crate::smccc::{Endianness, ExecutionState};

    const START: ResetState = begins_at(0x1000);
    const OTHER: ResetState = begins_at(0x2000);

    const fn begins_at(entry: u64) -> ResetState {
        let entry = Ipa::new(entry);
        ResetState::new(entry, 1, ExecutionState::Aarch64, Endianness::Little)
    }

    /// The table of the module's documentation, cell by cell.
    #[test]
    fn transitions_are_those_of_the_table() {
        use Cause::{Begin, Reset, Suspend, TurnOff, TurnOn, Wake};
        use Power::{Off, On, OnPending, Suspended};
        let asleep = Suspended(OnWake::Return);
        let turn_on = TurnOn(OTHER);
        let suspend = Suspend(OnWake::Return);
        for (state, cause, expected) in [
            (Off, turn_on, Ok(OnPending(OTHER))),
            (Off, Begin, Ok(Off)),
            (Off, TurnOff, Ok(Off)),
            (Off, suspend, Ok(Off)),
            (Off, Wake, Ok(Off)),
            (Off, Reset, Ok(Off)),
            (OnPending(START), turn_on, Err(Refusal::OnPending)),
            (OnPending(START), Begin, Ok(On)),
            (OnPending(START), TurnOff, Ok(OnPending(START))),
            (OnPending(START), suspend, Ok(OnPending(START))),
            (OnPending(START), Wake, Ok(OnPending(START))),
            (OnPending(START), Reset, Ok(Off)),
            (On, turn_on, Err(Refusal::AlreadyOn)),
            (On, Begin, Ok(On)),
            (On, TurnOff, Ok(Off)),
            (On, suspend, Ok(asleep)),
            (On, Wake, Ok(On)),
            (On, Reset, Ok(Off)),
            (asleep, turn_on, Err(Refusal::AlreadyOn)),
            (asleep, Begin, Ok(asleep)),
            (asleep, TurnOff, Ok(asleep)),
            (asleep, suspend, Ok(asleep)),
            (asleep, Wake, Ok(On)),
            (asleep, Reset, Ok(Off)),
        ] {
            assert_eq!(state.after(cause), expected, "{state:?} after {cause:?}");
        }
    }
}
