//! The seam carried out by the kernel: /dev/kvm of an arm64 Linux machine.
//!
//! What the kernel says is passed on as it is; what `kvm-ioctls` makes of an exit is not used,
//! because it knows neither the arm64 meaning of a hypercall nor the undecodable abort.

#![expect(
    unsafe_code,
    reason = "maps guest memory into a VM and reads the union of kvm_run"
)]

use std::iter;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError};

use kvm_bindings::{
    KVM_MEM_READONLY, kvm_device_attr, kvm_enable_cap, kvm_mp_state, kvm_userspace_memory_region,
    kvm_vcpu_events, kvm_vcpu_init,
};
use kvm_ioctls::{VcpuFd, VmFd};
use vm_memory::{GuestAddress, GuestMemoryRegion, GuestRegionMmap, MmapRegion, VolatileSlice};

use super::abi::{KVM_EXIT_MEMORY_FAULT, PAYLOAD, decode, mp_state, smccc_filter, spi_line};
use super::gic::{self, Gic, Its};
use super::kick::{Kicked, Kicker};
use super::{
    Capability, Errno, Error, Exit, FilterAction, Hardware, Host, InterruptDevice, Level, MpState,
    Operation, RegisterId, Result, SystemRegisters, VcpuFeatures, VcpuOps, VmOps, WritableMasks,
};
use super::{attribute, cache, identification, ioctl, mrs};

/// The KVM of this machine.
#[derive(Debug)]
pub struct Kvm {
    fd: kvm_ioctls::Kvm,
}

impl Kvm {
    /// Opens /dev/kvm.
    pub fn open() -> Result<Self> {
        match kvm_ioctls::Kvm::new() {
            Ok(fd) => Ok(Self { fd }),
            Err(error) => Err(refused(Operation::Open)(error)),
        }
    }
}

impl Host for Kvm {
    type Vm = Vm;

    fn capability(&self, capability: Capability) -> Result<u32> {
        quantity(
            capability,
            self.fd.check_extension_raw(capability.number().into()),
        )
    }

    fn hardware(&self) -> Hardware {
        identification::hardware(SystemRegisters {
            ctr_el0: mrs::ctr_el0(),
            dczid_el0: mrs::dczid_el0(),
            cntfrq_el0: mrs::cntfrq_el0(),
        })
    }

    fn create_vm(&self, ipa_bits: u32) -> Result<Vm> {
        loop {
            match self.fd.create_vm_with_ipa_size(ipa_bits) {
                Ok(fd) => {
                    return Ok(Vm(Arc::new(Shared {
                        fd,
                        memory: Mutex::default(),
                    })));
                }
                // The kernel gives up when any signal is pending for this thread.
                Err(error) if error.errno() == libc::EINTR => {}
                Err(error) => return Err(refused(Operation::CreateVm { ipa_bits })(error)),
            }
        }
    }
}

/// A virtual machine of [`Kvm`]'s.
#[derive(Debug)]
pub struct Vm(Arc<Shared>);

/// What a VM's handles share. The descriptor goes first when it is dropped, the memory after it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) fd: VmFd,
    memory: Mutex<Vec<Arc<MmapRegion>>>,
}

impl VmOps for Vm {
    type Vcpu = Vcpu;
    type Gic = Gic;
    type Its = Its;

    fn capability(&self, capability: Capability) -> Result<u32> {
        quantity(
            capability,
            self.0.fd.check_extension_raw(capability.number().into()),
        )
    }

    fn enable(&self, capability: Capability) -> Result<()> {
        let request = kvm_enable_cap {
            cap: capability.number(),
            ..Default::default()
        };
        self.0
            .fd
            .enable_cap(&request)
            .map_err(refused(Operation::Enable(capability)))
    }

    fn map_ram(&self, slot: u32, region: &GuestRegionMmap) -> Result<()> {
        let (start, size) = (region.start_addr(), region.len());
        self.map(slot, region, 0)
            .map_err(refused(Operation::MapRam { slot, start, size }))
    }

    fn map_rom(&self, slot: u32, region: &GuestRegionMmap) -> Result<()> {
        let (start, size) = (region.start_addr(), region.len());
        self.map(slot, region, KVM_MEM_READONLY)
            .map_err(refused(Operation::MapRom { slot, start, size }))
    }

    fn create_vcpu(&self, index: u32) -> Result<Vcpu> {
        let of_vcpu = |operation| refused_by(Some(index), operation);
        let mut target = kvm_vcpu_init::default();
        self.0
            .fd
            .get_preferred_target(&mut target)
            .map_err(of_vcpu(Operation::PreferredTarget))?;
        let created = self.0.fd.create_vcpu(index.into());
        let fd = created.map_err(of_vcpu(Operation::CreateVcpu { index }))?;
        let kicked = Kicked::new(&fd).map_err(|errno| Error {
            vcpu: Some(index),
            operation: Operation::PrepareKick,
            errno,
        })?;
        let vm = Arc::clone(&self.0);
        Ok(Vcpu {
            fd,
            kicked,
            index,
            target: target.target,
            access: Access::Completed,
            _vm: vm,
        })
    }

    fn supports_smccc_filter(&self) -> bool {
        let attribute = kvm_device_attr {
            group: KVM_ARM_VM_SMCCC_CTRL,
            attr: KVM_ARM_VM_SMCCC_FILTER,
            ..Default::default()
        };
        self.0.fd.has_device_attr(&attribute).is_ok()
    }

    fn filter_smccc(&self, base: u32, count: u32, action: FilterAction) -> Result<()> {
        let filter = smccc_filter(base, count, action);
        let attribute = kvm_device_attr {
            group: KVM_ARM_VM_SMCCC_CTRL,
            attr: KVM_ARM_VM_SMCCC_FILTER,
            addr: filter.as_ptr() as u64,
            flags: 0,
        };
        let set = self.0.fd.set_device_attr(&attribute);
        set.map_err(refused(Operation::FilterSmccc {
            base,
            count,
            action,
        }))
    }

    fn writable_masks(&self) -> Result<WritableMasks> {
        ioctl::writable_masks(&self.0.fd).map_err(refused(Operation::WritableMasks))
    }

    fn supports_device(&self, device: InterruptDevice) -> Result<bool> {
        ioctl::supports_device(&self.0.fd, gic::device_type(device))
            .map_err(refused(Operation::ProbeDevice(device)))
    }

    fn create_gic_v2(&self) -> Result<Gic> {
        Gic::v2(&self.0)
    }

    fn create_gic_v3(&self) -> Result<Gic> {
        Gic::v3(&self.0)
    }

    fn create_its(&self) -> Result<Its> {
        Its::new(&self.0)
    }

    fn set_counter_offset(&self, offset: u64) -> Result<()> {
        ioctl::set_counter_offset(&self.0.fd, offset)
            .map_err(refused(Operation::SetCounterOffset(offset)))
    }

    fn set_irq_line(&self, intid: u32, level: Level) -> Result<()> {
        let (line, high) = (spi_line(intid), level == Level::High);
        let set = self.0.fd.set_irq_line(line, high);
        set.map_err(refused(Operation::SetIrqLine { intid, level }))
    }

    fn signal_on_write(&self, address: GuestAddress, event: BorrowedFd<'_>) -> Result<()> {
        ioctl::signal_on_write(&self.0.fd, address.0, event)
            .map_err(refused(Operation::SignalOnWrite(address)))
    }
}

impl Vm {
    fn map(
        &self,
        slot: u32,
        region: &GuestRegionMmap,
        flags: u32,
    ) -> std::result::Result<(), kvm_ioctls::Error> {
        let mapping = region.get_mmap();
        let request = kvm_userspace_memory_region {
            slot,
            flags,
            guest_phys_addr: region.start_addr().0,
            memory_size: region.len(),
            // A pointer's bits as a number: the kernel's field has 64 bits on every machine.
            userspace_addr: mapping.as_ptr() as u64,
        };
        // Shared first: from the next line on the guest may write there.
        self.0
            .memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(mapping);
        // SAFETY: the whole range is one mapping, which is kept until the VM's descriptor, and
        // through `Shared` every vCPU's and device's, is closed: no guest outlives its memory.
        unsafe { self.0.fd.set_user_memory_region(request) }
    }
}

/// A vCPU of a [`Vm`]'s.
#[derive(Debug)]
pub struct Vcpu {
    // In the order they are to be dropped: who kicks, the vCPU, and last the VM with the memory.
    kicked: Kicked,
    fd: VcpuFd,
    index: u32,
    target: u32,
    access: Access,
    _vm: Arc<Shared>,
}

/// What the next run still has to complete of the access that ended the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Completed,
    Read,
    Write,
}

impl VcpuOps for Vcpu {
    type Kicker = Kicker;

    fn init(&mut self, features: VcpuFeatures) -> Result<()> {
        let mut request = kvm_vcpu_init {
            target: self.target,
            ..Default::default()
        };
        request.features[0] = features.bits();
        self.fd
            .vcpu_init(&request)
            .map_err(self.refused(Operation::Init(features)))
    }

    fn register(&self, register: RegisterId) -> Result<u64> {
        let mut value = [0; 8];
        let read = self.fd.get_one_reg(register.raw(), &mut value);
        read.map_err(self.refused(Operation::Register(register)))?;
        Ok(u64::from_le_bytes(value))
    }

    fn set_register(&mut self, register: RegisterId, value: u64) -> Result<()> {
        let written = self.fd.set_one_reg(register.raw(), &value.to_le_bytes());
        written.map_err(self.refused(Operation::SetRegister(register, value)))?;
        Ok(())
    }

    fn register_list(&self) -> Result<Vec<RegisterId>> {
        ioctl::register_list(&self.fd).map_err(self.refused(Operation::RegisterList))
    }

    fn register_bytes(&self, register: RegisterId) -> Result<Vec<u8>> {
        let mut bytes = vec![0; register.size()];
        let read = self.fd.get_one_reg(register.raw(), &mut bytes);
        read.map_err(self.refused(Operation::Register(register)))?;
        Ok(bytes)
    }

    fn set_register_bytes(&mut self, register: RegisterId, bytes: &[u8]) -> Result<()> {
        let written = self.fd.set_one_reg(register.raw(), bytes);
        written.map_err(self.refused(Operation::SetRegisterBytes(register)))?;
        Ok(())
    }

    fn finalize_sve(&mut self) -> Result<()> {
        let finalized = self.fd.vcpu_finalize(&KVM_ARM_VCPU_SVE);
        finalized.map_err(self.refused(Operation::FinalizeSve))
    }

    fn mp_state(&self) -> Result<MpState> {
        let state = self
            .fd
            .get_mp_state()
            .map_err(self.refused(Operation::MpState))?
            .mp_state;
        mp_state(state).ok_or(Error {
            vcpu: Some(self.index),
            operation: Operation::MpState,
            errno: Errno::EINVAL,
        })
    }

    fn set_mp_state(&mut self, state: MpState) -> Result<()> {
        let set = self.fd.set_mp_state(kvm_mp_state {
            mp_state: state as u32,
        });
        set.map_err(self.refused(Operation::SetMpState(state)))
    }

    fn supports_stolen_time(&self) -> bool {
        self.fd.has_device_attr(&attribute::stolen_time(0)).is_ok()
    }

    fn set_stolen_time(&mut self, base: GuestAddress) -> Result<()> {
        let set = self
            .fd
            .set_device_attr(&attribute::stolen_time(&raw const base.0 as u64));
        set.map_err(self.refused(Operation::SetStolenTime(base)))
    }

    fn set_pmu_interrupt(&mut self, intid: u32) -> Result<()> {
        let attribute = attribute::pmu_interrupt(&raw const intid as u64);
        let set = self.fd.set_device_attr(&attribute);
        set.map_err(self.refused(Operation::SetPmuInterrupt(intid)))
    }

    fn initialise_pmu(&mut self) -> Result<()> {
        let set = self.fd.set_device_attr(&attribute::PMU_INITIALISED);
        set.map_err(self.refused(Operation::InitialisePmu))
    }

    fn clean_and_invalidate(&self, memory: &VolatileSlice<'_>) {
        cache::clean_and_invalidate(memory);
    }

    #[inline]
    fn run(&mut self) -> Result<Exit> {
        self.kicked
            .attach()
            .map_err(|errno| self.error(Operation::Run, errno))?;
        self.access = Access::Completed;
        match ioctl::run(&mut self.fd) {
            Ok(()) => Ok(self.exit()),
            Err(error) => self.not_run(error),
        }
    }

    fn complete_read(&mut self, value: u64) {
        if self.access == Access::Read {
            self.fd.get_kvm_run().__bindgen_anon_1.mmio.data = value.to_le_bytes();
        }
    }

    fn kicker(&self) -> Kicker {
        self.kicked.kicker()
    }

    fn clear_kick(&mut self) {
        self.kicked.clear();
    }

    fn inject_external_abort(&mut self) -> Result<()> {
        if self.access != Access::Completed {
            self.abandon_access()?;
        }
        let mut events = kvm_vcpu_events::default();
        events.exception.ext_dabt_pending = 1;
        let injected = self.fd.set_vcpu_events(&events);
        injected.map_err(self.refused(Operation::InjectExternalAbort))
    }
}

impl Vcpu {
    /// Why KVM_RUN is an error: a kick, or memory that the kernel cannot provide, which `kvm_run` tells of.
    #[cold]
    fn not_run(&mut self, error: kvm_ioctls::Error) -> Result<Exit> {
        match error.errno() {
            libc::EINTR => Ok(Exit::Kicked),
            libc::EFAULT | libc::EHWPOISON if self.tells_of_memory() => Ok(self.exit()),
            _ => Err(self.refused(Operation::Run)(error)),
        }
    }

    fn tells_of_memory(&mut self) -> bool {
        self.fd.get_kvm_run().exit_reason == KVM_EXIT_MEMORY_FAULT
    }

    /// What the run that just returned left in `kvm_run`.
    #[inline]
    fn exit(&mut self) -> Exit {
        let run = self.fd.get_kvm_run();
        // SAFETY: every byte of the union is mapped memory and any value is a valid byte.
        let union = unsafe { &run.__bindgen_anon_1.padding };
        let payload = union
            .first_chunk::<PAYLOAD>()
            .expect("the union has 256 bytes");
        let exit = decode(run.exit_reason, payload);
        match exit {
            Exit::MmioRead { .. } => {
                self.access = Access::Read;
                // What a read that nobody answers reads as.
                run.__bindgen_anon_1.mmio.data = [0; 8];
            }
            Exit::MmioWrite { .. } => self.access = Access::Write,
            _ => {}
        }
        exit
    }

    /// Leaves the guest as it was before the access that ended the last run. Linux 5.10, asked to
    /// inject an abort with an access to complete, does both and skips the first instruction of
    /// the guest's vector; so the access is completed first, by a run that a kick ends before it
    /// enters the guest, and then undone.
    fn abandon_access(&mut self) -> Result<()> {
        let changed = iter::once(RegisterId::PC).chain(RegisterId::X);
        let before = changed.map(|register| Ok((register, self.register(register)?)));
        let before = before.collect::<Result<Vec<_>>>()?;
        self.kicked.raise();
        match self.run()? {
            Exit::Kicked => {}
            _ => return Err(self.error(Operation::InjectExternalAbort, Errno::EBUSY)),
        }
        before
            .into_iter()
            .try_for_each(|(register, value)| self.set_register(register, value))
    }

    fn error(&self, operation: Operation, errno: Errno) -> Error {
        Error {
            vcpu: Some(self.index),
            operation,
            errno,
        }
    }

    fn refused(&self, operation: Operation) -> impl FnOnce(kvm_ioctls::Error) -> Error + use<> {
        refused_by(Some(self.index), operation)
    }
}

/// What the kernel answers about a capability, which is negative only for an error.
fn quantity(capability: Capability, answer: i32) -> Result<u32> {
    u32::try_from(answer).map_err(|_| {
        let errno = kvm_ioctls::Error::last();
        refused(Operation::Capability(capability))(errno)
    })
}

pub(super) fn refused(operation: Operation) -> impl FnOnce(kvm_ioctls::Error) -> Error {
    refused_by(None, operation)
}

fn refused_by(vcpu: Option<u32>, operation: Operation) -> impl FnOnce(kvm_ioctls::Error) -> Error {
    move |error| Error {
        vcpu,
        operation,
        errno: Errno::new(error.errno()),
    }
}

// `uapi/linux/kvm.h` and `uapi/asm/kvm.h` of arm64, in the widths their fields have.
const KVM_ARM_VM_SMCCC_CTRL: u32 = 0;
const KVM_ARM_VM_SMCCC_FILTER: u64 = 0;
const KVM_ARM_VCPU_SVE: i32 = 4;
