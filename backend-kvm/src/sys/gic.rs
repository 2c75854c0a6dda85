//! A GIC and an ITS of a VM's, carried out by the kernel.

use std::sync::Arc;

use kvm_bindings::{kvm_create_device, kvm_device_attr};
use kvm_ioctls::DeviceFd;
use vm_memory::GuestAddress;

use super::abi::redistributor_region;
use super::kvm::{Shared, refused};
use super::{Errno, Error, GicOps, InterruptDevice, ItsOps, Operation, Result, ioctl};

/// A VM's GIC.
#[derive(Debug)]
pub struct Gic {
    device: Device,
    /// What KVM calls the distributor's address: each kind of GIC has its own word.
    distributor: u64,
}

/// A VM's ITS.
#[derive(Debug)]
pub struct Its(Device);

/// A device of KVM's.
#[derive(Debug)]
struct Device {
    fd: DeviceFd,
    // After the descriptor, so that closing the device comes first.
    _vm: Arc<Shared>,
}

impl Gic {
    pub(super) fn v2(vm: &Arc<Shared>) -> Result<Self> {
        Ok(Self {
            device: Device::new(vm, InterruptDevice::GicV2, Operation::CreateGicV2)?,
            distributor: KVM_VGIC_V2_ADDR_TYPE_DIST,
        })
    }

    pub(super) fn v3(vm: &Arc<Shared>) -> Result<Self> {
        Ok(Self {
            device: Device::new(vm, InterruptDevice::GicV3, Operation::CreateGicV3)?,
            distributor: KVM_VGIC_V3_ADDR_TYPE_DIST,
        })
    }
}

impl Its {
    pub(super) fn new(vm: &Arc<Shared>) -> Result<Self> {
        Device::new(vm, InterruptDevice::Its, Operation::CreateIts).map(Self)
    }
}

impl ItsOps for Its {
    fn place(&self, base: GuestAddress) -> Result<()> {
        self.0
            .place(KVM_VGIC_ITS_ADDR_TYPE, base.0, Operation::PlaceIts(base))
    }

    fn initialise(&self) -> Result<()> {
        self.0.initialise(Operation::InitialiseIts)
    }
}

impl GicOps for Gic {
    fn set_distributor(&self, base: GuestAddress) -> Result<()> {
        let operation = Operation::SetDistributor(base);
        self.device.place(self.distributor, base.0, operation)
    }

    fn set_cpu_interface(&self, base: GuestAddress) -> Result<()> {
        let operation = Operation::SetCpuInterface(base);
        self.device
            .place(KVM_VGIC_V2_ADDR_TYPE_CPU, base.0, operation)
    }

    fn set_redistributors(&self, base: GuestAddress) -> Result<()> {
        self.device.place(
            KVM_VGIC_V3_ADDR_TYPE_REDIST,
            base.0,
            Operation::SetRedistributors(base),
        )
    }

    fn add_redistributor_region(&self, index: u16, base: GuestAddress, count: u16) -> Result<()> {
        let operation = Operation::AddRedistributorRegion { index, base, count };
        match redistributor_region(index, base, count) {
            Some(region) => {
                let kind = KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION;
                self.device.place(kind, region, operation)
            }
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
        self.device
            .set(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, address, operation)
    }

    fn initialise(&self) -> Result<()> {
        self.device.initialise(Operation::InitialiseGic)
    }

    fn distributor_register(&self, offset: u32) -> Result<u32> {
        ioctl::device_word(
            &self.device.fd,
            KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
            offset.into(),
        )
        .map_err(refused(Operation::DistributorRegister { offset }))
    }

    fn set_distributor_register(&self, offset: u32, value: u32) -> Result<()> {
        let address = &raw const value as u64;
        let operation = Operation::SetDistributorRegister { offset, value };
        self.device.set(
            KVM_DEV_ARM_VGIC_GRP_DIST_REGS,
            offset.into(),
            address,
            operation,
        )
    }
}

impl Device {
    fn new(vm: &Arc<Shared>, device: InterruptDevice, operation: Operation) -> Result<Self> {
        let mut request = kvm_create_device {
            type_: device_type(device),
            ..Default::default()
        };
        let created = vm.fd.create_device(&mut request);
        Ok(Self {
            fd: created.map_err(refused(operation))?,
            _vm: Arc::clone(vm),
        })
    }

    fn place(&self, kind: u64, value: u64, operation: Operation) -> Result<()> {
        self.set(
            KVM_DEV_ARM_VGIC_GRP_ADDR,
            kind,
            &raw const value as u64,
            operation,
        )
    }

    fn initialise(&self, operation: Operation) -> Result<()> {
        let (group, attr) = (KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT);
        self.set(group, attr, 0, operation)
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

/// KVM's number of a kind of device.
pub(super) const fn device_type(device: InterruptDevice) -> u32 {
    match device {
        InterruptDevice::GicV2 => KVM_DEV_TYPE_ARM_VGIC_V2,
        InterruptDevice::GicV3 => KVM_DEV_TYPE_ARM_VGIC_V3,
        InterruptDevice::Its => KVM_DEV_TYPE_ARM_VGIC_ITS,
    }
}

// `uapi/linux/kvm.h`, and `uapi/asm/kvm.h` of arm64, in the widths their fields have.
const KVM_DEV_TYPE_ARM_VGIC_V2: u32 = 5;
const KVM_DEV_TYPE_ARM_VGIC_V3: u32 = 7;
const KVM_DEV_TYPE_ARM_VGIC_ITS: u32 = 8;
const KVM_DEV_ARM_VGIC_GRP_ADDR: u32 = 0;
const KVM_DEV_ARM_VGIC_GRP_DIST_REGS: u32 = 1;
const KVM_DEV_ARM_VGIC_GRP_NR_IRQS: u32 = 3;
const KVM_DEV_ARM_VGIC_GRP_CTRL: u32 = 4;
const KVM_DEV_ARM_VGIC_CTRL_INIT: u64 = 0;
const KVM_VGIC_V2_ADDR_TYPE_DIST: u64 = 0;
const KVM_VGIC_V2_ADDR_TYPE_CPU: u64 = 1;
const KVM_VGIC_V3_ADDR_TYPE_DIST: u64 = 2;
const KVM_VGIC_V3_ADDR_TYPE_REDIST: u64 = 3;
const KVM_VGIC_ITS_ADDR_TYPE: u64 = 4;
const KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION: u64 = 5;
