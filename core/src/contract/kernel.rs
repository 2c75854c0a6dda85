//! What kernels do: which release brought what, and what KVM accepts by which rule.
//!
//! A host's profile says what was seen; here stands why. Explanations take releases from here, and
//! a probe that sees something that these rules do not predict has found something new. What a
//! kernel without a register does can only be known from here, because there is nothing to ask.
//!
//! Linux `arch/arm64/kvm`: `hypercalls.c`, `psci.c`, `sys_regs.c`; `Documentation/virt/kvm/arm/
//! fw-pseudo-registers.rst`.

use core::fmt;

use super::{PsciVersions, ServiceLimit, ValueSet};
pub use crate::cpu::KernelRelease;
use crate::cpu::{Field, Writable};
use crate::firmware::{Bitmap, KvmGeneration, Level, Workaround};
use crate::psci::PsciVersion;

/// What a kernel refuses with, by Linux's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Errno {
    /// There is no such register.
    Enoent,
    /// There is no such attribute.
    Enxio,
    /// There is no such device.
    Enodev,
    /// The value is not accepted.
    Einval,
}

impl KernelRelease {
    /// KVM_REG_ARM_PSCI_VERSION.
    pub const PSCI_REGISTER: Self = Self::new(4, 17);
    /// KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1 and _2.
    pub const WORKAROUND_REGISTERS: Self = Self::new(5, 3);
    /// KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3; stable releases of older series have it too.
    pub const WORKAROUND_3_REGISTER: Self = Self::new(5, 17);
    /// The first three bitmaps of services.
    pub const BITMAPS: Self = Self::new(5, 19);
    /// CCSIDR_EL1 can be written. So can CLIDR_EL1, which a vCPU that is reset forgets.
    pub const WRITABLE_CACHE_SIZES: Self = Self::new(6, 3);
    /// CLIDR_EL1 can be written and stays.
    pub const WRITABLE_CACHE_LEVELS: Self = Self::new(6, 10);
    /// The SMCCC filter; also the offset of both counters.
    pub const SMCCC_FILTER: Self = Self::new(6, 4);
    /// VENDOR_HYP_BMAP_2 and writable MIDR_EL1, REVIDR_EL1 and AIDR_EL1.
    pub const WRITABLE_IDENTITY: Self = Self::new(6, 15);

    /// The release that a generation is named by.
    #[must_use]
    pub const fn of(generation: KvmGeneration) -> Self {
        match generation {
            KvmGeneration::V5_10 => Self::new(5, 10),
            KvmGeneration::V6_1 => Self::new(6, 1),
            KvmGeneration::V6_12 => Self::new(6, 12),
            KvmGeneration::V7_3 => Self::new(7, 3),
        }
    }

    /// The versions of PSCI that its register accepts; none before there was one.
    #[must_use]
    pub fn psci_versions(self) -> PsciVersions {
        let since = |major, minor, versions| match self >= Self::new(major, minor) {
            true => versions,
            false => PsciVersions::empty(),
        };
        since(4, 17, PsciVersions::V0_2 | PsciVersions::V1_0)
            | since(5, 18, PsciVersions::V1_1)
            | since(6, 13, PsciVersions::V1_2 | PsciVersions::V1_3)
    }

    /// The version that a guest finds if nobody writes one.
    #[must_use]
    pub fn default_psci(self) -> PsciVersion {
        let register = self.psci_versions().versions().next_back();
        register.unwrap_or(match self >= Self::new(4, 16) {
            true => PsciVersion::V1_0,
            false => PsciVersion::V0_2,
        })
    }

    /// The services of a bitmap that the kernel has: those it answers unasked where there is no
    /// register, those that can be chosen where there is.
    #[must_use]
    pub fn services(self, bitmap: Bitmap) -> ServiceLimit {
        let since = |major, minor, bits| match self >= Self::new(major, minor) {
            true => bits,
            false => 0,
        };
        let (register, bits) = match bitmap {
            Bitmap::Standard => (Self::BITMAPS, since(5, 12, 1)),
            Bitmap::StandardHypervisor => (Self::BITMAPS, since(5, 5, 1)),
            Bitmap::VendorHypervisor => (Self::BITMAPS, since(5, 13, 3)),
            Bitmap::VendorHypervisor2 => (Self::WRITABLE_IDENTITY, since(6, 15, 3)),
        };
        match self >= register {
            true => ServiceLimit::Chosen(bits),
            false => ServiceLimit::Fixed(bits),
        }
    }

    /// The values that the register of a workaround accepts on a host of this level; None if there
    /// is no such register.
    #[must_use]
    pub fn levels(self, workaround: Workaround, host: HostLevel) -> Option<ValueSet> {
        let since = match workaround {
            Workaround::One | Workaround::Two => Self::WORKAROUND_REGISTERS,
            Workaround::Three => Self::WORKAROUND_3_REGISTER,
            Workaround::Four => return None,
        };
        let four_states = self < Self::new(5, 10);
        let values = 0..32_u64;
        (self >= since).then(|| match workaround {
            Workaround::Two if four_states => {
                values.filter(|value| host.allows_four(*value)).collect()
            }
            Workaround::Two => values.filter(|value| host.allows_two(*value)).collect(),
            _ => values
                .filter(|value| *value <= host.0 && *value <= 2)
                .collect(),
        })
    }
}

/// The level of a workaround on a host, as the kernel numbers it: of workarounds 1 and 3 0, 1 and
/// 2; of workaround 2 0 and 3, and before Linux 5.10 0, 1, 2 and 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostLevel(pub u64);

impl HostLevel {
    /// Before Linux 5.10 workaround 2 could be switched by the guest: the levels are in order, and
    /// bit 4 says on, which only goes with level 2.
    const fn allows_four(self, value: u64) -> bool {
        match value {
            0..=3 => value <= self.0,
            0x12 => self.0 >= 2,
            _ => false,
        }
    }

    /// Since then it cannot: old values are taken for 0 or 3.
    const fn allows_two(self, value: u64) -> bool {
        match value {
            0 | 1 => true,
            2 | 3 | 0x12 => self.0 >= 3,
            _ => false,
        }
    }
}

/// The highest level that a register accepts.
#[must_use]
pub(super) fn greatest_level(workaround: Workaround, accepted: Option<ValueSet>) -> Level {
    let accepts = |level: &Level| {
        accepted.is_some_and(|accepted| accepted.contains(workaround.register_value(*level)))
    };
    let levels = match workaround {
        // Its register has no name for "call it".
        Workaround::Two => [Level::NotRequired, Level::NotAvailable, Level::NotAvailable],
        _ => [Level::NotRequired, Level::Available, Level::NotAvailable],
    };
    levels
        .into_iter()
        .find(accepts)
        .unwrap_or(Level::NotAvailable)
}

/// The oldest release known here in which KVM lets one lower the field.
#[must_use]
pub(super) fn writable_since(field: Field) -> Option<KernelRelease> {
    match field.writable() {
        Writable::Never => None,
        Writable::Since(release) => Some(release),
    }
}

/// The oldest release known here in which KVM lets a field that may be lowered be lowered to `value`.
#[must_use]
pub(super) fn lowered_since(field: Field, value: u64) -> Option<KernelRelease> {
    let first = writable_since(field)?;
    [
        first,
        MONITOR_BY_RULE,
        KernelRelease::of(KvmGeneration::V7_3),
    ]
    .into_iter()
    .filter(|release| *release >= first && !is_below_floor(field, *release, value))
    .min()
}

/// Values that would be lower by the rule, and that KVM's setters refuse.
#[must_use]
pub(super) fn is_below_floor(field: Field, kernel: KernelRelease, value: u64) -> bool {
    match field {
        // Armv8 has its debug architecture at least.
        Field::ID_AA64DFR0_EL1_DEBUGVER | Field::ID_DFR0_EL1_COPDBG => value < 6,
        // At first the version could not say that the guest's monitor was not there.
        _ if is_monitor_version(field) && value == 0 && kernel < MONITOR_BY_RULE => true,
        // PMUv1 and PMUv2 are of Armv7.
        Field::ID_DFR0_EL1_PERFMON => matches!(value, 1 | 2),
        // An exception level cannot be taken away.
        Field::ID_AA64PFR0_EL1_EL0 | Field::ID_AA64PFR0_EL1_EL1 => {
            value == 0 && kernel >= KernelRelease::of(KvmGeneration::V7_3)
        }
        // Only VIPT and PIPT are real.
        Field::CTR_EL0_L1IP => value < 2 || kernel < KernelRelease::of(KvmGeneration::V7_3),
        _ => false,
    }
}

/// Whether the field is a version of the performance monitor, which KVM treats as no other.
pub(super) fn is_monitor_version(field: Field) -> bool {
    matches!(
        field,
        Field::ID_AA64DFR0_EL1_PMUVER | Field::ID_DFR0_EL1_PERFMON
    )
}

impl Errno {
    /// Linux's number.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Enoent => 2,
            Self::Enxio => 6,
            Self::Enodev => 19,
            Self::Einval => 22,
        }
    }
}

/// Linux's name.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enoent => "ENOENT",
            Self::Enxio => "ENXIO",
            Self::Enodev => "ENODEV",
            Self::Einval => "EINVAL",
        })
    }
}

/// From this release on the version of the performance monitor follows the rule of its field.
pub(super) const MONITOR_BY_RULE: KernelRelease = KernelRelease::new(6, 5);
