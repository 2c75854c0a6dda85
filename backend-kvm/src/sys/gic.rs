//! A GIC of a VM's, carried out by the kernel.

use std::sync::Arc;

use kvm_bindings::kvm_device_attr;
use kvm_ioctls::DeviceFd;
use vm_memory::GuestAddress;

use super::abi::redistributor_region;
use super::kvm::{Shared, refused};
use super::{Errno, Error, GicOps, Operation, Result, ioctl};

/// A VM's GIC.
#[derive(Debug)]
pub struct Gic {
    fd: DeviceFd,
    // After the descriptor, so that closing the device comes first.
    _vm: Arc<Shared>,
}

impl Gic {
    pub(super) fn new(fd: DeviceFd, vm: Arc<Shared>) -> Self {
        Self { fd, _vm: vm }
    }
}

impl GicOps for Gic {
    fn set_distributor(&self, base: GuestAddress) -> Result<()> {
        self.place(
            KVM_VGIC_V3_ADDR_TYPE_DIST,
            base.0,
            Operation::SetDistributor(base),
        )
    }

    fn set_redistributors(&self, base: GuestAddress) -> Result<()> {
        self.place(
            KVM_VGIC_V3_ADDR_TYPE_REDIST,
            base.0,
            Operation::SetRedistributors(base),
        )
    }

    fn add_redistributor_region(&self, index: u16, base: GuestAddress, count: u16) -> Result<()> {
        let operation = Operation::AddRedistributorRegion { index, base, count };
        match redistributor_region(index, base, count) {
            Some(region) => self.place(KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, region, operation),
            None => Err(Error {
                vcpu: None,
                operation,
                errno: Errno::EINVAL,
            }),
        }
    }

    fn set_interrupt_count(&self, count: u32) -> Result<()> {
        let address = &raw const count as u64;
        let operation = Operation::SetInterruptCount(count);
        self.set(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, address, operation)
    }

    fn initialise(&self) -> Result<()> {
        let operation = Operation::InitialiseGic;
        self.set(
            KVM_DEV_ARM_VGIC_GRP_CTRL,
            KVM_DEV_ARM_VGIC_CTRL_INIT,
            0,
            operation,
        )
    }

    fn distributor_register(&self, offset: u32) -> Result<u32> {
        ioctl::device_word(&self.fd, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, offset.into())
            .map_err(refused(Operation::DistributorRegister { offset }))
    }

    fn set_distributor_register(&self, offset: u32, value: u32) -> Result<()> {
        let address = &raw const value as u64;
        let operation = Operation::SetDistributorRegister { offset, value };
        self.set(
            KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
            offset.into(),
            address,
            operation,
        )
    }
}

impl Gic {
    fn place(&self, kind: u64, value: u64, operation: Operation) -> Result<()> {
        self.set(
            KVM_DEV_ARM_VGIC_GRP_ADDR,
            kind,
            &raw const value as u64,
            operation,
        )
    }

    /// `address` is that of the value, alive in the caller; 0 where the attribute has none.
    fn set(&self, group: u32, attr: u64, address: u64, operation: Operation) -> Result<()> {
        let attribute = kvm_device_attr {
            group,
            attr,
            addr: address,
            flags: 0,
        };
        self.fd
            .set_device_attr(&attribute)
            .map_err(refused(operation))
    }
}

// `uapi/asm/kvm.h` of arm64, in the widths their fields have.
const KVM_DEV_ARM_VGIC_GRP_ADDR: u32 = 0;
const KVM_DEV_ARM_VGIC_GRP_DIST_REGS: u32 = 1;
const KVM_DEV_ARM_VGIC_GRP_NR_IRQS: u32 = 3;
const KVM_DEV_ARM_VGIC_GRP_CTRL: u32 = 4;
const KVM_DEV_ARM_VGIC_CTRL_INIT: u64 = 0;
const KVM_VGIC_V3_ADDR_TYPE_DIST: u64 = 2;
const KVM_VGIC_V3_ADDR_TYPE_REDIST: u64 = 3;
const KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION: u64 = 5;
