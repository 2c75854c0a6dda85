//! What failed: an operation with its arguments, and the kernel's errno.

use std::fmt;

use vm_memory::GuestAddress;

use super::{Capability, FilterAction, InterruptDevice, Level, MpState, RegisterId, VcpuFeatures};

/// The result of an operation.
pub type Result<T> = std::result::Result<T, Error>;

/// An operation the kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// The vCPU it was asked of; None for the VM or the host.
    pub vcpu: Option<u32>,
    /// What was asked, of what.
    pub operation: Operation,
    /// Why it failed, in the kernel's words.
    pub errno: Errno,
}

impl Error {
    /// What a user can do about it, where that is known.
    fn advice(&self) -> Option<&'static str> {
        Some(match (self.operation, self.errno) {
            (Operation::Open, Errno::ENOENT) => {
                "this kernel has no KVM or was not started at EL2; `--host lab` emulates a host"
            }
            (Operation::Open, Errno::ENODEV) => {
                "this machine is not an arm64 one; `--host lab` emulates one"
            }
            (Operation::CreateGicV3, Errno::ENODEV) => {
                "this host has no GICv3 to give a guest; use one that has, such as `--host lab`"
            }
            (Operation::Open, Errno::EACCES) => "add the user to the group that owns /dev/kvm",
            (Operation::CreateVm { .. }, Errno::EINVAL) => {
                "it takes 32 bits to as many as the host has (KVM_CAP_ARM_VM_IPA_SIZE)"
            }
            (Operation::CreateVcpu { .. }, Errno::EINVAL) => {
                "the host allows fewer vCPUs (KVM_CAP_MAX_VCPUS)"
            }
            (Operation::FilterSmccc { .. }, Errno::EBUSY) => {
                "the filter is frozen once a vCPU has run"
            }
            (Operation::FilterSmccc { .. }, Errno::EEXIST) => {
                "the range meets an earlier one, or one that KVM keeps for itself"
            }
            (
                Operation::SetRegister(
                    RegisterId::WORKAROUND_1 | RegisterId::WORKAROUND_2 | RegisterId::WORKAROUND_3,
                    _,
                ),
                Errno::EINVAL,
            ) => "the host protects its guests less than when this was promised",
            (Operation::Run, Errno::ENOSYS) => {
                "the guest made an access that KVM cannot decode (KVM_CAP_ARM_NISV_TO_USER is off)"
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(vcpu) = self.vcpu {
            write!(f, "vCPU {vcpu}: ")?;
        }
        write!(f, "{} failed: {}", self.operation, self.errno)?;
        match self.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

/// Everything that is asked of KVM, with its arguments.
///
/// Closing, completing a read, cleaning caches and kicking cannot fail; they are here because tests look at the
/// order of all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Opening /dev/kvm.
    Open,
    /// [`Host::capability`](super::Host::capability) or [`VmOps::capability`](super::VmOps::capability).
    Capability(Capability),
    /// [`Host::create_vm`](super::Host::create_vm).
    CreateVm {
        /// Bits of guest address.
        ipa_bits: u32,
    },
    /// The kernel freeing the VM, after the last handle on it is gone.
    CloseVm,
    /// [`VmOps::enable`](super::VmOps::enable).
    Enable(Capability),
    /// [`VmOps::map_ram`](super::VmOps::map_ram).
    MapRam {
        /// The memory slot.
        slot: u32,
        /// Where the guest sees it.
        start: GuestAddress,
        /// Bytes.
        size: u64,
    },
    /// [`VmOps::map_rom`](super::VmOps::map_rom).
    MapRom {
        /// The memory slot.
        slot: u32,
        /// Where the guest sees it.
        start: GuestAddress,
        /// Bytes.
        size: u64,
    },
    /// [`VmOps::create_vcpu`](super::VmOps::create_vcpu).
    CreateVcpu {
        /// The vCPU's index.
        index: u32,
    },
    /// The kernel's choice of target for a new vCPU (KVM_ARM_PREFERRED_TARGET).
    PreferredTarget,
    /// Sharing the vCPU's `kvm_run` and the signal with those who kick it.
    PrepareKick,
    /// [`VmOps::supports_smccc_filter`](super::VmOps::supports_smccc_filter).
    ProbeSmcccFilter,
    /// [`VmOps::filter_smccc`](super::VmOps::filter_smccc).
    FilterSmccc {
        /// The first function id.
        base: u32,
        /// How many.
        count: u32,
        /// Who answers them.
        action: FilterAction,
    },
    /// [`VmOps::writable_masks`](super::VmOps::writable_masks).
    WritableMasks,
    /// [`VmOps::supports_device`](super::VmOps::supports_device).
    ProbeDevice(InterruptDevice),
    /// [`VmOps::create_gic_v2`](super::VmOps::create_gic_v2).
    CreateGicV2,
    /// [`VmOps::create_gic_v3`](super::VmOps::create_gic_v3).
    CreateGicV3,
    /// [`VmOps::create_its`](super::VmOps::create_its).
    CreateIts,
    /// [`ItsOps::place`](super::ItsOps::place).
    PlaceIts(GuestAddress),
    /// [`ItsOps::initialise`](super::ItsOps::initialise).
    InitialiseIts,
    /// [`GicOps::set_distributor`](super::GicOps::set_distributor).
    SetDistributor(GuestAddress),
    /// [`GicOps::set_cpu_interface`](super::GicOps::set_cpu_interface).
    SetCpuInterface(GuestAddress),
    /// [`GicOps::set_redistributors`](super::GicOps::set_redistributors).
    SetRedistributors(GuestAddress),
    /// [`GicOps::add_redistributor_region`](super::GicOps::add_redistributor_region).
    AddRedistributorRegion {
        /// The region's number.
        index: u16,
        /// Where the guest sees it.
        base: GuestAddress,
        /// How many redistributors it holds.
        count: u16,
    },
    /// [`GicOps::set_interrupt_count`](super::GicOps::set_interrupt_count).
    SetInterruptCount(u32),
    /// [`GicOps::initialise`](super::GicOps::initialise).
    InitialiseGic,
    /// [`GicOps::distributor_register`](super::GicOps::distributor_register).
    DistributorRegister {
        /// The register's place in the distributor, in bytes.
        offset: u32,
    },
    /// [`GicOps::set_distributor_register`](super::GicOps::set_distributor_register).
    SetDistributorRegister {
        /// The register's place in the distributor, in bytes.
        offset: u32,
        /// What it was to hold.
        value: u32,
    },
    /// [`VmOps::set_counter_offset`](super::VmOps::set_counter_offset).
    SetCounterOffset(u64),
    /// [`VmOps::set_irq_line`](super::VmOps::set_irq_line).
    SetIrqLine {
        /// The interrupt.
        intid: u32,
        /// The level it was to have.
        level: Level,
    },
    /// [`VmOps::signal_on_write`](super::VmOps::signal_on_write).
    SignalOnWrite(GuestAddress),
    /// [`VcpuOps::init`](super::VcpuOps::init).
    Init(VcpuFeatures),
    /// [`VcpuOps::register_list`](super::VcpuOps::register_list).
    RegisterList,
    /// [`VcpuOps::register`](super::VcpuOps::register) or
    /// [`VcpuOps::register_bytes`](super::VcpuOps::register_bytes).
    Register(RegisterId),
    /// [`VcpuOps::set_register`](super::VcpuOps::set_register).
    SetRegister(RegisterId, u64),
    /// [`VcpuOps::set_register_bytes`](super::VcpuOps::set_register_bytes).
    SetRegisterBytes(RegisterId),
    /// [`VcpuOps::finalize_sve`](super::VcpuOps::finalize_sve).
    FinalizeSve,
    /// [`VcpuOps::mp_state`](super::VcpuOps::mp_state).
    MpState,
    /// [`VcpuOps::set_mp_state`](super::VcpuOps::set_mp_state).
    SetMpState(MpState),
    /// [`VcpuOps::supports_stolen_time`](super::VcpuOps::supports_stolen_time).
    ProbeStolenTime,
    /// [`VcpuOps::set_stolen_time`](super::VcpuOps::set_stolen_time).
    SetStolenTime(GuestAddress),
    /// [`VcpuOps::set_pmu_interrupt`](super::VcpuOps::set_pmu_interrupt).
    SetPmuInterrupt(u32),
    /// [`VcpuOps::initialise_pmu`](super::VcpuOps::initialise_pmu).
    InitialisePmu,
    /// [`VcpuOps::clean_and_invalidate`](super::VcpuOps::clean_and_invalidate).
    CleanAndInvalidate {
        /// Bytes.
        size: usize,
    },
    /// [`VcpuOps::inject_external_abort`](super::VcpuOps::inject_external_abort).
    InjectExternalAbort,
    /// [`VcpuOps::run`](super::VcpuOps::run).
    Run,
    /// [`VcpuOps::complete_read`](super::VcpuOps::complete_read).
    CompleteRead(u64),
    /// [`VcpuOps::clear_kick`](super::VcpuOps::clear_kick).
    ClearKick,
    /// [`Kick::kick`](super::Kick::kick).
    Kick,
}

impl Operation {
    /// The ioctl's name, or in words what has none.
    const fn name(&self) -> &'static str {
        match self {
            Self::Open => "opening /dev/kvm",
            Self::Capability(_) => "KVM_CHECK_EXTENSION",
            Self::CreateVm { .. } => "KVM_CREATE_VM",
            Self::CloseVm => "closing the VM",
            Self::Enable(_) => "KVM_ENABLE_CAP",
            Self::MapRam { .. } | Self::MapRom { .. } => "KVM_SET_USER_MEMORY_REGION",
            Self::CreateVcpu { .. } => "KVM_CREATE_VCPU",
            Self::PreferredTarget => "KVM_ARM_PREFERRED_TARGET",
            Self::PrepareKick => "preparing the vCPU to be kicked",
            Self::ProbeSmcccFilter => "KVM_HAS_DEVICE_ATTR of the SMCCC filter",
            Self::FilterSmccc { .. } => "KVM_SET_DEVICE_ATTR of the SMCCC filter",
            Self::WritableMasks => "KVM_ARM_GET_REG_WRITABLE_MASKS",
            Self::ProbeDevice(InterruptDevice::GicV2) => "KVM_CREATE_DEVICE_TEST of a GICv2",
            Self::ProbeDevice(InterruptDevice::GicV3) => "KVM_CREATE_DEVICE_TEST of a GICv3",
            Self::ProbeDevice(InterruptDevice::Its) => "KVM_CREATE_DEVICE_TEST of an ITS",
            Self::CreateGicV2 => "KVM_CREATE_DEVICE of a GICv2",
            Self::CreateGicV3 => "KVM_CREATE_DEVICE of a GICv3",
            Self::CreateIts => "KVM_CREATE_DEVICE of an ITS",
            Self::PlaceIts(_) => "placing the ITS",
            Self::InitialiseIts => "initialising the ITS",
            Self::SetDistributor(_) => "placing the GIC distributor",
            Self::SetCpuInterface(_) => "placing the GIC's CPU interface",
            Self::SetRedistributors(_) => "placing the GIC redistributors",
            Self::AddRedistributorRegion { .. } => "placing a region of GIC redistributors",
            Self::SetInterruptCount(_) => "setting the GIC's number of interrupts",
            Self::InitialiseGic => "initialising the GIC",
            Self::DistributorRegister { .. } => "reading the GIC distributor",
            Self::SetDistributorRegister { .. } => "writing the GIC distributor",
            Self::SetCounterOffset(_) => "KVM_ARM_SET_COUNTER_OFFSET",
            Self::SetIrqLine { .. } => "KVM_IRQ_LINE",
            Self::SignalOnWrite(_) => "KVM_IOEVENTFD",
            Self::Init(_) => "KVM_ARM_VCPU_INIT",
            Self::RegisterList => "KVM_GET_REG_LIST",
            Self::Register(_) => "KVM_GET_ONE_REG",
            Self::SetRegister(..) | Self::SetRegisterBytes(_) => "KVM_SET_ONE_REG",
            Self::FinalizeSve => "KVM_ARM_VCPU_FINALIZE of SVE",
            Self::MpState => "KVM_GET_MP_STATE",
            Self::SetMpState(_) => "KVM_SET_MP_STATE",
            Self::ProbeStolenTime => "KVM_HAS_DEVICE_ATTR of stolen time",
            Self::SetStolenTime(_) => "KVM_SET_DEVICE_ATTR of stolen time",
            Self::SetPmuInterrupt(_) => "KVM_SET_DEVICE_ATTR of the PMU's interrupt",
            Self::InitialisePmu => "KVM_SET_DEVICE_ATTR that initialises the PMU",
            Self::CleanAndInvalidate { .. } => "cleaning and invalidating caches",
            Self::InjectExternalAbort => "KVM_SET_VCPU_EVENTS with an external abort",
            Self::Run => "KVM_RUN",
            Self::CompleteRead(_) => "completing a read",
            Self::ClearKick => "clearing the kick",
            Self::Kick => "kicking",
        }
    }
}

/// The name and the arguments.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match *self {
            Self::Capability(capability) | Self::Enable(capability) => {
                write!(f, " of {capability}")
            }
            Self::CreateVm { ipa_bits } => write!(f, " with {ipa_bits} bits of guest address"),
            Self::MapRam { slot, start, size } => {
                write!(f, " of {size:#x} bytes at {:#x} as slot {slot}", start.0)
            }
            Self::MapRom { slot, start, size } => {
                let start = start.0;
                write!(
                    f,
                    " of {size:#x} bytes at {start:#x}, read-only, as slot {slot}"
                )
            }
            Self::CreateVcpu { index } => write!(f, " of index {index}"),
            Self::FilterSmccc {
                base,
                count,
                action,
            } => {
                write!(f, " of {count:#x} calls from {base:#x} to {action:?}")
            }
            Self::SetDistributor(base)
            | Self::SetCpuInterface(base)
            | Self::PlaceIts(base)
            | Self::SetRedistributors(base)
            | Self::SignalOnWrite(base)
            | Self::SetStolenTime(base) => {
                write!(f, " at {:#x}", base.0)
            }
            Self::CleanAndInvalidate { size } => write!(f, " of {size:#x} bytes"),
            Self::AddRedistributorRegion { index, base, count } => {
                write!(f, ", number {index} of {count}, at {:#x}", base.0)
            }
            Self::SetInterruptCount(count) => write!(f, " to {count}"),
            Self::SetCounterOffset(offset) => write!(f, " to {offset:#x}"),
            Self::SetPmuInterrupt(intid) => write!(f, " to {intid}"),
            Self::SetIrqLine { intid, level } => write!(f, " of interrupt {intid} to {level:?}"),
            Self::Init(features) => write!(f, " with features {:#b}", features.bits()),
            Self::DistributorRegister { offset } => write!(f, " at offset {offset:#x}"),
            Self::SetDistributorRegister { offset, value } => {
                write!(f, " at offset {offset:#x} to {value:#x}")
            }
            Self::Register(register) | Self::SetRegisterBytes(register) => {
                write!(f, " of {register}")
            }
            Self::SetRegister(register, value) => write!(f, " of {register} to {value:#x}"),
            Self::SetMpState(state) => write!(f, " to {state:?}"),
            Self::CompleteRead(value) => write!(f, " with {value:#x}"),
            _ => Ok(()),
        }
    }
}

/// An error number of the kernel's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(i32);

impl Errno {
    /// Operation not permitted.
    pub const EPERM: Self = Self(libc::EPERM);
    /// No such file, register or feature.
    pub const ENOENT: Self = Self(libc::ENOENT);
    /// Interrupted.
    pub const EINTR: Self = Self(libc::EINTR);
    /// The VM is dead.
    pub const EIO: Self = Self(libc::EIO);
    /// No such device attribute or address.
    pub const ENXIO: Self = Self(libc::ENXIO);
    /// Out of range.
    pub const E2BIG: Self = Self(libc::E2BIG);
    /// Not initialised.
    pub const ENOEXEC: Self = Self(libc::ENOEXEC);
    /// Out of memory.
    pub const ENOMEM: Self = Self(libc::ENOMEM);
    /// Permission denied.
    pub const EACCES: Self = Self(libc::EACCES);
    /// Bad address.
    pub const EFAULT: Self = Self(libc::EFAULT);
    /// Busy, or too late.
    pub const EBUSY: Self = Self(libc::EBUSY);
    /// Exists already.
    pub const EEXIST: Self = Self(libc::EEXIST);
    /// No such device.
    pub const ENODEV: Self = Self(libc::ENODEV);
    /// Invalid argument.
    pub const EINVAL: Self = Self(libc::EINVAL);
    /// Too many open files.
    pub const EMFILE: Self = Self(libc::EMFILE);
    /// Not an operation of this kernel.
    pub const ENOTTY: Self = Self(libc::ENOTTY);
    /// Not implemented.
    pub const ENOSYS: Self = Self(libc::ENOSYS);

    /// The error of this number.
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> i32 {
        self.0
    }
}

/// The name and what the system's library says of it.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = std::io::Error::from_raw_os_error(self.0);
        match NAMES.iter().find(|(errno, _)| errno == self) {
            Some((_, name)) => write!(f, "{name}: {said}"),
            None => write!(f, "{said}"),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(errno, _)| errno == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

const NAMES: &[(Errno, &str)] = &[
    (Errno::EPERM, "EPERM"),
    (Errno::ENOENT, "ENOENT"),
    (Errno::EINTR, "EINTR"),
    (Errno::EIO, "EIO"),
    (Errno::ENXIO, "ENXIO"),
    (Errno::E2BIG, "E2BIG"),
    (Errno::ENOEXEC, "ENOEXEC"),
    (Errno::ENOMEM, "ENOMEM"),
    (Errno::EACCES, "EACCES"),
    (Errno::EFAULT, "EFAULT"),
    (Errno::EBUSY, "EBUSY"),
    (Errno::EEXIST, "EEXIST"),
    (Errno::ENODEV, "ENODEV"),
    (Errno::EINVAL, "EINVAL"),
    (Errno::EMFILE, "EMFILE"),
    (Errno::ENOTTY, "ENOTTY"),
    (Errno::ENOSYS, "ENOSYS"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_who_what_and_why() {
        let operation = Operation::SetRegister(RegisterId::PC, 0x4008_0000);
        let error = Error {
            vcpu: Some(1),
            operation,
            errno: Errno::EINVAL,
        };
        assert_eq!(
            error.to_string(),
            "vCPU 1: KVM_SET_ONE_REG of PC to 0x40080000 failed: \
             EINVAL: Invalid argument (os error 22)"
        );
    }

    #[test]
    fn a_known_cause_comes_with_advice() {
        let operation = Operation::FilterSmccc {
            base: 0x8000_0000,
            count: 1,
            action: FilterAction::Forward,
        };
        let error = Error {
            vcpu: None,
            operation,
            errno: Errno::EEXIST,
        };
        assert_eq!(
            error.to_string(),
            "KVM_SET_DEVICE_ATTR of the SMCCC filter of 0x1 calls from 0x80000000 to Forward failed: \
             EEXIST: File exists (os error 17); \
             the range meets an earlier one, or one that KVM keeps for itself"
        );
    }

    #[test]
    fn an_error_keeps_the_kernels_number() {
        let error = Error {
            vcpu: None,
            operation: Operation::Open,
            errno: Errno::new(libc::ENOENT),
        };
        assert_eq!(error.errno.number(), 2);
        assert_eq!(error.errno, Errno::ENOENT);
    }

    #[test]
    fn an_errno_without_a_name_here_is_still_told() {
        assert_eq!(format!("{:?}", Errno::new(75)), "errno 75");
        assert!(Errno::new(75).to_string().ends_with("(os error 75)"));
    }
}
