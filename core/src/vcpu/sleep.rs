//! How often, and how long, a vCPU has been in each power state.

use crate::psci::PowerStateType;
use crate::time::Time;

/// What is counted of one vCPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sleep {
    standby: Stays,
    powerdown: Stays,
    /// The stay under way.
    since: Option<(PowerStateType, Time)>,
}

/// Stays in one power state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stays {
    /// How many have ended.
    pub(crate) count: u32,
    /// How long they took.
    pub(crate) nanoseconds: u64,
}

impl Stays {
    /// None.
    pub(crate) const NONE: Self = Self {
        count: 0,
        nanoseconds: 0,
    };
}

impl Sleep {
    /// It never slept.
    pub(crate) const NONE: Self = Self {
        standby: Stays::NONE,
        powerdown: Stays::NONE,
        since: None,
    };

    /// A stay begins.
    pub(crate) const fn begin(&mut self, kind: PowerStateType, time: Time) {
        self.since = Some((kind, time));
    }

    /// The stay under way ends, if there is one, and counts from now on.
    pub(crate) const fn end(&mut self, time: Time) {
        if let Some((kind, since)) = self.since.take() {
            let stays = self.stays_mut(kind);
            stays.count = stays.count.saturating_add(1);
            let stay = time.nanoseconds_since(since);
            stays.nanoseconds = stays.nanoseconds.saturating_add(stay);
        }
    }

    /// The stays in one state.
    pub(crate) const fn stays(&self, kind: PowerStateType) -> Stays {
        match kind {
            PowerStateType::Standby => self.standby,
            PowerStateType::Powerdown => self.powerdown,
        }
    }

    const fn stays_mut(&mut self, kind: PowerStateType) -> &mut Stays {
        match kind {
            PowerStateType::Standby => &mut self.standby,
            PowerStateType::Powerdown => &mut self.powerdown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stay_counts_when_it_ends_and_takes_to_the_nanosecond() {
        let mut sleep = Sleep::NONE;
        sleep.begin(PowerStateType::Standby, Time::from_nanoseconds(1_000));
        assert_eq!(sleep.stays(PowerStateType::Standby), Stays::NONE);
        sleep.end(Time::from_nanoseconds(1_900));
        sleep.end(Time::from_nanoseconds(99_000));
        let once = Stays {
            count: 1,
            nanoseconds: 900,
        };
        assert_eq!(sleep.stays(PowerStateType::Standby), once);
        assert_eq!(sleep.stays(PowerStateType::Powerdown), Stays::NONE);
    }
}
