//! The power_state parameter of CPU_SUSPEND (DEN0022 §5.4.2).
//!
//! | format | type | level | StateID | reserved |
//! |---|---|---|---|---|
//! | original (§5.4.2.1) | bit 16 | bits 25:24 | bits 15:0 | 31:26, 23:17 |
//! | extended (§5.4.2.2) | bit 30 | in the StateID | bits 27:0 | 31, 29:28 |
//!
//! The machine has two states, of one CPU: standby and powerdown, both with StateID 0.

use super::{Error, PsciOptions};

/// A power state that this machine has: of one CPU, standby or powerdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PowerState {
    kind: PowerStateType,
}

/// What a power state keeps.
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

    /// Powerdown of the calling CPU.
    pub(crate) const POWERDOWN: Self = Self {
        kind: PowerStateType::Powerdown,
    };

    /// The state that `value` names, in the format that the machine has. Reserved bits are
    /// refused, and so are levels above the CPU's own and StateIDs other than 0.
    pub(crate) fn parse(value: u32, options: PsciOptions) -> Result<Self, Error> {
        let powerdown = if options.contains(PsciOptions::EXTENDED_STATE_ID) {
            1 << 30
        } else {
            1 << 16
        };
        if value == 0 {
            Ok(Self::STANDBY)
        } else if value == powerdown {
            Ok(Self::POWERDOWN)
        } else {
            Err(Error::NoSuchPowerState(value))
        }
    }

    /// Does the CPU keep its context?
    #[must_use]
    pub(crate) const fn kind(self) -> PowerStateType {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGINAL: PsciOptions = PsciOptions::empty();
    const EXTENDED: PsciOptions = PsciOptions::EXTENDED_STATE_ID;

    #[test]
    fn the_type_is_bit_16_of_the_original_and_bit_30_of_the_extended_format() {
        for (format, powerdown, other) in [
            (ORIGINAL, 0x1_0000, 0x4000_0000),
            (EXTENDED, 0x4000_0000, 0x1_0000),
        ] {
            assert_eq!(PowerState::parse(0, format), Ok(PowerState::STANDBY));
            assert_eq!(
                PowerState::parse(powerdown, format),
                Ok(PowerState::POWERDOWN)
            );
            assert_eq!(
                PowerState::parse(other, format),
                Err(Error::NoSuchPowerState(other))
            );
        }
    }

    #[test]
    fn states_that_the_machine_has_not_are_refused() {
        for format in [ORIGINAL, EXTENDED] {
            for value in [
                1,
                0x2_0000,
                0x100_0000,
                0x101_0000,
                0x4000_0001,
                0x8000_0000,
            ] {
                assert_eq!(
                    PowerState::parse(value, format),
                    Err(Error::NoSuchPowerState(value))
                );
            }
        }
    }
}
