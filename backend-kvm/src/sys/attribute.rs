//! The attributes of a vCPU that are set by KVM_SET_DEVICE_ATTR.
//!
//! Linux `arch/arm64/include/uapi/asm/kvm.h`, in the widths its fields have. An address is that of the
//! attribute's value, which lives as long as the call.

use kvm_bindings::kvm_device_attr;

/// The performance monitor is complete.
pub(super) const PMU_INITIALISED: kvm_device_attr = pmu(KVM_ARM_VCPU_PMU_V3_INIT, 0);

/// The interrupt of its performance monitor.
pub(super) const fn pmu_interrupt(address: u64) -> kvm_device_attr {
    pmu(KVM_ARM_VCPU_PMU_V3_IRQ, address)
}

const fn pmu(attr: u64, address: u64) -> kvm_device_attr {
    kvm_device_attr {
        group: KVM_ARM_VCPU_PMU_V3_CTRL,
        attr,
        addr: address,
        flags: 0,
    }
}

/// Where its structure of stolen time lies in the guest.
pub(super) const fn stolen_time(address: u64) -> kvm_device_attr {
    kvm_device_attr {
        group: KVM_ARM_VCPU_PVTIME_CTRL,
        attr: KVM_ARM_VCPU_PVTIME_IPA,
        addr: address,
        flags: 0,
    }
}

const KVM_ARM_VCPU_PMU_V3_CTRL: u32 = 0;
const KVM_ARM_VCPU_PMU_V3_IRQ: u64 = 0;
const KVM_ARM_VCPU_PMU_V3_INIT: u64 = 1;
const KVM_ARM_VCPU_PVTIME_CTRL: u32 = 2;
const KVM_ARM_VCPU_PVTIME_IPA: u64 = 0;
