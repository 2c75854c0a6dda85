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
//! comes to life once every vCPU has its MPIDR_EL1, and the ITS after it. Under a contract each step tells KVM its part
//! of it ([`crate::contract`]), in every life anew.

use vambrace_core::contract::{Contract, Subject};
use vambrace_core::psci::PsciVersion;
use vambrace_core::smccc::ExecutionState;
use vm_memory::{GuestAddress, GuestMemoryBackend};

use super::promise::Promise;
use super::{Config, Error, Features, FirmwareKind, Offer, core_config};
use crate::address::Region;
use crate::contract::{self, Order, Strict, Witness};
use crate::firmware::Kernel;
use crate::layout::{
    self, GIC_CPU_INTERFACE, GIC_DISTRIBUTOR, GIC_ITS, InterruptController, Layout,
};
use crate::memory::GuestMemory;
use crate::probe;
use crate::sys::{
    self, Capability, FilterAction, GicOps, Hardware, Host, ItsOps as _, RegisterId, VcpuFeatures,
    VcpuOps, VmOps,
};

/// What a machine is built from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blueprint<'a> {
    pub(crate) config: &'a Config,
    pub(crate) layout: &'a Layout,
    pub(crate) memory: &'a GuestMemory,
    /// The page of stolen time, if that is promised.
    pub(crate) stolen_time: Option<&'a GuestMemory>,
    /// The flash, if it has something in it.
    pub(crate) flash: Option<&'a GuestMemory>,
    /// What the image is made for.
    pub(crate) execution_state: ExecutionState,
}

/// A machine whose vCPUs may run.
pub(crate) struct Built<V: VmOps> {
    pub(crate) vm: V,
    pub(crate) vcpus: Vec<V::Vcpu>,
    /// Dropped with the VM: the device lives as long as its descriptor or the VM's.
    pub(crate) gic: V::Gic,
    pub(crate) promise: Promise,
}

impl Blueprint<'_> {
    /// Builds a machine; `promise` is what an earlier life of it promised.
    pub(crate) fn build<H: Host>(
        &self,
        host: &H,
        promise: Option<&Promise>,
    ) -> Result<Built<H::Vm>, Error> {
        let terms = self.terms(host)?;
        let terms = terms.as_ref();
        Empty::new(host, self, terms)?
            .memory(self)?
            .vcpus(self)?
            .initialise(self, terms)?
            .promise(self, terms, promise)?
            .firmware(self, terms)?
            .gic(self, terms)
    }

    fn terms<H: Host>(&self, host: &H) -> Result<Option<Terms<'_>>, Error> {
        let Some(contract) = &self.config.contract else {
            return Ok(None);
        };
        let hardware = host.hardware();
        let order = Order::new(contract, probe::release(&hardware.kernel)?);
        order.cpus(&hardware)?;
        Ok(Some(Terms {
            contract,
            order,
            strict: Strict {
                normalisations: &self.config.normalisations,
            },
            hardware,
        }))
    }

    /// What every vCPU is initialised with, POWER_OFF aside. Only vCPUs without PSCI 0.2 have 0.1.
    pub(crate) fn features(&self) -> VcpuFeatures {
        if let Some(contract) = &self.config.contract {
            return contract::vcpu_features(contract.vcpu_features, contract.psci_version);
        }
        let psci = match self.config.psci_version {
            Some(PsciVersion::V0_1) => VcpuFeatures::NONE,
            Some(_) | None => VcpuFeatures::PSCI_0_2,
        };
        match self.execution_state {
            ExecutionState::Aarch64 => psci,
            ExecutionState::Aarch32 => psci | VcpuFeatures::EL1_32BIT,
        }
    }

    /// What vCPU `index` is initialised with.
    fn features_of(&self, index: u16) -> VcpuFeatures {
        match self.config.firmware {
            FirmwareKind::Core => self.features(),
            FirmwareKind::Kernel => Kernel::features(self.features(), index.into()),
        }
    }
}

/// A contract, and what it takes to tell a host of it.
struct Terms<'a> {
    contract: &'a Contract,
    order: Order<'a>,
    strict: Strict<'a>,
    hardware: Hardware,
}

/// What the host offers, asked of a VM with one vCPU that never runs.
pub(crate) fn offer_of<H: Host>(host: &H) -> Result<Offer, Error> {
    let vm = contract::usual_vm(host)?;
    let mut vcpu = vm.create_vcpu(0)?;
    vcpu.init(VcpuFeatures::PSCI_0_2)?;
    Offer::probe(&vm, &vcpu)
}

struct Empty<V>(V);

impl<V: VmOps> Empty<V> {
    fn new<H: Host<Vm = V>>(
        host: &H,
        blueprint: &Blueprint<'_>,
        terms: Option<&Terms<'_>>,
    ) -> Result<Self, Error> {
        check_vcpus(host, blueprint.layout)?;
        check_execution_state(host, blueprint.execution_state)?;
        let vm = match terms {
            Some(Terms { order, strict, .. }) => order.create_vm(host, &mut { *strict })?,
            None => host.create_vm(address_bits(host, blueprint.layout)?)?,
        };
        vm.enable(Capability::NisvToUser)?;
        Ok(Self(vm))
    }

    fn memory(self, blueprint: &Blueprint<'_>) -> Result<WithMemory<V>, Error> {
        let pieces = [Some(blueprint.memory), blueprint.stolen_time];
        let regions = pieces
            .into_iter()
            .flatten()
            .flat_map(|piece| piece.mapping().iter());
        let mut slots = 0..;
        for (slot, region) in slots.by_ref().zip(regions) {
            self.0.map_ram(slot, region)?;
        }
        let flash = blueprint.flash.into_iter();
        for (slot, region) in slots.zip(flash.flat_map(|flash| flash.mapping().iter())) {
            self.0.map_rom(slot, region)?;
        }
        Ok(WithMemory(self.0))
    }
}

struct WithMemory<V>(V);

impl<V: VmOps> WithMemory<V> {
    fn vcpus(self, blueprint: &Blueprint<'_>) -> Result<WithVcpus<V>, Error> {
        let vcpus = (0..blueprint.layout.vcpus())
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
    fn initialise(
        mut self,
        blueprint: &Blueprint<'_>,
        terms: Option<&Terms<'_>>,
    ) -> Result<Initialised<V>, Error> {
        let features = blueprint.features();
        for (index, vcpu) in (0..).zip(&mut self.vcpus) {
            let made = vcpu.init(blueprint.features_of(index));
            match terms {
                Some(terms) => terms.initialised(vcpu, features, made)?,
                None => made?,
            }
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
    fn promise(
        mut self,
        blueprint: &Blueprint<'_>,
        terms: Option<&Terms<'_>>,
        promise: Option<&Promise>,
    ) -> Result<Promised<V>, Error> {
        let config = blueprint.config;
        if let Some(terms) = terms {
            terms.describe(&mut self.vcpus)?;
        }
        let first = &mut self.vcpus[0];
        let promise = match (terms, promise) {
            (Some(terms), _) => Promise::of(terms.contract, config),
            (None, Some(promise)) => promise.clone(),
            (None, None) => Promise::new(config, &Offer::probe(&self.vm, first)?)?
                .with_implementation_of(config, first)?,
        };
        promise.write(first)?;
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
    /// What is not a register: stolen time, of each vCPU in either mode; the filter, which forwards
    /// every function id that KVM lets go to core, and beside KVM's firmware what that only
    /// advertises; under KVM its suspension of the system.
    fn firmware(
        mut self,
        blueprint: &Blueprint<'_>,
        terms: Option<&Terms<'_>>,
    ) -> Result<WithFirmware<V>, Error> {
        match terms {
            Some(terms) => terms.serve(&self.vm, &mut self.vcpus)?,
            None => self.serve(blueprint.config)?,
        }
        Ok(WithFirmware {
            vm: self.vm,
            vcpus: self.vcpus,
            promise: self.promise,
        })
    }

    fn serve(&mut self, config: &Config) -> Result<(), Error> {
        let Config {
            firmware, features, ..
        } = *config;
        if features.contains(Features::PV_TIME) {
            for (index, vcpu) in (0..).zip(&mut self.vcpus) {
                vcpu.set_stolen_time(GuestAddress(layout::stolen_time(index).value()))?;
            }
        }
        let services = core_config::services(features);
        let forwarded = match firmware {
            FirmwareKind::Kernel => contract::forwarded_by_kernel(services),
            // PTP stays with the kernel if it is promised: only that reads both clocks at once.
            FirmwareKind::Core => contract::forwarded_to_core(services),
        };
        for (base, count) in forwarded {
            self.vm.filter_smccc(*base, *count, FilterAction::Forward)?;
        }
        if firmware == FirmwareKind::Kernel && features.contains(Features::SYSTEM_SUSPEND) {
            self.vm.enable(Capability::SystemSuspend)?;
        }
        Ok(())
    }
}

struct WithFirmware<V: VmOps> {
    vm: V,
    vcpus: Vec<V::Vcpu>,
    promise: Promise,
}

impl<V: VmOps> WithFirmware<V> {
    fn gic(
        mut self,
        blueprint: &Blueprint<'_>,
        terms: Option<&Terms<'_>>,
    ) -> Result<Built<V>, Error> {
        let controller = self.promise.interrupt_controller;
        let made = match controller {
            InterruptController::GicV2 => self.vm.create_gic_v2(),
            InterruptController::GicV3 | InterruptController::GicV3WithIts => {
                self.vm.create_gic_v3()
            }
        };
        let gic = match (made, terms) {
            (Err(error), Some(terms)) => return Err(terms.without_gic(error)),
            (made, _) => made?,
        };
        gic.set_distributor(base(GIC_DISTRIBUTOR))?;
        match controller {
            InterruptController::GicV2 => gic.set_cpu_interface(base(GIC_CPU_INTERFACE))?,
            InterruptController::GicV3 | InterruptController::GicV3WithIts => {
                for (index, part) in (0..).zip(blueprint.layout.redistributors()) {
                    gic.add_redistributor_region(index, base(part.region), part.count)?;
                }
            }
        }
        gic.set_interrupt_count(layout::INTERRUPTS)?;
        gic.initialise()?;
        if controller == InterruptController::GicV3WithIts {
            let its = self.vm.create_its()?;
            its.place(base(GIC_ITS))?;
            its.initialise()?;
        }
        if let Some(terms) = terms {
            terms.complete(&self.vm, &mut self.vcpus, &gic, blueprint)?;
        }
        Ok(Built {
            vm: self.vm,
            vcpus: self.vcpus,
            gic,
            promise: self.promise,
        })
    }
}

impl Terms<'_> {
    /// A vCPU was made with the features, or not.
    fn initialised<V: VcpuOps>(
        &self,
        vcpu: &mut V,
        features: VcpuFeatures,
        made: sys::Result<()>,
    ) -> Result<(), Error> {
        let mut strict = self.strict;
        made.or_else(|error| strict.refused(Subject::VcpuFeatures, error))?;
        Ok(self.order.vectors(vcpu, features, &mut strict)?)
    }

    /// The host could not make the GIC that is promised.
    fn without_gic(&self, error: sys::Error) -> Error {
        let mut strict = self.strict;
        match strict.refused(Subject::Gic, error) {
            Err(failure) => failure.into(),
            Ok(()) => error.into(),
        }
    }

    /// All that has a register and no dependence on the GIC.
    fn describe<V: VcpuOps>(&self, vcpus: &mut [V]) -> Result<(), Error> {
        let mut strict = self.strict;
        self.order.identification(&mut vcpus[0], &mut strict)?;
        for vcpu in &mut *vcpus {
            self.order.caches(vcpu, &mut strict)?;
        }
        Ok(self.order.firmware(&mut vcpus[0], &mut strict)?)
    }

    fn serve<V: VmOps>(&self, vm: &V, vcpus: &mut [V::Vcpu]) -> Result<(), Error> {
        let mut strict = self.strict;
        self.order.calls(vm, &mut strict)?;
        for (index, vcpu) in (0..).zip(vcpus) {
            self.order.stolen_time(index, vcpu, &mut strict)?;
        }
        Ok(())
    }

    /// What comes after the GIC, and whether everything is now as it was told.
    fn complete<V: VmOps>(
        &self,
        vm: &V,
        vcpus: &mut [V::Vcpu],
        gic: &V::Gic,
        blueprint: &Blueprint<'_>,
    ) -> Result<(), Error> {
        let features = blueprint.features();
        let mut strict = self.strict;
        self.order.gic_revision(gic, &mut strict)?;
        for vcpu in &mut *vcpus {
            self.order.counters(vcpu, features, &mut strict)?;
            if features.contains(VcpuFeatures::PMU_V3) {
                vcpu.set_pmu_interrupt(layout::PMU_INTERRUPT)?;
                vcpu.initialise_pmu()?;
            }
        }
        self.order.clock(vm, &vcpus[0], &mut strict)?;
        self.order.settle(&mut vcpus[0])?;
        for (index, vcpu) in (0..).zip(&mut *vcpus) {
            self.order.start_over(vcpu, blueprint.features_of(index))?;
        }
        self.order.read_back(&vcpus[0], &mut strict)?;
        for vcpu in &*vcpus {
            self.order.read_back_each(vcpu, features, &mut strict)?;
        }
        Ok(self.order.hardware(&self.hardware, &mut strict)?)
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

fn check_execution_state<H: Host>(host: &H, state: ExecutionState) -> Result<(), Error> {
    match state {
        ExecutionState::Aarch64 => Ok(()),
        ExecutionState::Aarch32 if host.capability(Capability::El1_32Bit)? != 0 => Ok(()),
        ExecutionState::Aarch32 => Err(Error::NoAarch32),
    }
}

/// How many bits of guest address the machine gets: what is usual, or more if it needs them.
fn address_bits<H: Host>(host: &H, layout: &Layout) -> Result<u32, Error> {
    let most = host.capability(Capability::VmIpaSize)?;
    layout.check_address_space(u8::try_from(most).unwrap_or(u8::MAX))?;
    let needed = u64::BITS - layout.end().value().saturating_sub(1).leading_zeros();
    Ok(needed.max(most.min(contract::USUAL_BITS)))
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

fn base(region: Region) -> GuestAddress {
    GuestAddress(region.base().value())
}

#[cfg(test)]
mod tests {
    use vambrace_core::contract::GicKind;

    use super::*;
    use crate::machine::Its;
    use crate::machine::tests::{core, kernel};
    use crate::memory::MINIMUM_RAM;
    use crate::sys::fake::{FakeHost, Record};
    use crate::sys::{InterruptDevice, Operation};

    const PSCI_0_2: VcpuFeatures = VcpuFeatures::PSCI_0_2;

    /// Builds a machine of AArch64 on the least RAM.
    fn built(host: &FakeHost, config: &Config) -> Result<Promise, Error> {
        built_for(ExecutionState::Aarch64, host, config)
    }

    fn built_for(
        execution_state: ExecutionState,
        host: &FakeHost,
        config: &Config,
    ) -> Result<Promise, Error> {
        let memory = GuestMemory::new(MINIMUM_RAM).unwrap();
        let page = GuestMemory::stolen_time().unwrap();
        let layout = Layout::new(config.vcpus, memory.region()).unwrap();
        let stolen_time = config.features.contains(Features::PV_TIME).then_some(&page);
        let blueprint = Blueprint {
            config,
            layout: &layout,
            memory: &memory,
            stolen_time,
            flash: None,
            execution_state,
        };
        blueprint.build(host, None).map(|built| built.promise)
    }

    fn with(features: Features, config: Config) -> Config {
        Config { features, ..config }
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
                    ask(RegisterId::STD_BITMAP),
                    ask(RegisterId::STD_HYP_BITMAP),
                    ask(RegisterId::VENDOR_HYP_BITMAP),
                    ask(RegisterId::VENDOR_HYP_BITMAP_2),
                ],
            ),
            host_and(&[Operation::ProbeSmcccFilter]),
            of(0, &[Operation::ProbeStolenTime]),
            host_and(&[
                Operation::Capability(Capability::SystemSuspend),
                Operation::Capability(Capability::El1_32Bit),
                Operation::ProbeDevice(InterruptDevice::GicV2),
                Operation::ProbeDevice(InterruptDevice::GicV3),
                Operation::ProbeDevice(InterruptDevice::Its),
            ]),
            of(
                0,
                &[
                    tell(RegisterId::PSCI_VERSION, 0x1_0001),
                    tell(RegisterId::WORKAROUND_1, 2),
                    tell(RegisterId::WORKAROUND_2, 3),
                    tell(RegisterId::WORKAROUND_3, 2),
                    tell(RegisterId::STD_BITMAP, 0),
                    tell(RegisterId::STD_HYP_BITMAP, 0),
                    tell(RegisterId::VENDOR_HYP_BITMAP, 0),
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
            Operation::CreateIts,
            Operation::PlaceIts(GuestAddress(0x808_0000)),
            Operation::InitialiseIts,
            Operation::CloseVm,
        ])
    }

    /// As Linux 6.12: the second bitmap of vendor services is younger.
    fn without_the_youngest_register() -> FakeHost {
        let host = FakeHost::new();
        let youngest = Operation::Register(RegisterId::VENDOR_HYP_BITMAP_2);
        host.fail(youngest, sys::Errno::ENOENT);
        host
    }

    fn forward(base: u32, count: u32) -> Operation {
        Operation::FilterSmccc {
            base,
            count,
            action: FilterAction::Forward,
        }
    }

    /// What a machine of one vCPU is given besides what every machine has.
    fn given(config: &Config) -> Vec<Operation> {
        let host = FakeHost::new();
        built(&host, config).unwrap();
        let log = host.log().into_iter().map(|(_, operation)| operation);
        log.filter(|operation| match operation {
            Operation::MapRam { slot, .. } => *slot != 0,
            Operation::Enable(capability) => *capability != Capability::NisvToUser,
            Operation::SetStolenTime(_) | Operation::FilterSmccc { .. } => true,
            _ => false,
        })
        .collect()
    }

    #[test]
    fn under_core_every_vcpu_is_on_and_every_call_that_kvm_lets_go_is_forwarded() {
        let host = without_the_youngest_register();
        built(&host, &core(2)).unwrap();
        let filter = host_and(&[
            forward(0, 0x8000_0000),
            forward(0x8001_0000, 0x3fff_0000),
            forward(0xc001_0000, 0x3fff_0000),
        ]);
        assert_eq!(host.log(), [first_half(PSCI_0_2), filter, gic(2)].concat());
    }

    #[test]
    fn under_the_kernel_all_but_the_first_are_off_and_nothing_is_forwarded() {
        let host = without_the_youngest_register();
        built(&host, &kernel(2)).unwrap();
        let off = VcpuFeatures::PSCI_0_2 | VcpuFeatures::POWER_OFF;
        assert_eq!(host.log(), [first_half(off), gic(2)].concat());
    }

    #[test]
    fn ptp_stays_with_the_kernel_where_it_is_promised() {
        let expected = [
            forward(0, 0x8000_0000),
            forward(0x8001_0000, 0x05ff_0001),
            forward(0x8600_0002, 0x39ff_fffe),
            forward(0xc001_0000, 0x3fff_0000),
        ];
        assert_eq!(given(&with(Features::PTP, core(1))), expected);
    }

    #[test]
    fn what_kvm_only_advertises_is_forwarded_from_its_firmware() {
        let config = with(Features::DISCOVER_IMPL, kernel(1));
        assert_eq!(given(&config), [forward(0xc600_0040, 2)]);
    }

    #[test]
    fn system_suspend_is_switched_on_where_kvm_answers_and_it_is_named() {
        let config = with(Features::SYSTEM_SUSPEND, kernel(1));
        assert_eq!(
            given(&config),
            [Operation::Enable(Capability::SystemSuspend)]
        );
        assert_eq!(given(&kernel(1)), []);
        assert_eq!(
            given(&with(Features::SYSTEM_SUSPEND, core(1))),
            given(&core(1))
        );
    }

    #[test]
    fn stolen_time_of_every_vcpu_has_its_place_in_memory_of_its_own() {
        let map = Operation::MapRam {
            slot: 1,
            start: GuestAddress(0x090a_0000),
            size: 0x1_0000,
        };
        let place = |address| Operation::SetStolenTime(GuestAddress(address));
        let expected = [map, place(0x090a_0000), place(0x090a_0040)];
        assert_eq!(given(&with(Features::PV_TIME, kernel(2))), expected);
        assert_eq!(given(&with(Features::PV_TIME, core(2)))[..3], expected);
    }

    #[test]
    fn psci_0_1_is_what_vcpus_without_a_newer_one_have() {
        let host = FakeHost::new().with_register(RegisterId::PSCI_VERSION, 1);
        let config = Config {
            psci_version: Some(PsciVersion::V0_1),
            ..kernel(2)
        };
        built(&host, &config).unwrap();
        let inits = |index| host.log_of(index)[1];
        assert_eq!(inits(0), Operation::Init(VcpuFeatures::NONE));
        assert_eq!(inits(1), Operation::Init(VcpuFeatures::POWER_OFF));
        let told = Operation::SetRegister(RegisterId::PSCI_VERSION, 1);
        assert!(host.log_of(0).contains(&told));
    }

    #[test]
    fn an_aarch32_image_has_vcpus_of_32_bits() {
        let host = FakeHost::new();
        built_for(ExecutionState::Aarch32, &host, &core(1)).unwrap();
        let features = VcpuFeatures::PSCI_0_2 | VcpuFeatures::EL1_32BIT;
        assert_eq!(host.log_of(0)[1], Operation::Init(features));
    }

    #[test]
    fn an_aarch32_image_is_refused_where_there_is_no_aarch32() {
        let host = FakeHost::new().without(Capability::El1_32Bit);
        let error = built_for(ExecutionState::Aarch32, &host, &core(1)).unwrap_err();
        assert!(
            error.to_string().starts_with(
                "cannot run an AArch32 image: this host's CPUs have no AArch32 at EL1"
            ),
            "{error}"
        );
        assert!(built(&host, &core(1)).is_ok());
    }

    #[test]
    fn many_vcpus_have_two_regions_of_redistributors() {
        let host = FakeHost::new();
        built(&host, &core(130)).unwrap();
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

    /// What becomes of the interrupt controller.
    fn controller(config: &Config) -> Vec<Operation> {
        let host = FakeHost::new();
        built(&host, config).unwrap();
        let log = host.log().into_iter().map(|(_, operation)| operation);
        log.skip_while(|operation| {
            !matches!(operation, Operation::CreateGicV2 | Operation::CreateGicV3)
        })
        .collect()
    }

    #[test]
    fn a_gicv2_has_a_cpu_interface_and_no_redistributors() {
        let config = Config {
            gic: Some(GicKind::V2),
            ..kernel(8)
        };
        let expected = [
            Operation::CreateGicV2,
            Operation::SetDistributor(GuestAddress(0x800_0000)),
            Operation::SetCpuInterface(GuestAddress(0x801_0000)),
            Operation::SetInterruptCount(288),
            Operation::InitialiseGic,
            Operation::CloseVm,
        ];
        assert_eq!(controller(&config), expected);
    }

    #[test]
    fn a_gicv3_can_be_had_without_an_its() {
        let config = Config {
            its: Some(Its::Absent),
            ..kernel(1)
        };
        let made = controller(&config);
        assert_eq!(made[0], Operation::CreateGicV3);
        assert!(!made.contains(&Operation::CreateIts));
    }

    #[test]
    fn a_host_without_a_gicv3_gives_a_gicv2_unless_another_is_asked_for() {
        let host = FakeHost::new().without_device(InterruptDevice::GicV3);
        let promise = built(&host, &kernel(1)).unwrap();
        assert_eq!(promise.interrupt_controller, InterruptController::GicV2);
        let config = Config {
            gic: Some(GicKind::V3),
            ..kernel(1)
        };
        let refused = built(&host, &config).unwrap_err();
        assert!(matches!(refused, Error::NoGic { kind: GicKind::V3 }));
    }

    #[test]
    fn an_affinity_of_another_form_is_an_error() {
        let host = FakeHost::new().with_register(RegisterId::MPIDR_EL1, 0x8000_0100);
        let error = built(&host, &core(1)).unwrap_err().to_string();
        assert!(
            error.starts_with("vCPU 0 has MPIDR_EL1 0x80000100 where its affinity has to be 0x0:"),
            "{error}"
        );
    }

    #[test]
    fn more_vcpus_than_the_host_gives_are_refused_before_anything_is_made() {
        let host = FakeHost::new().with_capability(Capability::MaxVcpus, 8);
        let error = built(&host, &core(9)).unwrap_err();
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
    fn core_needs_the_filter_and_the_kernel_does_not() {
        let host = FakeHost::new().without_smccc_filter();
        assert!(matches!(built(&host, &core(1)), Err(Error::NoFilter)));
        assert!(built(&host, &kernel(1)).is_ok());
    }
}
