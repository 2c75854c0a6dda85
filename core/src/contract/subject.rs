//! What a contract's reasons are about: the places where a machine is told a promise.

use core::fmt;

use super::reason::{ImplementationRegister, Reason};
use crate::cpu::{Field, IdRegister};
use crate::firmware::{Bitmap, Workaround};

/// One place where a host is told what was promised, or where a guest finds out by itself.
///
/// A kernel judges whole registers: several fields of one register have one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The bits of guest-physical address (KVM_CREATE_VM).
    AddressBits,
    /// The vCPU's features (KVM_ARM_VCPU_INIT).
    VcpuFeatures,
    /// KVM_REG_ARM64_SVE_VLS.
    VectorLengths,
    /// MIDR_EL1, REVIDR_EL1 or AIDR_EL1.
    Implementation(ImplementationRegister),
    /// The list of implementations.
    ImplementationList,
    /// An ID register.
    IdRegister(IdRegister),
    /// CLIDR_EL1.
    CacheLevels,
    /// CCSIDR_EL1 for one value of CSSELR_EL1.
    CacheSize(u8),
    /// DCZID_EL0.
    ZeroBlock,
    /// PMCR_EL0.N.
    PmuCounters,
    /// KVM_REG_ARM_PSCI_VERSION.
    PsciVersion,
    /// KVM_CAP_ARM_SYSTEM_SUSPEND.
    SystemSuspend,
    /// The firmware register of a workaround.
    Workaround(Workaround),
    /// A bitmap of services.
    Services(Bitmap),
    /// The service PTP.
    Ptp,
    /// KVM_ARM_VCPU_PVTIME_IPA.
    StolenTime,
    /// KVM_ARM_VM_SMCCC_FILTER.
    Forwarding,
    /// The interrupt controller as a device (KVM_CREATE_DEVICE).
    Gic,
    /// GICD_IIDR.
    GicRevision,
    /// CNTFRQ_EL0.
    CounterFrequency,
    /// CNTPCT_EL0.
    PhysicalCounter,
}

impl Reason {
    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match *self {
            Self::VcpuFeatures { .. } => Subject::VcpuFeatures,
            Self::Field { field, .. } | Self::Dependent { field, .. } => {
                Subject::IdRegister(field.register())
            }
            Self::UnnamedBits { register, .. } | Self::AbsentRegister { register, .. } => {
                Subject::IdRegister(register)
            }
            Self::Implementation { register, .. } => Subject::Implementation(register),
            Self::UnlistedImplementation { .. } => Subject::ImplementationList,
            Self::CacheLevels { .. } => Subject::CacheLevels,
            Self::CacheSize { selector, .. } => Subject::CacheSize(selector),
            Self::ZeroBlock { .. } => Subject::ZeroBlock,
            Self::VectorLengths { .. } => Subject::VectorLengths,
            Self::PmuCounters { .. } => Subject::PmuCounters,
            Self::PsciVersion { .. } => Subject::PsciVersion,
            Self::SystemSuspend => Subject::SystemSuspend,
            Self::Workaround { workaround, .. } => Subject::Workaround(workaround),
            Self::Services { bitmap, .. } => Subject::Services(bitmap),
            Self::Ptp => Subject::Ptp,
            Self::StolenTime => Subject::StolenTime,
            Self::Forwarding => Subject::Forwarding,
            Self::GicKind { .. } => Subject::Gic,
            Self::GicRevision { .. } => Subject::GicRevision,
            Self::CounterFrequency { .. } => Subject::CounterFrequency,
            Self::PhysicalCounter => Subject::PhysicalCounter,
            Self::AddressBits { .. } => Subject::AddressBits,
        }
    }

    /// The field that it is about, if it is one.
    #[must_use]
    pub const fn field(&self) -> Option<Field> {
        match self {
            Self::Field { field, .. } | Self::Dependent { field, .. } => Some(*field),
            _ => None,
        }
    }
}

/// As the architecture, SMCCC or KVM call it.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressBits => f.write_str("guest address space"),
            Self::VcpuFeatures => f.write_str("vCPU features"),
            Self::VectorLengths => f.write_str("KVM_REG_ARM64_SVE_VLS"),
            Self::Implementation(register) => write!(f, "{register}"),
            Self::ImplementationList => f.write_str("list of implementations"),
            Self::IdRegister(register) => write!(f, "{register}"),
            Self::CacheLevels => f.write_str("CLIDR_EL1"),
            Self::CacheSize(selector) => write!(f, "CCSIDR_EL1[{selector}]"),
            Self::ZeroBlock => f.write_str("DCZID_EL0"),
            Self::PmuCounters => f.write_str("PMCR_EL0.N"),
            Self::PsciVersion => f.write_str("KVM_REG_ARM_PSCI_VERSION"),
            Self::SystemSuspend => f.write_str("KVM_CAP_ARM_SYSTEM_SUSPEND"),
            Self::Workaround(workaround) => write!(f, "KVM_REG_ARM_{workaround}"),
            Self::Services(bitmap) => write!(f, "{bitmap}"),
            Self::Ptp => f.write_str("service ptp"),
            Self::StolenTime => f.write_str("KVM_ARM_VCPU_PVTIME_IPA"),
            Self::Forwarding => f.write_str("KVM_ARM_VM_SMCCC_FILTER"),
            Self::Gic => f.write_str("interrupt controller"),
            Self::GicRevision => f.write_str("GICD_IIDR"),
            Self::CounterFrequency => f.write_str("CNTFRQ_EL0"),
            Self::PhysicalCounter => f.write_str("CNTPCT_EL0"),
        }
    }
}
