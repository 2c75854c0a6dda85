//! What a kernel can be asked whether it has it (KVM_CHECK_EXTENSION).

use std::fmt;

/// A capability this crate asks for; the discriminant is KVM's number (KVM_CAP_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Capability {
    /// KVM_CAP_MAX_VCPUS: the greatest number of vCPUs a VM may have.
    MaxVcpus = 66,
    /// KVM_CAP_ARM_EL1_32BIT: guests may run AArch32 at EL1.
    El1_32Bit = 93,
    /// KVM_CAP_ARM_PMU_V3: [`VcpuFeatures::PMU_V3`](super::VcpuFeatures::PMU_V3) may be asked for.
    PmuV3 = 126,
    /// KVM_CAP_ARM_VM_IPA_SIZE: the greatest number of bits of guest address.
    VmIpaSize = 165,
    /// KVM_CAP_ARM_SVE: [`VcpuFeatures::SVE`](super::VcpuFeatures::SVE) may be asked for.
    Sve = 170,
    /// KVM_CAP_ARM_PTRAUTH_ADDRESS: with the generic one, pointer authentication may be asked for.
    PtrauthAddress = 171,
    /// KVM_CAP_ARM_PTRAUTH_GENERIC.
    PtrauthGeneric = 172,
    /// KVM_CAP_ARM_NISV_TO_USER: enabled, an access that KVM cannot decode is
    /// [`Exit::UndecodableAbort`](super::Exit::UndecodableAbort); without it the run fails with ENOSYS.
    NisvToUser = 177,
    /// KVM_CAP_ARM_INJECT_EXT_DABT: [`inject_external_abort`](super::VcpuOps::inject_external_abort) works.
    InjectExternalAbort = 178,
    /// KVM_CAP_STEAL_TIME: the kernel can count what a vCPU had to wait.
    StealTime = 187,
    /// KVM_CAP_PTP_KVM: the kernel can answer the guest's PTP calls.
    PtpKvm = 198,
    /// KVM_CAP_ARM_MTE: guests may use memory tags.
    Mte = 205,
    /// KVM_CAP_ARM_SYSTEM_SUSPEND: enabled, SYSTEM_SUSPEND is
    /// [`Suspend`](super::SystemEventKind::Suspend); without it the guest gets NOT_SUPPORTED. Linux 5.19.
    SystemSuspend = 216,
    /// KVM_CAP_COUNTER_OFFSET: a VM's counters can be set apart from the host's. Linux 6.4.
    CounterOffset = 227,
    /// KVM_CAP_ARM_WRITABLE_IMP_ID_REGS: enabled, before any vCPU is made, MIDR_EL1, REVIDR_EL1
    /// and AIDR_EL1 can be written. Linux 6.15.
    WritableImpIdRegs = 239,
    /// KVM_CAP_ARM_EL2: guests may have EL2.
    El2 = 240,
    /// KVM_CAP_ARM_EL2_E2H0: guests may have EL2 without its host extensions.
    El2E2h0 = 241,
}

impl Capability {
    /// All of them, in the kernel's order.
    pub const ALL: [Self; 17] = [
        Self::MaxVcpus,
        Self::El1_32Bit,
        Self::PmuV3,
        Self::VmIpaSize,
        Self::Sve,
        Self::PtrauthAddress,
        Self::PtrauthGeneric,
        Self::NisvToUser,
        Self::InjectExternalAbort,
        Self::StealTime,
        Self::PtpKvm,
        Self::Mte,
        Self::SystemSuspend,
        Self::CounterOffset,
        Self::WritableImpIdRegs,
        Self::El2,
        Self::El2E2h0,
    ];

    /// KVM's number.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// KVM's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxVcpus => "KVM_CAP_MAX_VCPUS",
            Self::El1_32Bit => "KVM_CAP_ARM_EL1_32BIT",
            Self::PmuV3 => "KVM_CAP_ARM_PMU_V3",
            Self::VmIpaSize => "KVM_CAP_ARM_VM_IPA_SIZE",
            Self::Sve => "KVM_CAP_ARM_SVE",
            Self::PtrauthAddress => "KVM_CAP_ARM_PTRAUTH_ADDRESS",
            Self::PtrauthGeneric => "KVM_CAP_ARM_PTRAUTH_GENERIC",
            Self::NisvToUser => "KVM_CAP_ARM_NISV_TO_USER",
            Self::InjectExternalAbort => "KVM_CAP_ARM_INJECT_EXT_DABT",
            Self::StealTime => "KVM_CAP_STEAL_TIME",
            Self::PtpKvm => "KVM_CAP_PTP_KVM",
            Self::Mte => "KVM_CAP_ARM_MTE",
            Self::SystemSuspend => "KVM_CAP_ARM_SYSTEM_SUSPEND",
            Self::CounterOffset => "KVM_CAP_COUNTER_OFFSET",
            Self::WritableImpIdRegs => "KVM_CAP_ARM_WRITABLE_IMP_ID_REGS",
            Self::El2 => "KVM_CAP_ARM_EL2",
            Self::El2E2h0 => "KVM_CAP_ARM_EL2_E2H0",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_the_kernels_numbers() {
        assert_eq!(Capability::VmIpaSize.number(), 165);
        assert_eq!(Capability::NisvToUser.number(), 177);
        assert_eq!(Capability::StealTime.number(), 187);
        assert_eq!(Capability::PtpKvm.number(), 198);
        assert_eq!(Capability::Mte.number(), 205);
        assert_eq!(Capability::SystemSuspend.number(), 216);
        assert_eq!(Capability::CounterOffset.number(), 227);
        assert_eq!(Capability::WritableImpIdRegs.number(), 239);
        assert_eq!(Capability::El2.number(), 240);
    }

    #[test]
    fn all_of_them_are_in_the_kernels_order() {
        assert!(Capability::ALL.is_sorted());
    }
}
