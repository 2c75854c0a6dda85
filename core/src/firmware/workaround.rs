//! Levels of the architecture workarounds (DEN0028 §7.5–§7.7, §7.9; KVM's firmware registers).

use core::fmt;

use crate::smccc::ReturnCode;

/// A CPU vulnerability that firmware may mitigate on the guest's behalf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Workaround {
    /// SMCCC_ARCH_WORKAROUND_1: Spectre variant 2.
    One,
    /// SMCCC_ARCH_WORKAROUND_2: Spectre variant 4.
    Two,
    /// SMCCC_ARCH_WORKAROUND_3: Spectre-BHB.
    Three,
    /// SMCCC_ARCH_WORKAROUND_4: CVE-2024-7881. Being there says that firmware mitigates; it is
    /// never called.
    Four,
}

/// What the machine promises of one workaround, from least to most protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The CPU may be vulnerable and firmware does not help.
    NotAvailable,
    /// The call mitigates.
    Available,
    /// The CPU is not affected: no call is needed.
    NotRequired,
}

/// The levels of all four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workarounds {
    one: Level,
    two: Level,
    three: Level,
    four: Level,
}

/// A level together with the workaround whose answers it chooses from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Promise {
    workaround: Workaround,
    level: Level,
}

impl Workaround {
    /// Those of which a kernel has a register that tells, and is told, the level.
    pub const WITH_REGISTER: [Self; 3] = [Self::One, Self::Two, Self::Three];

    /// The value by which KVM's register names a level of it.
    #[must_use]
    pub const fn register_value(self, level: Level) -> u64 {
        match (self, level) {
            (_, Level::NotAvailable) => 0,
            (_, Level::Available) => 1,
            (Self::Two, Level::NotRequired) => 3,
            (_, Level::NotRequired) => 2,
        }
    }
}

/// SMCCC's name.
impl fmt::Display for Workaround {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "SMCCC_ARCH_WORKAROUND_1",
            Self::Two => "SMCCC_ARCH_WORKAROUND_2",
            Self::Three => "SMCCC_ARCH_WORKAROUND_3",
            Self::Four => "SMCCC_ARCH_WORKAROUND_4",
        })
    }
}

/// `not-available`, `available`, `not-required`.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAvailable => "not-available",
            Self::Available => "available",
            Self::NotRequired => "not-required",
        })
    }
}

impl Workarounds {
    /// None of them: what is not named is not promised.
    pub const NONE: Self = Self {
        one: Level::NotAvailable,
        two: Level::NotAvailable,
        three: Level::NotAvailable,
        four: Level::NotAvailable,
    };

    /// The same with one level changed.
    ///
    /// Workaround 2 switches a mitigation on and off for the calling CPU (W1), which nothing here
    /// does: it can be not required, and anything less is not available.
    #[must_use]
    pub const fn with(self, workaround: Workaround, level: Level) -> Self {
        match workaround {
            Workaround::One => Self { one: level, ..self },
            Workaround::Two => {
                let two = match level {
                    Level::NotRequired => level,
                    Level::NotAvailable | Level::Available => Level::NotAvailable,
                };
                Self { two, ..self }
            }
            Workaround::Three => Self {
                three: level,
                ..self
            },
            Workaround::Four => Self {
                four: level,
                ..self
            },
        }
    }

    /// The level of one.
    #[must_use]
    pub const fn level(&self, workaround: Workaround) -> Level {
        match workaround {
            Workaround::One => self.one,
            Workaround::Two => self.two,
            Workaround::Three => self.three,
            Workaround::Four => self.four,
        }
    }

    /// Has a call of this one to mitigate? Workaround 2 is never promised as a call, and 4 says by
    /// being there that nothing is left to do.
    pub(crate) const fn mitigate(&self, workaround: Workaround) -> bool {
        match workaround {
            Workaround::One | Workaround::Three => {
                matches!(self.level(workaround), Level::Available)
            }
            Workaround::Two | Workaround::Four => false,
        }
    }

    pub(crate) const fn promise(&self, workaround: Workaround) -> Promise {
        Promise {
            workaround,
            level: self.level(workaround),
        }
    }
}

impl Promise {
    /// What SMCCC_ARCH_FEATURES says of it: 0 call it, 1 no need on any CPU; workaround 2 has a
    /// code of its own for "no need". Workaround 4 is there where the CPU needs it mitigated.
    pub(crate) const fn arch_features(self) -> u64 {
        match (self.level, self.workaround) {
            (Level::NotAvailable, _) | (Level::NotRequired, Workaround::Four) => {
                ReturnCode::NotSupported.value()
            }
            (Level::Available, _) => 0,
            (Level::NotRequired, Workaround::One | Workaround::Three) => 1,
            (Level::NotRequired, Workaround::Two) => ReturnCode::NotRequired.value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arch_features_answers_by_level() {
        for (workaround, level, answer) in [
            (Workaround::One, Level::NotAvailable, 0xffff_ffff_ffff_ffff),
            (Workaround::One, Level::Available, 0),
            (Workaround::One, Level::NotRequired, 1),
            (Workaround::Two, Level::NotAvailable, 0xffff_ffff_ffff_ffff),
            (Workaround::Two, Level::Available, 0xffff_ffff_ffff_ffff),
            (Workaround::Two, Level::NotRequired, 0xffff_ffff_ffff_fffe),
            (
                Workaround::Three,
                Level::NotAvailable,
                0xffff_ffff_ffff_ffff,
            ),
            (Workaround::Three, Level::Available, 0),
            (Workaround::Three, Level::NotRequired, 1),
            (Workaround::Four, Level::NotAvailable, 0xffff_ffff_ffff_ffff),
            (Workaround::Four, Level::Available, 0),
            (Workaround::Four, Level::NotRequired, 0xffff_ffff_ffff_ffff),
        ] {
            let levels = Workarounds::NONE.with(workaround, level);
            assert_eq!(
                levels.promise(workaround).arch_features(),
                answer,
                "{workaround:?}"
            );
        }
    }

    #[test]
    fn more_protected_levels_are_greater() {
        assert!(Level::NotAvailable < Level::Available);
        assert!(Level::Available < Level::NotRequired);
    }
}
