//! The ioctls of KVM's that `kvm-ioctls` lacks, or limits.
//!
//! Its KVM_CREATE_DEVICE cannot ask without making one.
//! Its KVM_IOEVENTFD wants to own the descriptor's type.
//! Its list of registers ends at 500, which is a number of its own and not of the kernel's. Its KVM_RUN
//! makes of each exit what is read here from `kvm_run` anyway, at every exit.

#![expect(unsafe_code, reason = "an ioctl may write wherever it is told to")]

use std::ffi::c_ulong;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use kvm_bindings::{
    KVM_CREATE_DEVICE_TEST, KVMIO, kvm_arm_counter_offset, kvm_create_device, kvm_device_attr,
    kvm_ioeventfd, reg_mask_range,
};
use kvm_ioctls::{DeviceFd, VcpuFd, VmFd};
use vmm_sys_util::errno;
use vmm_sys_util::ioctl::{ioctl, ioctl_with_mut_ptr, ioctl_with_mut_ref, ioctl_with_ref};
use vmm_sys_util::{ioctl_io_nr, ioctl_ior_nr, ioctl_iow_nr, ioctl_iowr_nr};

use super::{RegisterId, WritableMasks};

ioctl_iowr_nr!(KVM_CREATE_DEVICE, KVMIO, 0xe0, kvm_create_device);
ioctl_io_nr!(KVM_RUN, KVMIO, 0x80);
ioctl_iow_nr!(KVM_IOEVENTFD, KVMIO, 0x79, kvm_ioeventfd);
ioctl_iow_nr!(
    KVM_ARM_SET_COUNTER_OFFSET,
    KVMIO,
    0xb5,
    kvm_arm_counter_offset
);
ioctl_ior_nr!(KVM_ARM_GET_REG_WRITABLE_MASKS, KVMIO, 0xb6, reg_mask_range);

/// KVM_RUN.
#[inline]
pub(super) fn run(vcpu: &mut VcpuFd) -> Result<(), errno::Error> {
    // SAFETY: it takes no argument. The kernel writes to `kvm_run`, into which nobody holds a reference
    // but through the vCPU's owner, who lends it here.
    match unsafe { ioctl(vcpu, KVM_RUN()) } {
        0 => Ok(()),
        _ => Err(errno::Error::last()),
    }
}

/// KVM_GET_REG_LIST: `struct kvm_reg_list` is a count and as many ids.
pub(super) fn register_list(vcpu: &VcpuFd) -> Result<Vec<RegisterId>, errno::Error> {
    let mut list = vec![0_u64; 1];
    loop {
        list[0] = (list.len() - 1) as u64;
        // SAFETY: the kernel writes the count, and ids only if the list has room for all of them.
        let answer = unsafe { ioctl_with_mut_ptr(vcpu, KVM_GET_REG_LIST, list.as_mut_ptr()) };
        let count = usize::try_from(list[0]).unwrap_or(usize::MAX);
        match errno::Error::last() {
            _ if answer == 0 => {
                let ids = list.into_iter().skip(1).take(count);
                return Ok(ids.map(RegisterId::from_raw).collect());
            }
            // The count is now the one needed; a kernel that needs ever more is no kernel.
            error if error.errno() == libc::E2BIG && (list.len()..=MOST).contains(&count) => {
                list.resize(count + 1, 0);
            }
            error => return Err(error),
        }
    }
}

/// KVM_ARM_GET_REG_WRITABLE_MASKS.
pub(super) fn writable_masks(vm: &VmFd) -> Result<WritableMasks, errno::Error> {
    let mut masks = Box::new([0; WritableMasks::LEN]);
    let request = reg_mask_range {
        addr: masks.as_mut_ptr() as u64,
        ..Default::default()
    };
    // SAFETY: the kernel writes the 192 masks of range 0, which `masks` has room for.
    match unsafe { ioctl_with_ref(vm, KVM_ARM_GET_REG_WRITABLE_MASKS(), &request) } {
        0 => Ok(WritableMasks::new(masks)),
        _ => Err(errno::Error::last()),
    }
}

/// KVM_ARM_SET_COUNTER_OFFSET.
pub(super) fn set_counter_offset(vm: &VmFd, offset: u64) -> Result<(), errno::Error> {
    let request = kvm_arm_counter_offset {
        counter_offset: offset,
        reserved: 0,
    };
    // SAFETY: the kernel only reads the request.
    match unsafe { ioctl_with_ref(vm, KVM_ARM_SET_COUNTER_OFFSET(), &request) } {
        0 => Ok(()),
        _ => Err(errno::Error::last()),
    }
}

/// KVM_IOEVENTFD for writes of any width and value, with a descriptor that stays the caller's.
pub(super) fn signal_on_write(
    vm: &VmFd,
    address: u64,
    event: BorrowedFd<'_>,
) -> Result<(), errno::Error> {
    let request = kvm_ioeventfd {
        addr: address,
        fd: event.as_raw_fd(),
        ..Default::default()
    };
    // SAFETY: the kernel only reads the request, and takes a reference of its own to the event.
    match unsafe { ioctl_with_ref(vm, KVM_IOEVENTFD(), &request) } {
        0 => Ok(()),
        _ => Err(errno::Error::last()),
    }
}

/// KVM_CREATE_DEVICE with KVM_CREATE_DEVICE_TEST: whether a device of this type can be made.
/// `kvm-ioctls` takes the answer for a device, whose descriptor it closes.
pub(super) fn supports_device(vm: &VmFd, device_type: u32) -> Result<bool, errno::Error> {
    let mut request = kvm_create_device {
        type_: device_type,
        fd: 0,
        flags: KVM_CREATE_DEVICE_TEST,
    };
    // SAFETY: the kernel writes the request back, and makes nothing with this flag.
    let answer = unsafe { ioctl_with_mut_ref(vm, KVM_CREATE_DEVICE(), &mut request) };
    match errno::Error::last() {
        _ if answer == 0 => Ok(true),
        error if error.errno() == libc::ENODEV => Ok(false),
        error => Err(error),
    }
}

/// KVM_GET_DEVICE_ATTR of an attribute that is a 32-bit word.
pub(super) fn device_word(device: &DeviceFd, group: u32, attr: u64) -> Result<u32, errno::Error> {
    let mut word = 0_u32;
    let mut attribute = kvm_device_attr {
        group,
        attr,
        addr: &raw mut word as u64,
        flags: 0,
    };
    // SAFETY: the kernel writes 32 bits to the address, which is `word`'s.
    unsafe { device.get_device_attr(&mut attribute) }?;
    Ok(word)
}

/// `_IOWR(KVMIO, 0xb0, struct kvm_reg_list)`, whose size is that of the count alone.
const KVM_GET_REG_LIST: c_ulong = 0xc008_aeb0;

/// More registers than any vCPU can have.
const MOST: usize = 1 << 16;
