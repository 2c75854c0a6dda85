//! The machines that are compared: on which kernel, with which firmware.

use vambrace_core::firmware::KvmGeneration;
use vambrace_core::psci::PsciVersion;

/// A kernel of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// As the lab calls it.
    pub name: &'static str,
    /// Whose answers core gives on it.
    pub generation: KvmGeneration,
    /// Whether core can answer under its KVM too, which needs the SMCCC filter.
    pub carries_core: bool,
    /// Its newest PSCI.
    psci: PsciVersion,
    /// All that its firmware has.
    features: &'static [&'static str],
}

/// A machine on a kernel, by what its guest is told of the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// The host's kernel.
    pub kernel: Kernel,
    /// Its PSCI.
    pub psci: PsciVersion,
    /// What `vambrace run --with` names.
    pub features: &'static [&'static str],
}

impl Kernel {
    /// All four, the default one first.
    pub const ALL: [Self; 4] = [
        Self {
            name: "6.12",
            generation: KvmGeneration::V6_12,
            carries_core: true,
            psci: PsciVersion::V1_1,
            features: SINCE_6_1,
        },
        Self {
            name: "7.3",
            generation: KvmGeneration::V7_3,
            carries_core: true,
            psci: PsciVersion::V1_3,
            features: SINCE_6_1,
        },
        Self {
            name: "6.1",
            generation: KvmGeneration::V6_1,
            carries_core: false,
            psci: PsciVersion::V1_1,
            features: SINCE_6_1,
        },
        Self {
            name: "5.10",
            generation: KvmGeneration::V5_10,
            carries_core: false,
            psci: PsciVersion::V1_0,
            features: &[PV_TIME],
        },
    ];

    /// The kernel of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kernel| kernel.name == name)
    }

    /// The machine with the newest PSCI and every service of this kernel.
    #[must_use]
    pub fn fullest(self) -> Machine {
        Machine {
            kernel: self,
            psci: self.psci,
            features: self.features,
        }
    }

    /// The machine with PSCI 0.2 and no service.
    #[must_use]
    pub fn barest(self) -> Machine {
        Machine {
            kernel: self,
            psci: PsciVersion::V0_2,
            features: &[],
        }
    }
}

impl Machine {
    /// Whether it has a service or function that is not there unless named.
    #[must_use]
    pub fn has(&self, feature: &str) -> bool {
        self.features.contains(&feature)
    }
}

pub(super) const TRNG: &str = "trng";
pub(super) const PV_TIME: &str = "pv-time";
pub(super) const VENDOR_HYP: &str = "vendor-hyp";
pub(super) const PTP: &str = "ptp";
pub(super) const SYSTEM_SUSPEND: &str = "system-suspend";
const SINCE_6_1: &[&str] = &[TRNG, PV_TIME, VENDOR_HYP, PTP, SYSTEM_SUSPEND];
