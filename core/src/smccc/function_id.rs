//! Function identifiers: what W0 of a call says (DEN0028 §2.5, table 2-1).
//!
//! The identifier is whatever the guest put there, so the type is open: every 32-bit value is one
//! and travels unharmed; the named ones are constants.

use core::fmt;

/// A 32-bit function identifier, as a guest passed it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct FunctionId(u32);

/// Whether a call runs to its end at once (bit 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallType {
    /// Atomic: returns when it is done.
    Fast,
    /// May return early to be resumed (a Trusted OS's calls).
    Yielding,
}

/// The service range that a fast call belongs to (bits 29:24, table 2-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// 0: Arm Architecture calls.
    Architecture,
    /// 1: CPU service calls.
    Cpu,
    /// 2: SiP service calls.
    Sip,
    /// 3: OEM service calls.
    Oem,
    /// 4: Standard Secure service calls (PSCI, TRNG and others).
    StandardSecure,
    /// 5: Standard Hypervisor service calls (PV time).
    StandardHypervisor,
    /// 6: Vendor Specific Hypervisor service calls.
    VendorHypervisor,
    /// 7–47: reserved.
    Reserved(u8),
    /// 48–49: Trusted Applications.
    TrustedApplication(u8),
    /// 50–63: Trusted OS.
    TrustedOs(u8),
}

impl FunctionId {
    /// SMCCC_VERSION (DEN0028 §7.2).
    pub const SMCCC_VERSION: Self = Self(0x8000_0000);
    /// SMCCC_ARCH_FEATURES (DEN0028 §7.3).
    pub const SMCCC_ARCH_FEATURES: Self = Self(0x8000_0001);
    /// SMCCC_ARCH_SOC_ID, SMC32 (DEN0028 §7.4).
    pub const SMCCC_ARCH_SOC_ID_32: Self = Self(0x8000_0002);
    /// SMCCC_ARCH_SOC_ID, SMC64 (DEN0028 §7.4).
    pub const SMCCC_ARCH_SOC_ID_64: Self = Self(0xc000_0002);
    /// SMCCC_ARCH_WORKAROUND_1 (DEN0028 §7.5): Spectre variant 2.
    pub const SMCCC_ARCH_WORKAROUND_1: Self = Self(0x8000_8000);
    /// SMCCC_ARCH_WORKAROUND_2 (DEN0028 §7.6): Spectre variant 4.
    pub const SMCCC_ARCH_WORKAROUND_2: Self = Self(0x8000_7fff);
    /// SMCCC_ARCH_WORKAROUND_3 (DEN0028 §7.7): Spectre-BHB.
    pub const SMCCC_ARCH_WORKAROUND_3: Self = Self(0x8000_3fff);
    /// SMCCC_ARCH_WORKAROUND_4 (DEN0028 §7.9): CVE-2024-7881.
    pub const SMCCC_ARCH_WORKAROUND_4: Self = Self(0x8000_0004);

    /// PSCI_VERSION (DEN0022 §5.1.1).
    pub const PSCI_VERSION: Self = Self(0x8400_0000);
    /// CPU_SUSPEND, SMC32 (DEN0022 §5.1.2).
    pub const CPU_SUSPEND_32: Self = Self(0x8400_0001);
    /// CPU_SUSPEND, SMC64 (DEN0022 §5.1.2).
    pub const CPU_SUSPEND_64: Self = Self(0xc400_0001);
    /// CPU_OFF (DEN0022 §5.1.3).
    pub const CPU_OFF: Self = Self(0x8400_0002);
    /// CPU_ON, SMC32 (DEN0022 §5.1.4).
    pub const CPU_ON_32: Self = Self(0x8400_0003);
    /// CPU_ON, SMC64 (DEN0022 §5.1.4).
    pub const CPU_ON_64: Self = Self(0xc400_0003);
    /// AFFINITY_INFO, SMC32 (DEN0022 §5.1.5).
    pub const AFFINITY_INFO_32: Self = Self(0x8400_0004);
    /// AFFINITY_INFO, SMC64 (DEN0022 §5.1.5).
    pub const AFFINITY_INFO_64: Self = Self(0xc400_0004);
    /// MIGRATE, SMC32 (DEN0022 §5.1.6).
    pub const MIGRATE_32: Self = Self(0x8400_0005);
    /// MIGRATE, SMC64 (DEN0022 §5.1.6).
    pub const MIGRATE_64: Self = Self(0xc400_0005);
    /// MIGRATE_INFO_TYPE (DEN0022 §5.1.7).
    pub const MIGRATE_INFO_TYPE: Self = Self(0x8400_0006);
    /// MIGRATE_INFO_UP_CPU, SMC32 (DEN0022 §5.1.8).
    pub const MIGRATE_INFO_UP_CPU_32: Self = Self(0x8400_0007);
    /// MIGRATE_INFO_UP_CPU, SMC64 (DEN0022 §5.1.8).
    pub const MIGRATE_INFO_UP_CPU_64: Self = Self(0xc400_0007);
    /// SYSTEM_OFF (DEN0022 §5.1.9).
    pub const SYSTEM_OFF: Self = Self(0x8400_0008);
    /// SYSTEM_RESET (DEN0022 §5.1.11).
    pub const SYSTEM_RESET: Self = Self(0x8400_0009);
    /// PSCI_FEATURES (DEN0022 §5.1.15).
    pub const PSCI_FEATURES: Self = Self(0x8400_000a);
    /// CPU_FREEZE (DEN0022 §5.1.16).
    pub const CPU_FREEZE: Self = Self(0x8400_000b);
    /// CPU_DEFAULT_SUSPEND, SMC32 (DEN0022 §5.1.17).
    pub const CPU_DEFAULT_SUSPEND_32: Self = Self(0x8400_000c);
    /// CPU_DEFAULT_SUSPEND, SMC64 (DEN0022 §5.1.17).
    pub const CPU_DEFAULT_SUSPEND_64: Self = Self(0xc400_000c);
    /// NODE_HW_STATE, SMC32 (DEN0022 §5.1.18).
    pub const NODE_HW_STATE_32: Self = Self(0x8400_000d);
    /// NODE_HW_STATE, SMC64 (DEN0022 §5.1.18).
    pub const NODE_HW_STATE_64: Self = Self(0xc400_000d);
    /// SYSTEM_SUSPEND, SMC32 (DEN0022 §5.1.19).
    pub const SYSTEM_SUSPEND_32: Self = Self(0x8400_000e);
    /// SYSTEM_SUSPEND, SMC64 (DEN0022 §5.1.19).
    pub const SYSTEM_SUSPEND_64: Self = Self(0xc400_000e);
    /// PSCI_SET_SUSPEND_MODE (DEN0022 §5.1.20).
    pub const PSCI_SET_SUSPEND_MODE: Self = Self(0x8400_000f);
    /// PSCI_STAT_RESIDENCY, SMC32 (DEN0022 §5.1.21).
    pub const PSCI_STAT_RESIDENCY_32: Self = Self(0x8400_0010);
    /// PSCI_STAT_RESIDENCY, SMC64 (DEN0022 §5.1.21).
    pub const PSCI_STAT_RESIDENCY_64: Self = Self(0xc400_0010);
    /// PSCI_STAT_COUNT, SMC32 (DEN0022 §5.1.22).
    pub const PSCI_STAT_COUNT_32: Self = Self(0x8400_0011);
    /// PSCI_STAT_COUNT, SMC64 (DEN0022 §5.1.22).
    pub const PSCI_STAT_COUNT_64: Self = Self(0xc400_0011);
    /// SYSTEM_RESET2, SMC32 (DEN0022 §5.1.12).
    pub const SYSTEM_RESET2_32: Self = Self(0x8400_0012);
    /// SYSTEM_RESET2, SMC64 (DEN0022 §5.1.12).
    pub const SYSTEM_RESET2_64: Self = Self(0xc400_0012);
    /// MEM_PROTECT (DEN0022 §5.1.13).
    pub const MEM_PROTECT: Self = Self(0x8400_0013);
    /// MEM_PROTECT_CHECK_RANGE, SMC32 (DEN0022 §5.1.14).
    pub const MEM_PROTECT_CHECK_RANGE_32: Self = Self(0x8400_0014);
    /// MEM_PROTECT_CHECK_RANGE, SMC64 (DEN0022 §5.1.14).
    pub const MEM_PROTECT_CHECK_RANGE_64: Self = Self(0xc400_0014);
    /// SYSTEM_OFF2, SMC32 (DEN0022 §5.1.10).
    pub const SYSTEM_OFF2_32: Self = Self(0x8400_0015);
    /// SYSTEM_OFF2, SMC64 (DEN0022 §5.1.10).
    pub const SYSTEM_OFF2_64: Self = Self(0xc400_0015);
    /// CLEAN_INV_MEMREGION (the alpha of PSCI 1.3).
    pub const CLEAN_INV_MEMREGION: Self = Self(0xc400_0016);
    /// CLEAN_INV_MEMREGION_ATTRIBUTES (the alpha of PSCI 1.3).
    pub const CLEAN_INV_MEMREGION_ATTRIBUTES: Self = Self(0x8400_0017);

    /// CPU_SUSPEND of PSCI 0.1, by the private id that KVM gives it.
    pub const PSCI_0_1_CPU_SUSPEND: Self = Self(0x95c1_ba5e);
    /// CPU_OFF of PSCI 0.1.
    pub const PSCI_0_1_CPU_OFF: Self = Self(0x95c1_ba5f);
    /// CPU_ON of PSCI 0.1.
    pub const PSCI_0_1_CPU_ON: Self = Self(0x95c1_ba60);
    /// MIGRATE of PSCI 0.1.
    pub const PSCI_0_1_MIGRATE: Self = Self(0x95c1_ba61);

    /// TRNG_VERSION (DEN0098 §2.1).
    pub const TRNG_VERSION: Self = Self(0x8400_0050);
    /// TRNG_FEATURES (DEN0098 §2.2).
    pub const TRNG_FEATURES: Self = Self(0x8400_0051);
    /// TRNG_GET_UUID (DEN0098 §2.3).
    pub const TRNG_GET_UUID: Self = Self(0x8400_0052);
    /// TRNG_RND, SMC32 (DEN0098 §2.4).
    pub const TRNG_RND_32: Self = Self(0x8400_0053);
    /// TRNG_RND, SMC64 (DEN0098 §2.4).
    pub const TRNG_RND_64: Self = Self(0xc400_0053);

    /// PV_TIME_FEATURES (DEN0057 §3.2).
    pub const PV_TIME_FEATURES: Self = Self(0xc500_0020);
    /// PV_TIME_ST (DEN0057 §3.3).
    pub const PV_TIME_ST: Self = Self(0xc500_0021);

    /// FEATURES of KVM's vendor services.
    pub const VENDOR_HYP_FEATURES: Self = Self(0x8600_0000);
    /// PTP of KVM's vendor services.
    pub const VENDOR_HYP_PTP: Self = Self(0x8600_0001);
    /// CALL_UID of the vendor specific hypervisor service (DEN0028 §6.2).
    pub const VENDOR_HYP_CALL_UID: Self = Self(0x8600_ff01);
    /// DISCOVER_IMPL_VER of KVM's vendor services.
    pub const VENDOR_HYP_DISCOVER_IMPL_VER: Self = Self(0xc600_0040);
    /// DISCOVER_IMPL_CPUS of KVM's vendor services.
    pub const VENDOR_HYP_DISCOVER_IMPL_CPUS: Self = Self(0xc600_0041);

    /// The identifier in the low half of X0; the upper half is not part of it.
    #[must_use]
    pub const fn from_x0(x0: u64) -> Self {
        let [a, b, c, d, ..] = x0.to_le_bytes();
        Self(u32::from_le_bytes([a, b, c, d]))
    }

    /// The identifier with this value.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The 32-bit value.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }

    /// Fast or yielding (bit 31).
    #[must_use]
    pub const fn call_type(self) -> CallType {
        if self.0 & 1 << 31 != 0 {
            CallType::Fast
        } else {
            CallType::Yielding
        }
    }

    /// Does the call use the SMC64 convention (bit 30), that is, whole X registers?
    #[must_use]
    pub const fn is_smc64(self) -> bool {
        self.0 & 1 << 30 != 0
    }

    /// Is this one of the private ids of PSCI 0.1, which belong to no convention?
    pub(crate) const fn is_psci_0_1(self) -> bool {
        matches!(self.0, 0x95c1_ba5e..=0x95c1_ba61)
    }

    /// The identifier of the same function without the hint that SVE state is dead, which SMCCC
    /// 1.3 put into bit 16 of fast calls (DEN0028 §2.5). In the private ids of PSCI 0.1 that bit
    /// is no hint.
    pub(crate) const fn without_sve_hint(self) -> Self {
        match self.call_type() {
            CallType::Fast if !self.is_psci_0_1() => Self(self.0 & !(1 << 16)),
            CallType::Fast | CallType::Yielding => self,
        }
    }

    /// The owning service (bits 29:24).
    #[must_use]
    pub const fn owner(self) -> Owner {
        let [_, _, _, top] = self.0.to_le_bytes();
        match top & 0x3f {
            0 => Owner::Architecture,
            1 => Owner::Cpu,
            2 => Owner::Sip,
            3 => Owner::Oem,
            4 => Owner::StandardSecure,
            5 => Owner::StandardHypervisor,
            6 => Owner::VendorHypervisor,
            number @ 7..=47 => Owner::Reserved(number),
            number @ 48..=49 => Owner::TrustedApplication(number),
            number => Owner::TrustedOs(number),
        }
    }
}

impl fmt::Debug for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FunctionId({:#010x})", self.0)
    }
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_half_of_x0_is_not_part_of_the_identifier() {
        assert_eq!(
            FunctionId::from_x0(0xffff_ffff_8400_0000).value(),
            0x8400_0000
        );
    }

    #[test]
    fn bit_31_says_fast() {
        assert_eq!(FunctionId::new(0x8400_0000).call_type(), CallType::Fast);
        assert_eq!(FunctionId::new(0x0400_0000).call_type(), CallType::Yielding);
    }

    #[test]
    fn bit_16_of_a_fast_call_is_a_hint() {
        let without = |value| FunctionId::new(value).without_sve_hint().value();
        assert_eq!(without(0x8401_0003), 0x8400_0003);
        assert_eq!(without(0x0401_0003), 0x0401_0003);
        assert_eq!(without(0x95c1_ba5e), 0x95c1_ba5e);
    }

    #[test]
    fn bit_30_says_smc64() {
        assert!(FunctionId::new(0xc400_0003).is_smc64());
        assert!(!FunctionId::new(0x8400_0003).is_smc64());
    }

    #[test]
    fn owners_are_bits_29_to_24() {
        for (value, owner) in [
            (0x8000_0000, Owner::Architecture),
            (0x8100_0000, Owner::Cpu),
            (0xc200_0000, Owner::Sip),
            (0x8300_0000, Owner::Oem),
            (0xc400_0003, Owner::StandardSecure),
            (0xc500_0020, Owner::StandardHypervisor),
            (0x8600_ff01, Owner::VendorHypervisor),
            (0x8700_0000, Owner::Reserved(7)),
            (0xaf00_0000, Owner::Reserved(47)),
            (0xb000_0000, Owner::TrustedApplication(48)),
            (0xb100_0000, Owner::TrustedApplication(49)),
            (0xb200_0000, Owner::TrustedOs(50)),
            (0xbf00_ff01, Owner::TrustedOs(63)),
        ] {
            assert_eq!(FunctionId::new(value).owner(), owner, "{value:#x}");
        }
    }
}
