//! Firmware pseudo-registers: a machine's promises by KVM's register ids.
//!
//! KVM lets one read and write them like other registers (KVM_GET_ONE_REG, KVM_SET_ONE_REG). Saved
//! states and contracts of KVM machines carry these ids, so core takes and gives them with
//! KVM's own answers, errors included: whoever restores a state learns from core what a kernel of
//! that generation would say.

use core::fmt;

use super::{Bitmap, Dialect, Firmware, KvmGeneration, Level, Workaround};
use crate::psci::PsciVersion;

/// A pseudo-register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PseudoRegister {
    /// KVM_REG_ARM_PSCI_VERSION.
    PsciVersion,
    /// KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1.
    Workaround1,
    /// KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2.
    Workaround2,
    /// KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3.
    Workaround3,
    /// KVM_REG_ARM_STD_BMAP, STD_HYP_BMAP, VENDOR_HYP_BMAP or VENDOR_HYP_BMAP_2.
    Bitmap(Bitmap),
}

/// Why a pseudo-register cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterError {
    /// There is no register with this id, at least not in this generation (ENOENT).
    Unknown(u64),
    /// The id is not one of the arm64 architecture (EINVAL).
    Architecture(u64),
    /// The id names a register, but another width than its eight bytes (ENOENT).
    Width(u64),
    /// The register cannot have this value (EINVAL).
    Value(u64),
    /// The value has a bit for which no service is offered (EINVAL).
    Service(u64),
    /// The value promises more protection than the host gives (EINVAL).
    BeyondHost(u64),
    /// The machine runs and the value is another than the one it has (EBUSY).
    Busy,
}

impl RegisterError {
    /// Linux's number for it, positive.
    #[must_use]
    pub const fn errno(self) -> i32 {
        match self {
            Self::Unknown(_) | Self::Width(_) => 2,
            Self::Busy => 16,
            Self::Architecture(_) | Self::Value(_) | Self::Service(_) | Self::BeyondHost(_) => 22,
        }
    }
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(id) => write!(f, "there is no firmware register {id:#x}"),
            Self::Architecture(id) => write!(f, "{id:#x} is not the id of an arm64 register"),
            Self::Width(id) => write!(f, "the register of {id:#x} has eight bytes"),
            Self::Value(value) => write!(f, "the register cannot have the value {value:#x}"),
            Self::Service(value) => write!(f, "{value:#x} has a service that is not offered"),
            Self::BeyondHost(value) => write!(f, "the host gives less than {value:#x} promises"),
            Self::Busy => write!(f, "the machine runs and has another value"),
        }
    }
}

impl core::error::Error for RegisterError {}

/// Whether the machine's promises can still change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has not run.
    Configured,
    /// It has.
    Running,
}

impl PseudoRegister {
    /// All eight, in the order in which KVM lists them.
    pub const ALL: [Self; 8] = [
        Self::PsciVersion,
        Self::Workaround1,
        Self::Workaround2,
        Self::Workaround3,
        Self::Bitmap(Bitmap::Standard),
        Self::Bitmap(Bitmap::StandardHypervisor),
        Self::Bitmap(Bitmap::VendorHypervisor),
        Self::Bitmap(Bitmap::VendorHypervisor2),
    ];

    /// KVM's id: arm64, eight bytes, the firmware or the bitmap group, a number.
    #[must_use]
    pub const fn id(self) -> u64 {
        match self {
            Self::PsciVersion => 0x6030_0000_0014_0000,
            Self::Workaround1 => 0x6030_0000_0014_0001,
            Self::Workaround2 => 0x6030_0000_0014_0002,
            Self::Workaround3 => 0x6030_0000_0014_0003,
            Self::Bitmap(Bitmap::Standard) => 0x6030_0000_0016_0000,
            Self::Bitmap(Bitmap::StandardHypervisor) => 0x6030_0000_0016_0001,
            Self::Bitmap(Bitmap::VendorHypervisor) => 0x6030_0000_0016_0002,
            Self::Bitmap(Bitmap::VendorHypervisor2) => 0x6030_0000_0016_0003,
        }
    }

    /// The register with this id.
    ///
    /// # Errors
    ///
    /// No register has it, or the id claims another width.
    pub fn from_id(id: u64) -> Result<Self, RegisterError> {
        let named = |id| Self::ALL.into_iter().find(|register| register.id() == id);
        let eight_bytes_wide = id & !WIDTH | EIGHT_BYTES;
        match (named(id), named(eight_bytes_wide)) {
            (Some(register), _) => Ok(register),
            (None, _) if id & ARCHITECTURE != ARM64 => Err(RegisterError::Architecture(id)),
            (None, Some(_)) => Err(RegisterError::Width(id)),
            (None, None) => Err(RegisterError::Unknown(id)),
        }
    }

    /// Does a machine of this dialect have the register?
    const fn is_known_to(self, dialect: Dialect) -> bool {
        match (self, dialect) {
            (_, Dialect::Specification)
            | (
                Self::PsciVersion | Self::Workaround1 | Self::Workaround2 | Self::Workaround3,
                Dialect::Kvm(_),
            ) => true,
            (Self::Bitmap(Bitmap::VendorHypervisor2), Dialect::Kvm(generation)) => {
                matches!(generation, KvmGeneration::V7_3)
            }
            (Self::Bitmap(_), Dialect::Kvm(generation)) => {
                !matches!(generation, KvmGeneration::V5_10)
            }
        }
    }
}

impl Firmware {
    /// The value of the register with this id.
    pub(crate) fn register(&self, id: u64) -> Result<u64, RegisterError> {
        let level =
            |workaround: Workaround| workaround.register_value(self.workarounds.level(workaround));
        Ok(match self.find_register(id)? {
            PseudoRegister::PsciVersion => self.psci_version.value().into(),
            PseudoRegister::Workaround1 => level(Workaround::One),
            PseudoRegister::Workaround2 => level(Workaround::Two),
            PseudoRegister::Workaround3 => level(Workaround::Three),
            PseudoRegister::Bitmap(bitmap) => self.services.active().register(bitmap),
        })
    }

    /// Writes the register with this id.
    pub(crate) fn set_register(
        &mut self,
        id: u64,
        value: u64,
        stage: Stage,
    ) -> Result<(), RegisterError> {
        match self.find_register(id)? {
            PseudoRegister::PsciVersion => self.set_psci_version(value),
            PseudoRegister::Workaround1 => self.check_level(Workaround::One, value),
            PseudoRegister::Workaround2 => self.check_level(Workaround::Two, value),
            PseudoRegister::Workaround3 => self.check_level(Workaround::Three, value),
            PseudoRegister::Bitmap(bitmap) => self.set_bitmap(bitmap, value, stage),
        }
    }

    fn find_register(&self, id: u64) -> Result<PseudoRegister, RegisterError> {
        let register = PseudoRegister::from_id(id)?;
        if register.is_known_to(self.dialect) {
            Ok(register)
        } else {
            Err(RegisterError::Unknown(id))
        }
    }

    /// Never frozen, as in KVM; 0.1 is not a version but the lack of the feature that brings all
    /// others.
    fn set_psci_version(&mut self, value: u64) -> Result<(), RegisterError> {
        let version = u32::try_from(value)
            .ok()
            .and_then(PsciVersion::from_value)
            .filter(|version| *version <= self.rules().newest_psci)
            .filter(|version| {
                (*version == PsciVersion::V0_1) == (self.psci_version == PsciVersion::V0_1)
            })
            .ok_or(RegisterError::Value(value))?;
        self.psci_version = version;
        Ok(())
    }

    /// A level is only checked: what the guest hears is always what the host gives.
    fn check_level(&self, workaround: Workaround, value: u64) -> Result<(), RegisterError> {
        let level = parse_level(workaround, value).ok_or(RegisterError::Value(value))?;
        if level <= self.workarounds.level(workaround) {
            Ok(())
        } else {
            Err(RegisterError::BeyondHost(value))
        }
    }

    fn set_bitmap(
        &mut self,
        bitmap: Bitmap,
        value: u64,
        stage: Stage,
    ) -> Result<(), RegisterError> {
        let changed = self
            .services
            .with_active(bitmap, value)
            .ok_or(RegisterError::Service(value))?;
        if stage == Stage::Running && changed != self.services {
            return Err(RegisterError::Busy);
        }
        self.services = changed;
        Ok(())
    }
}

/// What a saved value promises. Workaround 2 has a flag (bit 4) and two levels that kernels before
/// 5.10 saved: 1, unknown, promises nothing; 2, available, today's kernels give as not required.
const fn parse_level(workaround: Workaround, value: u64) -> Option<Level> {
    match (workaround, value) {
        (_, 0) => Some(Level::NotAvailable),
        (Workaround::Two, 1) => Some(Level::NotAvailable),
        (Workaround::Two, 2 | 3 | 0x12) => Some(Level::NotRequired),
        (Workaround::Two, _) => None,
        (_, 1) => Some(Level::Available),
        (_, 2) => Some(Level::NotRequired),
        _ => None,
    }
}

/// The bits of an id that give its architecture, and their value for arm64.
const ARCHITECTURE: u64 = 0xff00_0000_0000_0000;
const ARM64: u64 = 0x6000_0000_0000_0000;
/// The bits of an id that give the register's width, and their value for eight bytes.
const WIDTH: u64 = 0x00f0_0000_0000_0000;
const EIGHT_BYTES: u64 = 0x0030_0000_0000_0000;

#[cfg(test)]
mod tests {
    use super::super::{Services, Workarounds};
    use super::*;
    use crate::VmConfig;

    const PSCI_VERSION: u64 = 0x6030_0000_0014_0000;
    const WORKAROUND_1: u64 = 0x6030_0000_0014_0001;
    const WORKAROUND_2: u64 = 0x6030_0000_0014_0002;
    const WORKAROUND_3: u64 = 0x6030_0000_0014_0003;
    const VENDOR_HYP: u64 = 0x6030_0000_0016_0002;
    const VENDOR_HYP_2: u64 = 0x6030_0000_0016_0003;

    fn kvm(generation: KvmGeneration) -> VmConfig<1> {
        VmConfig::new().with_dialect(Dialect::Kvm(generation))
    }

    #[test]
    fn ids_are_kvms() {
        assert_eq!(
            PseudoRegister::ALL.map(PseudoRegister::id),
            [
                0x6030_0000_0014_0000,
                0x6030_0000_0014_0001,
                0x6030_0000_0014_0002,
                0x6030_0000_0014_0003,
                0x6030_0000_0016_0000,
                0x6030_0000_0016_0001,
                0x6030_0000_0016_0002,
                0x6030_0000_0016_0003,
            ]
        );
    }

    #[test]
    fn an_id_of_another_width_is_not_the_register() {
        for id in [0x6020_0000_0014_0000, 0x6040_0000_0016_0003] {
            assert_eq!(PseudoRegister::from_id(id), Err(RegisterError::Width(id)));
        }
        for id in [0x6030_0000_0014_0004, 0x6030_0000_0016_0004] {
            assert_eq!(PseudoRegister::from_id(id), Err(RegisterError::Unknown(id)));
        }
        for id in [0, 0x4030_0000_0014_0000, u64::MAX] {
            assert_eq!(
                PseudoRegister::from_id(id),
                Err(RegisterError::Architecture(id))
            );
        }
    }

    #[test]
    fn errors_have_kvms_numbers() {
        for (error, errno) in [
            (RegisterError::Unknown(0), 2),
            (RegisterError::Width(0), 2),
            (RegisterError::Busy, 16),
            (RegisterError::Architecture(0), 22),
            (RegisterError::Value(0), 22),
            (RegisterError::Service(0), 22),
            (RegisterError::BeyondHost(0), 22),
        ] {
            assert_eq!(error.errno(), errno, "{error}");
        }
    }

    #[test]
    fn a_generation_knows_the_registers_of_its_time() {
        let known = |generation, id| kvm(generation).register(id).is_ok();
        assert!(known(KvmGeneration::V5_10, WORKAROUND_3));
        assert!(!known(KvmGeneration::V5_10, VENDOR_HYP));
        assert!(known(KvmGeneration::V6_1, VENDOR_HYP));
        assert!(!known(KvmGeneration::V6_12, VENDOR_HYP_2));
        assert!(known(KvmGeneration::V7_3, VENDOR_HYP_2));
    }

    #[test]
    fn a_version_is_one_that_the_generation_knows_and_never_0_1() {
        let mut config = kvm(KvmGeneration::V6_12);
        for version in [2, 0x1_0000, 0x1_0001] {
            assert_eq!(config.set_register(PSCI_VERSION, version), Ok(()));
            assert_eq!(config.register(PSCI_VERSION), Ok(version));
        }
        for version in [0, 1, 3, 0x1_0002, 0x1_0003, 0x2_0000, 1 << 32] {
            assert_eq!(
                config.set_register(PSCI_VERSION, version),
                Err(RegisterError::Value(version))
            );
        }
        assert!(
            kvm(KvmGeneration::V7_3)
                .set_register(PSCI_VERSION, 0x1_0003)
                .is_ok()
        );
    }

    #[test]
    fn a_machine_of_0_1_stays_one() {
        let mut config = kvm(KvmGeneration::V6_12).with_psci_version(PsciVersion::V0_1);
        assert_eq!(config.set_register(PSCI_VERSION, 1), Ok(()));
        assert_eq!(
            config.set_register(PSCI_VERSION, 2),
            Err(RegisterError::Value(2))
        );
    }

    #[test]
    fn levels_are_checked_against_the_host_and_not_kept() {
        let levels = Workarounds::NONE
            .with(Workaround::One, Level::Available)
            .with(Workaround::Three, Level::NotRequired);
        let mut config = kvm(KvmGeneration::V6_12).with_workarounds(levels);
        for (id, value, answer) in [
            (WORKAROUND_1, 0, Ok(())),
            (WORKAROUND_1, 1, Ok(())),
            (WORKAROUND_1, 2, Err(RegisterError::BeyondHost(2))),
            (WORKAROUND_1, 3, Err(RegisterError::Value(3))),
            (WORKAROUND_1, 0x10, Err(RegisterError::Value(0x10))),
            (WORKAROUND_2, 0, Ok(())),
            (WORKAROUND_2, 1, Ok(())),
            (WORKAROUND_2, 2, Err(RegisterError::BeyondHost(2))),
            (WORKAROUND_2, 3, Err(RegisterError::BeyondHost(3))),
            (WORKAROUND_2, 0x12, Err(RegisterError::BeyondHost(0x12))),
            (WORKAROUND_2, 0x13, Err(RegisterError::Value(0x13))),
            (WORKAROUND_2, 0x20, Err(RegisterError::Value(0x20))),
            (WORKAROUND_3, 2, Ok(())),
        ] {
            assert_eq!(config.set_register(id, value), answer, "{id:#x} {value:#x}");
        }
        assert_eq!(config.register(WORKAROUND_1), Ok(1));
        assert_eq!(config.register(WORKAROUND_2), Ok(0));
        assert_eq!(config.register(WORKAROUND_3), Ok(2));
    }

    #[test]
    fn bitmaps_are_negotiated_before_the_machine_runs() {
        let offered = Services::VENDOR_FEATURES | Services::PTP;
        let mut config = kvm(KvmGeneration::V6_12).with_services(offered);
        assert_eq!(config.register(VENDOR_HYP), Ok(3));
        assert_eq!(config.set_register(VENDOR_HYP, 1), Ok(()));
        assert_eq!(config.register(VENDOR_HYP), Ok(1));
        assert_eq!(
            config.set_register(VENDOR_HYP, 4),
            Err(RegisterError::Service(4))
        );
    }
}
