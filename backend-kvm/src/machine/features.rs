//! What a machine's firmware has beyond the least, by the names that headers and options use.
//!
//! Nothing of this is there unless it is named: a service that a guest was not promised must not
//! appear because a host's kernel happens to have it.

use std::fmt;
use std::str::FromStr;

use vambrace_core::firmware::Dialect;

use super::core_config;

bitflags::bitflags! {
    /// Services and optional functions of a machine's firmware.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct Features: u32 {
        /// `trng`: true random numbers (DEN0098).
        const TRNG = 1 << 0;
        /// `pv-time`: stolen time (DEN0057).
        const PV_TIME = 1 << 1;
        /// `vendor-hyp`: KVM's own services: who the hypervisor is and what it offers.
        const VENDOR_HYP = 1 << 2;
        /// `ptp`: the host's wall clock and the counter, read at one instant.
        const PTP = 1 << 3;
        /// `discover-impl`: the CPU implementations that the machine may land on.
        const DISCOVER_IMPL = 1 << 4;
        /// `system-suspend`: SYSTEM_SUSPEND.
        const SYSTEM_SUSPEND = 1 << 5;
        /// `migrate`: a uniprocessor Trusted OS on the first vCPU, which MIGRATE moves.
        const MIGRATE = 1 << 6;
        /// `cpu-freeze`: CPU_FREEZE.
        const CPU_FREEZE = 1 << 7;
        /// `default-suspend`: CPU_DEFAULT_SUSPEND.
        const DEFAULT_SUSPEND = 1 << 8;
        /// `node-hw-state`: NODE_HW_STATE.
        const NODE_HW_STATE = 1 << 9;
        /// `suspend-mode`: PSCI_SET_SUSPEND_MODE, and with it OS-initiated mode.
        const SUSPEND_MODE = 1 << 10;
        /// `statistics`: PSCI_STAT_RESIDENCY and PSCI_STAT_COUNT.
        const STATISTICS = 1 << 11;
        /// `mem-protect`: MEM_PROTECT and MEM_PROTECT_CHECK_RANGE.
        const MEM_PROTECT = 1 << 12;
        /// `clean-inv-memregion`: CLEAN_INV_MEMREGION and its attributes.
        const CLEAN_INV_MEMREGION = 1 << 13;
        /// `extended-state-id`: CPU_SUSPEND's power_state has the extended StateID format.
        const EXTENDED_STATE_ID = 1 << 14;
    }
}

/// A name that no feature has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no firmware feature is called `{0}`; there are {list}", list = NAMES.map(|(name, _)| name).join(", "))]
pub struct UnknownFeature(String);

impl FromStr for Features {
    type Err = UnknownFeature;

    /// One feature by its name.
    fn from_str(name: &str) -> Result<Self, UnknownFeature> {
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, feature)| *feature)
            .ok_or_else(|| UnknownFeature(name.to_owned()))
    }
}

impl Features {
    /// Those of them that core does not have in this dialect.
    #[must_use]
    pub fn foreign_to(self, dialect: Dialect) -> Self {
        self.iter()
            .filter(|feature| !core_config::has(dialect, *feature))
            .collect()
    }

    /// The names of those that are named here.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES
            .into_iter()
            .filter(move |(_, feature)| self.contains(*feature))
            .map(|(name, _)| name)
    }
}

impl fmt::Display for Features {
    /// The names, with a comma between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for name in self.names() {
            write!(f, "{separator}{name}")?;
            separator = ",";
        }
        Ok(())
    }
}

const NAMES: [(&str, Features); 15] = [
    ("trng", Features::TRNG),
    ("pv-time", Features::PV_TIME),
    ("vendor-hyp", Features::VENDOR_HYP),
    ("ptp", Features::PTP),
    ("discover-impl", Features::DISCOVER_IMPL),
    ("system-suspend", Features::SYSTEM_SUSPEND),
    ("migrate", Features::MIGRATE),
    ("cpu-freeze", Features::CPU_FREEZE),
    ("default-suspend", Features::DEFAULT_SUSPEND),
    ("node-hw-state", Features::NODE_HW_STATE),
    ("suspend-mode", Features::SUSPEND_MODE),
    ("statistics", Features::STATISTICS),
    ("mem-protect", Features::MEM_PROTECT),
    ("clean-inv-memregion", Features::CLEAN_INV_MEMREGION),
    ("extended-state-id", Features::EXTENDED_STATE_ID),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_one_name_and_is_found_by_it() {
        let mut all = Features::empty();
        for (name, feature) in NAMES {
            assert_eq!(name.parse(), Ok(feature));
            assert!(!all.intersects(feature), "{name}");
            all |= feature;
        }
        assert_eq!(all, Features::all());
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        let error = "trgn".parse::<Features>().unwrap_err();
        assert!(error.to_string().starts_with(
            "no firmware feature is called `trgn`; there are trng, pv-time, vendor-hyp, "
        ));
    }

    #[test]
    fn features_are_shown_by_name() {
        assert_eq!((Features::TRNG | Features::PTP).to_string(), "trng,ptp");
    }
}
