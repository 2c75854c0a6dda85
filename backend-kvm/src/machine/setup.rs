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
use crate::firmware::{Core, Kernel};
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
    let vm = host.create_vm(usual_address_bits(host.capability(Capability::VmIpaSize)?))?;
    let mut vcpu = vm.create_vcpu(0)?;
    vcpu.init(VcpuFeatures::PSCI_0_2)?;
    let psci_version = promise_of(&vcpu)?.psci_version;
    let core = if vm.supports_smccc_filter() {
        Forwarding::Offered
    } else {
        Forwarding::Missing
    };
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
            vcpu.init(match kind {
                FirmwareKind::Core => Core::FEATURES,
                FirmwareKind::Kernel => Kernel::features(index),
            })?;
            check_mpidr(vcpu, index)?;
        }
        Ok(Initialised {
            vm: self.vm,
            vcpus: self.vcpus,
        })
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
            None => promise_of(first)?,
        };
        first.set_register(
            RegisterId::PSCI_VERSION,
            promise.psci_version.value().into(),
        )?;
        for bitmap in BITMAPS {
            if optional(first, bitmap)?.is_some() {
                first.set_register(bitmap, 0)?;
            }
        }
        Ok(Promised {
            vm: self.vm,
            vcpus: self.vcpus,
            promise,
        })
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
        Ok(WithFirmware {
            vm: self.vm,
            vcpus: self.vcpus,
            promise: self.promise,
        })
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
        Ok(Built {
            vm: self.vm,
            vcpus: self.vcpus,
            gic,
            promise: self.promise,
        })
    }
}

fn check_vcpus<H: Host>(host: &H, layout: &Layout) -> Result<(), Error> {
    let most = host.capability(Capability::MaxVcpus)?;
    let asked = layout.vcpus();
    if u32::from(asked) > most {
        Err(Error::TooManyVcpus { asked, most })
    } else {
        Ok(())
    }
}

/// How many bits of guest address the machine gets: what is usual, or more if it needs them.
fn address_bits<H: Host>(host: &H, layout: &Layout) -> Result<u32, Error> {
    let most = host.capability(Capability::VmIpaSize)?;
    layout.check_address_space(u8::try_from(most).unwrap_or(u8::MAX))?;
    let needed = u64::BITS - layout.end().value().saturating_sub(1).leading_zeros();
    Ok(needed.max(usual_address_bits(most)))
}

/// KVM's usual 40, or fewer on a host that has no more.
fn usual_address_bits(most: u32) -> u32 {
    most.min(40)
}

/// KVM derives each vCPU's affinity from its index; the device tree and core do likewise.
fn check_mpidr<V: VcpuOps>(vcpu: &V, index: u16) -> Result<(), Error> {
    let expected = layout::mpidr(index);
    let found = vcpu.register(RegisterId::MPIDR_EL1)?;
    if vambrace_core::vcpu::Mpidr::from_register(found) == expected {
        Ok(())
    } else {
        Err(Error::Mpidr {
            vcpu: index,
            expected: expected.value(),
            found,
        })
    }
}

/// The newest PSCI that both the host and core have, and the host's workaround levels.
fn promise_of<V: VcpuOps>(vcpu: &V) -> Result<Promise, Error> {
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
    Ok(Promise {
        psci_version,
        workarounds,
    })
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
const FORWARDED: [(u32, u32); 3] = [
    (0, 0x8000_0000),
    (0x8001_0000, 0x3fff_0000),
    (0xc001_0000, 0x3fff_0000),
];

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MINIMUM_RAM;
    use crate::sys::Operation;
    use crate::sys::fake::{FakeHost, Record};

    const PSCI_0_2: VcpuFeatures = VcpuFeatures::PSCI_0_2;

    fn built(host: &FakeHost, vcpus: u16, kind: FirmwareKind) -> Result<Promise, Error> {
        let memory = GuestMemory::new(MINIMUM_RAM).unwrap();
        let layout = Layout::new(vcpus, memory.region()).unwrap();
        build(host, &layout, &memory, kind, None).map(|built| built.promise)
    }

    /// A machine whose addresses end there.
    fn layout(ram: u64) -> Layout {
        Layout::new(1, Region::fixed(0x4000_0000, ram)).unwrap()
    }

    fn host_and(operations: &[Operation]) -> Vec<Record> {
        operations
            .iter()
            .map(|operation| (None, *operation))
            .collect()
    }

    fn of(vcpu: u32, operations: &[Operation]) -> Vec<Record> {
        operations
            .iter()
            .map(|operation| (Some(vcpu), *operation))
            .collect()
    }

    /// What has to come before the firmware is chosen.
    fn first_half(second_vcpu: VcpuFeatures) -> Vec<Record> {
        let ask = Operation::Register;
        let tell = Operation::SetRegister;
        let mpidr = Operation::Register(RegisterId::MPIDR_EL1);
        [
            host_and(&[
                Operation::Capability(Capability::MaxVcpus),
                Operation::Capability(Capability::VmIpaSize),
                Operation::CreateVm { ipa_bits: 40 },
                Operation::Enable(Capability::NisvToUser),
                Operation::MapRam {
                    slot: 0,
                    start: GuestAddress(0x4000_0000),
                    size: 0x40_0000,
                },
            ]),
            of(0, &[Operation::CreateVcpu { index: 0 }]),
            of(1, &[Operation::CreateVcpu { index: 1 }]),
            of(0, &[Operation::Init(PSCI_0_2), mpidr]),
            of(1, &[Operation::Init(second_vcpu), mpidr]),
            of(
                0,
                &[
                    ask(RegisterId::PSCI_VERSION),
                    ask(RegisterId::WORKAROUND_1),
                    ask(RegisterId::WORKAROUND_2),
                    ask(RegisterId::WORKAROUND_3),
                    tell(RegisterId::PSCI_VERSION, 0x1_0001),
                    ask(RegisterId::STD_BITMAP),
                    tell(RegisterId::STD_BITMAP, 0),
                    ask(RegisterId::STD_HYP_BITMAP),
                    tell(RegisterId::STD_HYP_BITMAP, 0),
                    ask(RegisterId::VENDOR_HYP_BITMAP),
                    tell(RegisterId::VENDOR_HYP_BITMAP, 0),
                    ask(RegisterId::VENDOR_HYP_BITMAP_2),
                ],
            ),
        ]
        .concat()
    }

    fn gic(vcpus: u16) -> Vec<Record> {
        let base = GuestAddress(0x80a_0000);
        host_and(&[
            Operation::CreateGicV3,
            Operation::SetDistributor(GuestAddress(0x800_0000)),
            Operation::AddRedistributorRegion {
                index: 0,
                base,
                count: vcpus,
            },
            Operation::SetInterruptCount(288),
            Operation::InitialiseGic,
            Operation::CloseVm,
        ])
    }

    /// As Linux 6.12: the second bitmap of vendor services is younger.
    fn without_the_youngest_register() -> FakeHost {
        let host = FakeHost::new();
        host.fail(
            Operation::Register(RegisterId::VENDOR_HYP_BITMAP_2),
            Errno::ENOENT,
        );
        host
    }

    #[test]
    fn under_core_every_vcpu_is_on_and_every_call_that_kvm_lets_go_is_forwarded() {
        let host = without_the_youngest_register();
        built(&host, 2, FirmwareKind::Core).unwrap();
        let forward = |base, count| Operation::FilterSmccc {
            base,
            count,
            action: FilterAction::Forward,
        };
        let filter = host_and(&[
            Operation::ProbeSmcccFilter,
            forward(0, 0x8000_0000),
            forward(0x8001_0000, 0x3fff_0000),
            forward(0xc001_0000, 0x3fff_0000),
        ]);
        assert_eq!(host.log(), [first_half(PSCI_0_2), filter, gic(2)].concat());
    }

    #[test]
    fn under_the_kernel_all_but_the_first_are_off_and_nothing_is_forwarded() {
        let host = without_the_youngest_register();
        built(&host, 2, FirmwareKind::Kernel).unwrap();
        let off = VcpuFeatures::PSCI_0_2 | VcpuFeatures::POWER_OFF;
        assert_eq!(host.log(), [first_half(off), gic(2)].concat());
    }

    #[test]
    fn many_vcpus_have_two_regions_of_redistributors() {
        let host = FakeHost::new();
        built(&host, 130, FirmwareKind::Core).unwrap();
        let regions = host
            .log()
            .into_iter()
            .filter_map(|(_, operation)| match operation {
                Operation::AddRedistributorRegion { index, base, count } => {
                    Some((index, base.0, count))
                }
                _ => None,
            });
        assert_eq!(
            regions.collect::<Vec<_>>(),
            [(0, 0x80a_0000, 123), (1, 0x8000_0000, 7)]
        );
    }

    #[test]
    fn a_host_without_any_firmware_register_but_the_first_promises_no_workaround() {
        let host = FakeHost::new();
        for register in BITMAPS
            .into_iter()
            .chain(WORKAROUNDS.map(|(register, _)| register))
        {
            host.fail(Operation::Register(register), Errno::ENOENT);
        }
        let promise = built(&host, 1, FirmwareKind::Kernel).unwrap();
        assert_eq!(promise.workarounds, Workarounds::NONE);
        let writes = host.log_of(0).into_iter();
        let writes = writes.filter(|operation| matches!(operation, Operation::SetRegister(..)));
        assert_eq!(
            writes.collect::<Vec<_>>(),
            [Operation::SetRegister(RegisterId::PSCI_VERSION, 0x1_0001)]
        );
    }

    #[test]
    fn a_register_that_cannot_be_read_for_another_reason_is_an_error() {
        let host = FakeHost::new();
        host.fail(Operation::Register(RegisterId::STD_BITMAP), Errno::EPERM);
        assert!(matches!(
            built(&host, 1, FirmwareKind::Core),
            Err(Error::Kvm(error)) if error.errno == Errno::EPERM
        ));
    }

    #[test]
    fn workaround_levels_are_the_hosts() {
        let host = FakeHost::new()
            .with_register(RegisterId::WORKAROUND_1, 1)
            .with_register(RegisterId::WORKAROUND_2, 3)
            .with_register(RegisterId::WORKAROUND_3, 0);
        let workarounds = built(&host, 1, FirmwareKind::Core).unwrap().workarounds;
        let levels = [Workaround::One, Workaround::Two, Workaround::Three]
            .map(|workaround| workarounds.level(workaround));
        assert_eq!(
            levels,
            [Level::Available, Level::NotRequired, Level::NotAvailable]
        );
    }

    #[test]
    fn the_promised_psci_is_the_newest_that_both_have() {
        for (offered, promised) in [(0x1_0003, 0x1_0001), (0x1_0000, 0x1_0000), (0x2, 0x2)] {
            let host = FakeHost::new().with_register(RegisterId::PSCI_VERSION, offered);
            let promise = built(&host, 1, FirmwareKind::Core).unwrap();
            assert_eq!(promise.psci_version.value(), promised);
        }
    }

    #[test]
    fn a_psci_that_we_do_not_know_is_an_error() {
        for offered in [0x1, 1 << 32] {
            let host = FakeHost::new().with_register(RegisterId::PSCI_VERSION, offered);
            assert!(matches!(
                built(&host, 1, FirmwareKind::Kernel),
                Err(Error::PsciVersion { offered: found }) if found == offered
            ));
        }
    }

    #[test]
    fn an_affinity_of_another_form_is_an_error() {
        let host = FakeHost::new().with_register(RegisterId::MPIDR_EL1, 0x8000_0100);
        let error = built(&host, 1, FirmwareKind::Core).unwrap_err().to_string();
        assert!(
            error.starts_with("vCPU 0 has MPIDR_EL1 0x80000100 where its affinity has to be 0x0:"),
            "{error}"
        );
    }

    #[test]
    fn more_vcpus_than_the_host_gives_are_refused_before_anything_is_made() {
        let host = FakeHost::new().with_capability(Capability::MaxVcpus, 8);
        let error = built(&host, 9, FirmwareKind::Core).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot make a machine with 9 vCPUs: this host's KVM gives a VM at most 8; ask for \
             fewer (--cpus)"
        );
        assert_eq!(
            host.log(),
            host_and(&[Operation::Capability(Capability::MaxVcpus)])
        );
    }

    #[test]
    fn a_machine_has_40_bits_of_address_or_what_it_needs() {
        let bits = |most, ram| {
            let host = FakeHost::new().with_capability(Capability::VmIpaSize, most);
            address_bits(&host, &layout(ram)).ok()
        };
        assert_eq!(bits(48, 0x800_0000), Some(40));
        assert_eq!(bits(36, 0x800_0000), Some(36));
        assert_eq!(bits(48, 0x100_0000_0000), Some(41));
        assert_eq!(bits(32, 0xc000_0000), Some(32));
        assert_eq!(bits(32, 0xc001_0000), None);
        assert_eq!(bits(40, 0x100_0000_0000), None);
    }

    #[test]
    fn an_offer_tells_of_the_filter() {
        let filtering = offer_of(&FakeHost::new()).unwrap();
        assert_eq!(filtering.core, Forwarding::Offered);
        assert_eq!(filtering.psci_version, PsciVersion::V1_1);
        let old = offer_of(&FakeHost::new().without_smccc_filter()).unwrap();
        assert_eq!(old.core, Forwarding::Missing);
    }

    #[test]
    fn an_offer_can_be_had_of_a_host_with_few_bits_of_address() {
        let host = FakeHost::new().with_capability(Capability::VmIpaSize, 36);
        offer_of(&host).unwrap();
        assert_eq!(host.log()[1], (None, Operation::CreateVm { ipa_bits: 36 }));
        assert_eq!(host.log().last(), Some(&(None, Operation::CloseVm)));
    }

    #[test]
    fn core_is_refused_without_a_filter_and_the_kernel_is_not() {
        let offer = offer_of(&FakeHost::new().without_smccc_filter()).unwrap();
        assert!(offer.check(FirmwareKind::Kernel).is_ok());
        let refused = offer.check(FirmwareKind::Core).unwrap_err();
        let expected = "cannot run with --firmware core: this host's kernel has no SMCCC filter to \
                        forward firmware calls with (Linux 6.4 and newer have it); use --firmware \
                        kernel, or a newer host such as --host lab:6.12";
        assert_eq!(refused.to_string(), expected);
        let host = FakeHost::new().without_smccc_filter();
        assert!(matches!(
            built(&host, 1, FirmwareKind::Core),
            Err(Error::NoFilter)
        ));
        assert!(built(&host, 1, FirmwareKind::Kernel).is_ok());
    }
}
