//! What a vCPU is made with, before its registers have any value.

use core::fmt;

bitflags::bitflags! {
    /// Features that a vCPU has or has not from its first moment (KVM_ARM_VCPU_INIT). Registers
    /// depend on them: they come first in every contract.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
    pub struct VcpuFeatures: u8 {
        /// The scalable vector extension (FEAT_SVE).
        const SVE = 1 << 0;
        /// Pointer authentication, of addresses and generic (FEAT_PAuth).
        const POINTER_AUTHENTICATION = 1 << 1;
        /// A performance monitor (FEAT_PMUv3).
        const PMU = 1 << 2;
        /// AArch32 at EL1. It changes no ID register.
        const AARCH32_EL1 = 1 << 3;
    }
}

impl VcpuFeatures {
    /// Those of which the values of ID registers depend.
    pub const SEEN_IN_REGISTERS: Self = Self::SVE
        .union(Self::POINTER_AUTHENTICATION)
        .union(Self::PMU);

    /// The names of those that are here: `sve`, `pauth`, `pmu`, `aarch32`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES
            .into_iter()
            .filter(move |(_, feature)| self.contains(*feature))
            .map(|(name, _)| name)
    }

    /// The one feature with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        NAMES
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, feature)| feature)
    }
}

/// Names behind commas; `none` if there is none.
impl fmt::Display for VcpuFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let mut separator = "";
        for name in self.names() {
            write!(f, "{separator}{name}")?;
            separator = ",";
        }
        Ok(())
    }
}

const NAMES: [(&str, VcpuFeatures); 4] = [
    ("sve", VcpuFeatures::SVE),
    ("pauth", VcpuFeatures::POINTER_AUTHENTICATION),
    ("pmu", VcpuFeatures::PMU),
    ("aarch32", VcpuFeatures::AARCH32_EL1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_print_as_the_names_they_are_written_with() {
        let features = VcpuFeatures::SVE | VcpuFeatures::PMU;
        assert_eq!(features.to_string(), "sve,pmu");
        assert_eq!(VcpuFeatures::empty().to_string(), "none");
        for (name, feature) in NAMES {
            assert_eq!(VcpuFeatures::named(name), Some(feature));
        }
        assert_eq!(VcpuFeatures::named("mte"), None);
    }
}
