//! The order in which KVM wants a machine built, as types.
//!
//! Each step consumes the stage before it, so a step out of order does not compile:
//!
//! ```text
//! Empty ─memory─▶ WithMemory ─vcpus─▶ WithVcpus ─initialise─▶ Initialised
//!       ─promise─▶ Promised ─firmware─▶ WithFirmware ─gic─▶ Built
//! ```
//!
//! All vCPUs exist before the first is initialised, because each creation sets the guest's counter
//! anew; firmware registers and the filter come before the first run, which freezes them; the GIC
//! comes to life once every vCPU has its MPIDR_EL1.

use vambrace_core::firmware::{Level, Workaround, Workarounds};
use vambrace_core::psci::PsciVersion;
use vm_memory::{GuestAddress, GuestMemoryBackend};

use super::{Error, FirmwareKind, Forwarding, Offer};
use crate::address::Region;
use crate::layout::{self, GIC_DISTRIBUTOR, Layout};
use crate::memory::GuestMemory;
use crate::sys::{
    Capability, Errno, FilterAction, GicOps, Host, RegisterId, VcpuFeatures, VcpuOps, VmOps,
};

/// What a guest is promised of its firmware, whoever answers and however often it reboots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Promise {
    pub(crate) psci_version: PsciVersion,
    pub(crate) workarounds: Workarounds,
}

/// A machine whose vCPUs may run.
pub(crate) struct Built<V: VmOps> {
    pub(crate) vm: V,
    pub(crate) vcpus: Vec<V::Vcpu>,
    /// Dropped with the VM: the device lives as long as its descriptor or the VM's.
    pub(crate) gic: V::Gic,
    pub(crate) promise: Promise,
}

/// Builds a machine; `promise` is what an earlier life of it promised.
pub(crate) fn build<H: Host>(
    host: &H,
    layout: &Layout,
    memory: &GuestMemory,
    kind: FirmwareKind,
    promise: Option<Promise>,
) -> Result<Built<H::Vm>, Error> {
    Empty::new(host, layout)?
        .memory(memory)?
        .vcpus(layout)?
        .initialise(kind)?
        .promise(promise)?
        .firmware(kind)?
        .gic(layout)
}

/// What the host offers, asked of a VM with one vCPU that never runs.
pub(crate) fn offer_of<H: Host>(host: &H) -> Result<Offer, Error> {
    let vm = host.create_vm(0)?;
    let mut vcpu = vm.create_vcpu(0)?;
    vcpu.init(VcpuFeatures::PSCI_0_2)?;
    let psci_version = offer(&vcpu)?.psci_version;
    let core =
        if vm.supports_smccc_filter() { Forwarding::Offered } else { Forwarding::Missing };
    Ok(Offer { psci_version, core })
}

struct Empty<V>(V);

impl<V: VmOps> Empty<V> {
    fn new<H: Host<Vm = V>>(host: &H, layout: &Layout) -> Result<Self, Error> {
        check_vcpus(host, layout)?;
        let vm = host.create_vm(address_bits(host, layout)?)?;
        vm.enable(Capability::NisvToUser)?;
        Ok(Self(vm))
    }

    fn memory(self, memory: &GuestMemory) -> Result<WithMemory<V>, Error> {
        for (slot, region) in (0..).zip(memory.mapping().iter()) {
            self.0.map_ram(slot, region)?;
        }
        Ok(WithMemory(self.0))
    }
}

struct WithMemory<V>(V);

impl<V: VmOps> WithMemory<V> {
    fn vcpus(self, layout: &Layout) -> Result<WithVcpus<V>, Error> {
        let vcpus = (0..layout.vcpus())
            .map(|index| self.0.create_vcpu(index.into()))
            .collect::<Result<_, _>>()?;
        Ok(WithVcpus { vm: self.0, vcpus })
    }
}

struct WithVcpus<V: VmOps> {
    vm: V,
    vcpus: Vec<V::Vcpu>,
}

impl<V: VmOps> WithVcpus<V> {
    fn initialise(mut self, kind: FirmwareKind) -> Result<Initialised<V>, Error> {
        for (index, vcpu) in (0..).zip(&mut self.vcpus) {
            vcpu.init(features(kind, index))?;
            check_mpidr(vcpu, index)?;
        }
        Ok(Initialised { vm: self.vm, vcpus: self.vcpus })
    }
}

struct Initialised<V: VmOps> {
    vm: V,
    vcpus: Vec<V::Vcpu>,
}

impl<V: VmOps> Initialised<V> {
    /// Writes every firmware register, so that nothing is left to the host's defaults. The
    /// optional services are off: core does not serve them yet.
    fn promise(mut self, promise: Option<Promise>) -> Result<Promised<V>, Error> {
        let first = &mut self.vcpus[0];
        let promise = match promise {
            Some(promise) => promise,
            None => offer(first)?,
        };
        first.set_register(RegisterId::PSCI_VERSION, promise.psci_version.value().into())?;
        for bitmap in BITMAPS {
            if optional(first, bitmap)?.is_some() {
                first.set_register(bitmap, 0)?;
            }
        }
        Ok(Promised { vm: self.vm, vcpus: self.vcpus, promise })
    }
}

struct Promised<V: VmOps> {
    vm: V,
    vcpus: Vec<V::Vcpu>,
    promise: Promise,
}

impl<V: VmOps> Promised<V> {
    /// Under core, forwards every function id that KVM lets go.
    fn firmware(self, kind: FirmwareKind) -> Result<WithFirmware<V>, Error> {
        if kind == FirmwareKind::Core {
            if !self.vm.supports_smccc_filter() {
                return Err(Error::NoFilter);
            }
            for (base, count) in FORWARDED {
                self.vm.filter_smccc(base, count, FilterAction::Forward)?;
            }
        }
        Ok(WithFirmware { vm: self.vm, vcpus: self.vcpus, promise: self.promise })
    }
}

struct WithFirmware<V: VmOps> {
    vm: V,
    vcpus: Vec<V::Vcpu>,
    promise: Promise,
}

impl<V: VmOps> WithFirmware<V> {
    fn gic(self, layout: &Layout) -> Result<Built<V>, Error> {
        let gic = self.vm.create_gic_v3()?;
        gic.set_distributor(base(GIC_DISTRIBUTOR))?;
        for (index, part) in (0..).zip(layout.redistributors()) {
            gic.add_redistributor_region(index, base(part.region), part.count)?;
        }
        gic.set_interrupt_count(layout::INTERRUPTS)?;
        gic.initialise()?;
        Ok(Built { vm: self.vm, vcpus: self.vcpus, gic, promise: self.promise })
    }
}

/// Under KVM's firmware every vCPU but the first is off and waits inside KVM_RUN; under core none
/// is off in KVM's eyes.
pub(crate) fn features(kind: FirmwareKind, index: u16) -> VcpuFeatures {
    match (kind, index) {
        (FirmwareKind::Core, _) | (FirmwareKind::Kernel, 0) => VcpuFeatures::PSCI_0_2,
        (FirmwareKind::Kernel, _) => VcpuFeatures::PSCI_0_2 | VcpuFeatures::POWER_OFF,
    }
}

fn check_vcpus<H: Host>(host: &H, layout: &Layout) -> Result<(), Error> {
    let most = host.capability(Capability::MaxVcpus)?;
    let asked = layout.vcpus();
    if u32::from(asked) > most { Err(Error::TooManyVcpus { asked, most }) } else { Ok(()) }
}

/// How many bits of guest address the machine gets: KVM's usual 40, or what it needs and the host
/// has.
fn address_bits<H: Host>(host: &H, layout: &Layout) -> Result<u32, Error> {
    let most = host.capability(Capability::VmIpaSize)?;
    layout.check_address_space(u8::try_from(most).unwrap_or(u8::MAX))?;
    let needed = u64::BITS - layout.end().value().saturating_sub(1).leading_zeros();
    Ok(needed.max(USUAL_ADDRESS_BITS.min(most)))
}

/// KVM derives each vCPU's affinity from its index; the device tree and core do likewise.
fn check_mpidr<V: VcpuOps>(vcpu: &V, index: u16) -> Result<(), Error> {
    let expected = layout::mpidr(index);
    let found = vcpu.register(RegisterId::MPIDR_EL1)?;
    if vambrace_core::vcpu::Mpidr::from_register(found) == expected {
        Ok(())
    } else {
        Err(Error::Mpidr { vcpu: index, expected: expected.value(), found })
    }
}

/// The newest PSCI that both the host and core have, and the host's workaround levels.
fn offer<V: VcpuOps>(vcpu: &V) -> Result<Promise, Error> {
    let offered = vcpu.register(RegisterId::PSCI_VERSION)?;
    let psci_version = u32::try_from(offered)
        .ok()
        .map(|offered| offered.min(PsciVersion::V1_1.value()))
        .and_then(PsciVersion::from_value)
        .ok_or(Error::PsciVersion { offered })?;
    let mut workarounds = Workarounds::NONE;
    for (register, workaround) in WORKAROUNDS {
        let level = optional(vcpu, register)?.map_or(Level::NotAvailable, level);
        workarounds = workarounds.with(workaround, level);
    }
    Ok(Promise { psci_version, workarounds })
}

/// The value of a register that older kernels do not have.
fn optional<V: VcpuOps>(vcpu: &V, register: RegisterId) -> Result<Option<u64>, Error> {
    match vcpu.register(register) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.errno == Errno::ENOENT => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// KVM's levels: of workarounds 1 and 3 0, 1 and 2; of workaround 2 0 and 3.
fn level(value: u64) -> Level {
    match value {
        0 => Level::NotAvailable,
        1 => Level::Available,
        _ => Level::NotRequired,
    }
}

fn base(region: Region) -> GuestAddress {
    GuestAddress(region.base().value())
}

/// Everything but 0x8000_0000–0x8000_FFFF and 0xC000_0000–0xC000_FFFF, which KVM keeps.
const FORWARDED: [(u32, u32); 3] =
    [(0, 0x8000_0000), (0x8001_0000, 0x3fff_0000), (0xc001_0000, 0x3fff_0000)];

const BITMAPS: [RegisterId; 4] = [
    RegisterId::STD_BITMAP,
    RegisterId::STD_HYP_BITMAP,
    RegisterId::VENDOR_HYP_BITMAP,
    RegisterId::VENDOR_HYP_BITMAP_2,
];

const WORKAROUNDS: [(RegisterId, Workaround); 3] = [
    (RegisterId::WORKAROUND_1, Workaround::One),
    (RegisterId::WORKAROUND_2, Workaround::Two),
    (RegisterId::WORKAROUND_3, Workaround::Three),
];

const USUAL_ADDRESS_BITS: u32 = 40;
