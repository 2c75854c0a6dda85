//! The narrow seam to KVM: six traits and plain data.
//!
//! Everything this crate asks of a kernel passes through [`Host`], [`VmOps`], [`GicOps`],
//! [`ItsOps`] and [`VcpuOps`]. No structure of KVM's leaks out, so all code above the seam compiles, and is
//! tested, on any Linux machine: `kvm` carries the seam out on arm64, a scripted fake in tests.
//!
//! What holds at the seam:
//!
//! - A method is one operation of KVM's, with its order rules: nothing here reorders or caches.
//!   Who calls in which order is the business of the types above.
//! - Every failure is an [`Error`] that keeps the operation, its arguments and the errno.
//! - Guest memory outlives the VM: a VM, its vCPUs and its GIC share ownership of every region
//!   that was mapped. The kernel frees a VM once all three are dropped.
//! - A kick is never lost; [`Kick`] says what makes that so.
//!
//! Linux `Documentation/virt/kvm/api.rst` describes each operation.

// What only the arm64 side uses is compiled elsewhere for its tests.
#[cfg(any(test, all(target_os = "linux", target_arch = "aarch64")))]
mod abi;
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod attribute;
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod cache;
// In its place where there is no such KVM.
#[cfg(not(all(target_os = "linux", target_arch = "aarch64")))]
mod absent;
mod capability;
mod cpu_list;
mod error;
mod exit;
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod gic;
mod hardware;
#[cfg(any(test, all(target_os = "linux", target_arch = "aarch64")))]
mod identification;
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod ioctl;
#[cfg(any(test, all(target_os = "linux", target_arch = "aarch64")))]
mod kick;
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod mrs;
mod register;
mod writable;

#[cfg(test)]
pub(crate) mod fake;
// With `cache`, `gic`, `ioctl` and `mrs` for one architecture: these ioctls, and the instructions,
// exist on arm64 Linux alone.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
pub mod kvm;

pub use capability::Capability;
pub use cpu_list::{AffinityError, CpuList, NoCpuList};
pub use error::{Errno, Error, Operation, Result};
pub use exit::{Conduit, Exit, SystemEvent, SystemEventKind};
pub use hardware::{CpuIdentification, Hardware, SystemRegisters};
#[cfg(any(test, all(target_os = "linux", target_arch = "aarch64")))]
pub use kick::Kicker;
pub use register::RegisterId;
pub use writable::WritableMasks;

use std::ops::BitOr;
use std::os::fd::BorrowedFd;

use vm_memory::{GuestAddress, GuestRegionMmap, VolatileSlice};

/// Opens this machine's KVM.
///
/// # Errors
///
/// `/dev/kvm` is missing or not ours to open; or this machine is not an arm64 one.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
pub fn open() -> Result<impl Host> {
    kvm::Kvm::open()
}

/// Opens this machine's KVM, which has no arm64 guests.
///
/// # Errors
///
/// Always: ENODEV.
#[cfg(not(all(target_os = "linux", target_arch = "aarch64")))]
pub fn open() -> Result<impl Host> {
    Err::<absent::Absent, _>(Error {
        vcpu: None,
        operation: Operation::Open,
        errno: Errno::ENODEV,
    })
}

/// A kernel that offers virtual machines.
pub trait Host {
    /// The machines it makes.
    type Vm: VmOps;

    /// What the kernel says about a capability: 0 for absent, else present or a quantity
    /// (KVM_CHECK_EXTENSION on the system).
    fn capability(&self, capability: Capability) -> Result<u32>;

    /// The machine below, as a program sees it without KVM: of its CPUs those on which this thread
    /// may run.
    fn hardware(&self) -> Hardware;

    /// Makes an empty VM with an intermediate physical address space of `ipa_bits` bits
    /// (KVM_CREATE_VM). From 32 to what [`Capability::VmIpaSize`] reports; 0 means 40.
    fn create_vm(&self, ipa_bits: u32) -> Result<Self::Vm>;
}

/// One virtual machine.
///
/// It lives in the kernel until this, its vCPUs and its GIC are all dropped.
pub trait VmOps: Send + Sync + 'static {
    /// Its vCPUs.
    type Vcpu: VcpuOps;
    /// Its interrupt controller.
    type Gic: GicOps;
    /// The part of it that makes interrupts of messages.
    type Its: ItsOps;

    /// As [`Host::capability`], asked of the VM, whose answer may be narrower.
    fn capability(&self, capability: Capability) -> Result<u32>;

    /// Switches a capability on for this VM (KVM_ENABLE_CAP). None can be switched off again.
    fn enable(&self, capability: Capability) -> Result<()>;

    /// Makes a region of guest memory visible at its guest address (KVM_SET_USER_MEMORY_REGION).
    /// The VM keeps the region's mapping alive. `slot` is any number not used before.
    fn map_ram(&self, slot: u32, region: &GuestRegionMmap) -> Result<()>;

    /// The same, but what the guest writes there becomes an exit and changes nothing
    /// (KVM_MEM_READONLY).
    fn map_rom(&self, slot: u32, region: &GuestRegionMmap) -> Result<()>;

    /// Makes vCPU `index`, whose MPIDR_EL1 affinity KVM derives from it (KVM_CREATE_VCPU).
    /// Each creation sets the guest's virtual counter to zero, so all vCPUs come before the first
    /// run. It needs [`VcpuOps::init`] before anything else but MP_STATE.
    fn create_vcpu(&self, index: u32) -> Result<Self::Vcpu>;

    /// Whether the kernel can forward SMCCC calls: Linux 6.4 and newer (KVM_HAS_DEVICE_ATTR of
    /// KVM_ARM_VM_SMCCC_FILTER).
    fn supports_smccc_filter(&self) -> bool;

    /// Decides who answers the `count` function ids from `base` (KVM_ARM_VM_SMCCC_FILTER).
    /// EEXIST where the range meets an earlier one or 0x8000_0000–0x8000_FFFF or
    /// 0xC000_0000–0xC000_FFFF, EBUSY once a vCPU has run. An entry cannot be removed.
    fn filter_smccc(&self, base: u32, count: u32, action: FilterAction) -> Result<()>;

    /// Which bits of the identification registers KVM lets be written
    /// (KVM_ARM_GET_REG_WRITABLE_MASKS). ENOTTY or EINVAL before Linux 6.7.
    fn writable_masks(&self) -> Result<WritableMasks>;

    /// Whether the VM can have this interrupt controller, or part of one (KVM_CREATE_DEVICE with
    /// KVM_CREATE_DEVICE_TEST). Nothing is made.
    fn supports_device(&self, device: InterruptDevice) -> Result<bool>;

    /// Makes the VM's GICv2, still without addresses (KVM_CREATE_DEVICE). ENODEV where the host's
    /// GIC cannot play one.
    fn create_gic_v2(&self) -> Result<Self::Gic>;

    /// Makes the VM's GICv3, still without addresses (KVM_CREATE_DEVICE).
    fn create_gic_v3(&self) -> Result<Self::Gic>;

    /// Makes the ITS of the VM's GICv3, still without an address (KVM_CREATE_DEVICE).
    fn create_its(&self) -> Result<Self::Its>;

    /// Sets how far both of the guest's counters are behind the host's (KVM_ARM_SET_COUNTER_OFFSET,
    /// Linux 6.4). From then on writing one of them has no effect.
    fn set_counter_offset(&self, offset: u64) -> Result<()>;

    /// Drives the line of shared peripheral interrupt `intid` (32–1019) (KVM_IRQ_LINE).
    /// The line is level-triggered: it stays as it was set.
    fn set_irq_line(&self, intid: u32, level: Level) -> Result<()>;

    /// Signals an event descriptor when the guest writes to `address`, in place of an exit
    /// (KVM_IOEVENTFD, of any width and value). EEXIST if the address signals one already.
    fn signal_on_write(&self, address: GuestAddress, event: BorrowedFd<'_>) -> Result<()>;
}

/// A VM's GIC (`Documentation/virt/kvm/devices/arm-vgic-v3.rst`, `arm-vgic.rst`). Where a method
/// says nothing of the kind, it is for a GICv3.
///
/// Addresses and the number of interrupts come first, [`initialise`](GicOps::initialise) last,
/// after all vCPUs exist and have their MPIDR_EL1.
pub trait GicOps: Send {
    /// Places the distributor: 64 KiB, 64 KiB aligned; a GICv2's has 4 KiB, 4 KiB aligned.
    fn set_distributor(&self, base: GuestAddress) -> Result<()>;

    /// Places a GICv2's CPU interface: 8 KiB, 4 KiB aligned.
    fn set_cpu_interface(&self, base: GuestAddress) -> Result<()>;

    /// Places the redistributors of all vCPUs made so far in one region of 128 KiB each. Not to
    /// be mixed with [`add_redistributor_region`](GicOps::add_redistributor_region).
    fn set_redistributors(&self, base: GuestAddress) -> Result<()>;

    /// Adds a region for `count` redistributors of 128 KiB each. `index` counts up from 0.
    fn add_redistributor_region(&self, index: u16, base: GuestAddress, count: u16) -> Result<()>;

    /// Says how many interrupts there are, the 32 private ones included: 64–992, in steps of 32.
    fn set_interrupt_count(&self, count: u32) -> Result<()>;

    /// Brings the GIC to life, of either kind. No vCPU can be made afterwards.
    fn initialise(&self) -> Result<()>;

    /// Reads the distributor's 32-bit register at `offset` bytes, as CPU 0 sees it
    /// (KVM_DEV_ARM_VGIC_GRP_DIST_REGS), of either kind. EBUSY before a GICv3 lives.
    fn distributor_register(&self, offset: u32) -> Result<u32>;

    /// Writes the distributor's 32-bit register at `offset` bytes, as CPU 0 sees it, of either
    /// kind. EINVAL for a GICD_IIDR of another implementation.
    fn set_distributor_register(&self, offset: u32, value: u32) -> Result<()>;
}

/// The ITS of a VM's GICv3 (`Documentation/virt/kvm/devices/arm-vgic-its.rst`). Once made it lives
/// as long as its VM.
pub trait ItsOps: Send {
    /// Places its frames: 128 KiB, 64 KiB aligned. EEXIST if they are placed already.
    fn place(&self, base: GuestAddress) -> Result<()>;

    /// Brings it to life.
    fn initialise(&self) -> Result<()>;
}

/// An interrupt controller that a VM may have, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InterruptDevice {
    /// KVM_DEV_TYPE_ARM_VGIC_V2.
    GicV2,
    /// KVM_DEV_TYPE_ARM_VGIC_V3.
    GicV3,
    /// KVM_DEV_TYPE_ARM_VGIC_ITS.
    Its,
}

/// One vCPU, owned by the thread that runs it.
pub trait VcpuOps: Send {
    /// What others hold to get this vCPU out of [`run`](VcpuOps::run).
    type Kicker: Kick;

    /// Gives the vCPU its features and resets its registers (KVM_ARM_VCPU_INIT). May be repeated
    /// with the same features to reset it.
    fn init(&mut self, features: VcpuFeatures) -> Result<()>;

    /// Reads a register (KVM_GET_ONE_REG).
    fn register(&self, register: RegisterId) -> Result<u64>;

    /// Reads a register that older kernels do not have (ENOENT): None where it is not.
    fn optional_register(&self, register: RegisterId) -> Result<Option<u64>> {
        match self.register(register) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.errno == Errno::ENOENT => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a register (KVM_SET_ONE_REG).
    fn set_register(&mut self, register: RegisterId, value: u64) -> Result<()>;

    /// Every register this vCPU has, in the kernel's order (KVM_GET_REG_LIST). EPERM if the
    /// vCPU has SVE and [`finalize_sve`](VcpuOps::finalize_sve) is still to come.
    fn register_list(&self) -> Result<Vec<RegisterId>>;

    /// Reads a register of any width, little-endian (KVM_GET_ONE_REG).
    fn register_bytes(&self, register: RegisterId) -> Result<Vec<u8>>;

    /// Writes a register of any width, little-endian (KVM_SET_ONE_REG). EINVAL if there are fewer
    /// bytes than [`RegisterId::size`] says.
    fn set_register_bytes(&mut self, register: RegisterId, bytes: &[u8]) -> Result<()>;

    /// Settles the lengths of the vCPU's vectors (KVM_ARM_VCPU_FINALIZE of KVM_ARM_VCPU_SVE).
    /// Once, after [`init`](VcpuOps::init) and before anything that needs a vector register.
    fn finalize_sve(&mut self) -> Result<()>;

    /// Whether the vCPU executes, in the kernel's eyes (KVM_GET_MP_STATE).
    fn mp_state(&self) -> Result<MpState>;

    /// Sets whether the vCPU executes; touches no register (KVM_SET_MP_STATE).
    /// [`MpState::Suspended`] needs Linux 5.19.
    fn set_mp_state(&mut self, state: MpState) -> Result<()>;

    /// Whether the kernel can tell the guest how long its vCPUs had to wait for the host's CPUs
    /// (KVM_HAS_DEVICE_ATTR of KVM_ARM_VCPU_PVTIME_IPA).
    fn supports_stolen_time(&self) -> bool;

    /// Places the vCPU's 64-byte structure of stolen time, 64-byte aligned and in mapped RAM
    /// (KVM_ARM_VCPU_PVTIME_IPA). From then on the kernel adds to it at every entry of the guest,
    /// the whole run delay of the running thread the first time. EEXIST if it is placed already.
    fn set_stolen_time(&mut self, base: GuestAddress) -> Result<()>;

    /// Says which private interrupt the vCPU's performance monitor raises, by its INTID
    /// (KVM_ARM_VCPU_PMU_V3_IRQ). The same for all vCPUs, after the GIC exists.
    fn set_pmu_interrupt(&mut self, intid: u32) -> Result<()>;

    /// Brings the vCPU's performance monitor to life (KVM_ARM_VCPU_PMU_V3_INIT), after the GIC and
    /// its interrupt: a vCPU made with [`VcpuFeatures::PMU_V3`] cannot run before.
    fn initialise_pmu(&mut self) -> Result<()>;

    /// Writes `memory`, which the guest sees too, out of every cache to the point of coherency
    /// (DC CIVAC of each line).
    fn clean_and_invalidate(&self, memory: &VolatileSlice<'_>);

    /// Lets the guest execute on this thread until something needs an answer (KVM_RUN). The first
    /// run of any vCPU freezes the VM's configuration, even one that a kick ends at once.
    fn run(&mut self) -> Result<Exit>;

    /// Answers the [`Exit::MmioRead`] that the last run returned; the guest sees the low bytes.
    /// The next run hands it over. A read nobody answers reads as zero; without one to answer
    /// nothing happens.
    fn complete_read(&mut self, value: u64);

    /// A handle for other threads to end this vCPU's run.
    fn kicker(&self) -> Self::Kicker;

    /// Takes back every kick so far. To be called before looking at the state that kicks announce.
    fn clear_kick(&mut self);

    /// Reports the access of the last MMIO or undecodable exit to the guest as a synchronous
    /// external abort, in place of completing it (KVM_SET_VCPU_EVENTS, `ext_dabt_pending`). To be
    /// called before the next run, which would complete it, and which may find itself kicked.
    fn inject_external_abort(&mut self) -> Result<()>;
}

/// Ends a vCPU's run from any thread.
///
/// A kick makes the run under way, or else the next one, return [`Exit::Kicked`], until
/// [`VcpuOps::clear_kick`]. No wake-up is lost if the kicker first changes the shared state and
/// then kicks, while the vCPU's thread first clears the kick, then looks at the state, then runs:
/// whichever came first, the thread either saw the new state or the kick is still there. A vCPU
/// may find itself kicked without a cause, never the other way round.
///
/// A kick at a vCPU that is gone does nothing, nor does it keep the VM alive.
pub trait Kick: Clone + Send + Sync + 'static {
    /// Ends the run under way or, if there is none, the next one.
    fn kick(&self);
}

/// Who answers an SMCCC call (`enum kvm_smccc_filter_action`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FilterAction {
    /// The kernel, as without a filter.
    Handle = 0,
    /// Nobody: the guest gets NOT_SUPPORTED.
    Deny = 1,
    /// We: the call is an [`Exit::Hypercall`].
    Forward = 2,
}

/// The level of an interrupt line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Not asserted.
    Low,
    /// Asserted.
    High,
}

/// What a vCPU is made with: the feature bits of KVM_ARM_VCPU_INIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VcpuFeatures(u32);

impl VcpuFeatures {
    /// No feature: PSCI 0.1 only, running.
    pub const NONE: Self = Self(0);
    /// KVM_ARM_VCPU_POWER_OFF: starts as [`MpState::Stopped`]. Up to Linux 6.4 repeating
    /// [`VcpuOps::init`] must repeat this one too.
    pub const POWER_OFF: Self = Self(1 << 0);
    /// KVM_ARM_VCPU_EL1_32BIT: AArch32 at EL1.
    pub const EL1_32BIT: Self = Self(1 << 1);
    /// KVM_ARM_VCPU_PSCI_0_2: PSCI 0.2 and newer.
    pub const PSCI_0_2: Self = Self(1 << 2);
    /// KVM_ARM_VCPU_PMU_V3: a performance monitor.
    pub const PMU_V3: Self = Self(1 << 3);
    /// KVM_ARM_VCPU_SVE: the scalable vector extension.
    pub const SVE: Self = Self(1 << 4);
    /// KVM_ARM_VCPU_PTRAUTH_ADDRESS: pointer authentication, with the generic one.
    pub const PTRAUTH_ADDRESS: Self = Self(1 << 5);
    /// KVM_ARM_VCPU_PTRAUTH_GENERIC: pointer authentication, with the address one.
    pub const PTRAUTH_GENERIC: Self = Self(1 << 6);

    /// Pointer authentication: both of its features, as KVM wants them.
    pub const PTRAUTH: Self = Self(Self::PTRAUTH_ADDRESS.0 | Self::PTRAUTH_GENERIC.0);

    /// The first word of `kvm_vcpu_init.features`.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for VcpuFeatures {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Whether a vCPU executes, in the kernel's eyes (KVM_MP_STATE_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum MpState {
    /// It executes when it is run; also a vCPU waiting in WFI or CPU_SUSPEND.
    Runnable = 0,
    /// A run waits inside the kernel until the vCPU is started or kicked.
    Stopped = 5,
    /// A run waits for an interrupt and then returns [`SystemEventKind::Wakeup`]. The state stays
    /// until it is set to runnable.
    Suspended = 10,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_join_by_bit() {
        let features = VcpuFeatures::POWER_OFF | VcpuFeatures::PSCI_0_2;
        assert_eq!(features.bits(), 0b101);
        assert!(features.contains(VcpuFeatures::PSCI_0_2));
        assert!(!features.contains(VcpuFeatures::PSCI_0_2 | VcpuFeatures::SVE));
    }
}
