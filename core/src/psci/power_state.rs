//! The power_state parameter of CPU_SUSPEND, original format (DEN0022 §5.4.2.1, table 7).

use super::Error;

/// A power state that this machine has: of one CPU, standby or powerdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PowerState {
    kind: PowerStateType,
}

/// Bit 16 of power_state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PowerStateType {
    /// 0: the CPU keeps its context and the call returns.
    Standby,
    /// 1: the CPU loses its context and begins again at the entry point.
    Powerdown,
}

impl PowerState {
    /// Standby of the calling CPU.
    pub(crate) const STANDBY: Self = Self {
        kind: PowerStateType::Standby,
    };

    /// Does the CPU keep its context?
    #[must_use]
    pub(crate) const fn kind(self) -> PowerStateType {
        self.kind
    }
}

impl TryFrom<u32> for PowerState {
    type Error = Error;

    /// Reserved bits (31:26, 23:17) are refused, and so are levels above the CPU's own (bits
    /// 25:24) and StateIDs other than 0 (bits 15:0): the machine has no such states.
    fn try_from(value: u32) -> Result<Self, Error> {
        match value {
            0 => Ok(Self::STANDBY),
            POWERDOWN => Ok(Self {
                kind: PowerStateType::Powerdown,
            }),
            _ => Err(Error::NoSuchPowerState(value)),
        }
    }
}

const POWERDOWN: u32 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_16_tells_standby_from_powerdown() {
        assert_eq!(
            PowerState::try_from(0).unwrap().kind(),
            PowerStateType::Standby
        );
        assert_eq!(
            PowerState::try_from(0x1_0000).unwrap().kind(),
            PowerStateType::Powerdown
        );
    }

    #[test]
    fn states_that_the_machine_has_not_are_refused() {
        for value in [1, 0x2_0000, 0x100_0000, 0x101_0000, 0x8000_0000] {
            assert_eq!(
                PowerState::try_from(value),
                Err(Error::NoSuchPowerState(value))
            );
        }
    }
}
