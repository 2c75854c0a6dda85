//! What a guest is promised of firmware and interrupts, however often it reboots.
//!
//! The promise is made once, of what the machine's configuration names and what the host and the
//! dialect have, and kept in every later life. Nothing of it is left to a host's defaults: each
//! firmware register that the host has is written. (`Documentation/virt/kvm/arm/
//! fw-pseudo-registers.rst`)

use vambrace_core::contract::Contract;
use vambrace_core::firmware::{Level, Workarounds};
use vambrace_core::psci::PsciVersion;
use vambrace_core::vendor_hyp::{Implementation, Implementations};

use super::offer::Registers;
use super::{Config, Error, Features, FirmwareKind, Offer, core_config, interrupts};
use crate::layout::InterruptController;
use crate::sys::{self, RegisterId, VcpuOps};

/// What a guest is promised.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    pub(crate) psci_version: PsciVersion,
    pub(crate) workarounds: Workarounds,
    /// The CPU implementations that the machine may land on, if that is promised: as long as no
    /// machine moves, this host's.
    pub(crate) implementations: Implementations,
    pub(crate) interrupt_controller: InterruptController,
    registers: Written,
}

/// Who writes the firmware registers.
#[derive(Debug, Clone)]
enum Written {
    /// The promise itself, these values.
    Here {
        psci_version: PsciVersion,
        registers: Registers,
    },
    /// Whoever tells the host the contract.
    UnderContract,
}

impl Promise {
    /// The promise that `config` asks for, on a host with this offer.
    pub(super) fn new(config: &Config, offer: &Offer) -> Result<Self, Error> {
        offer.check(config.firmware)?;
        let psci_version = psci_version(config, offer)?;
        check_features(config, offer)?;
        let mut registers = offer.registers;
        let named = core_config::services(config.features);
        for (value, (bitmap, _)) in registers.bitmaps.iter_mut().zip(RegisterId::BITMAPS) {
            // Under core, what KVM lacks is core's alone.
            *value = value.map(|possible| possible & named.register(bitmap));
        }
        Ok(Self {
            psci_version,
            workarounds: workarounds(&registers),
            implementations: Implementations::new(),
            interrupt_controller: interrupts::choose(config, offer.interrupt_controllers)?,
            registers: Written::Here {
                // Under core KVM answers no PSCI call; its register holds what it can hold.
                psci_version: psci_version.min(offer.psci_version),
                registers,
            },
        })
    }

    /// What `contract` promises to the machine of `config`.
    pub(super) fn of(contract: &Contract, config: &Config) -> Self {
        Self {
            psci_version: contract.psci_version,
            workarounds: contract.workarounds,
            implementations: contract.implementations.clone(),
            interrupt_controller: interrupts::promised(contract, config),
            registers: Written::UnderContract,
        }
    }

    /// The same, and the implementation of `vcpu`, if the guest may ask for it.
    pub(super) fn with_implementation_of<V: VcpuOps>(
        mut self,
        config: &Config,
        vcpu: &V,
    ) -> sys::Result<Self> {
        if config.features.contains(Features::DISCOVER_IMPL) {
            let implementation = Implementation {
                midr: vcpu.register(RegisterId::MIDR_EL1)?,
                revidr: vcpu.register(RegisterId::REVIDR_EL1)?,
                aidr: vcpu.register(RegisterId::AIDR_EL1)?,
            };
            self.implementations
                .add(implementation)
                .expect("the list is empty");
        }
        Ok(self)
    }

    /// Writes every firmware register that the host has, if no contract does. Of a workaround's level KVM stores
    /// nothing: it refuses one that the host no longer has.
    pub(super) fn write<V: VcpuOps>(&self, vcpu: &mut V) -> sys::Result<()> {
        let Written::Here {
            psci_version,
            registers,
        } = &self.registers
        else {
            return Ok(());
        };
        let version = psci_version.value();
        vcpu.set_register(RegisterId::PSCI_VERSION, version.into())?;
        let workarounds = RegisterId::WORKAROUNDS.map(|(_, register)| register);
        let workarounds = workarounds.into_iter().zip(registers.workarounds);
        let bitmaps = RegisterId::BITMAPS.map(|(_, register)| register);
        let bitmaps = bitmaps.into_iter().zip(registers.bitmaps);
        for (register, value) in workarounds.chain(bitmaps) {
            if let Some(value) = value {
                vcpu.set_register(register, value)?;
            }
        }
        Ok(())
    }
}

/// The version that is asked for, or the newest that the host and whoever answers have.
fn psci_version(config: &Config, offer: &Offer) -> Result<PsciVersion, Error> {
    let newest = match config.firmware {
        FirmwareKind::Kernel => offer.psci_version,
        FirmwareKind::Core => config.dialect.newest_psci(),
    };
    match config.psci_version {
        None => Ok(newest.min(offer.psci_version)),
        Some(asked) if asked <= newest => Ok(asked),
        Some(asked) => Err(Error::PsciTooNew { asked, newest }),
    }
}

/// Refuses what is named and cannot be had.
fn check_features(config: &Config, offer: &Offer) -> Result<(), Error> {
    let named = config.features;
    let missing: Features = match config.firmware {
        FirmwareKind::Kernel => named - offer.features,
        FirmwareKind::Core => named
            .iter()
            .filter(|feature| !core_config::has(config.dialect, *feature))
            .collect(),
    };
    if !missing.is_empty() {
        return Err(match config.firmware {
            FirmwareKind::Kernel => Error::KernelLacks(missing),
            FirmwareKind::Core => Error::DialectLacks(missing),
        });
    }
    match named & (KERNELS_PART - offer.features) {
        lacking if lacking.is_empty() => Ok(()),
        lacking => Err(Error::KernelLacks(lacking)),
    }
}

/// KVM's levels: of workarounds 1 and 3 0, 1 and 2; of workaround 2 0 and 3.
pub(super) fn workarounds(registers: &Registers) -> Workarounds {
    let levels = RegisterId::WORKAROUNDS.into_iter();
    let levels = levels.zip(registers.workarounds);
    levels.fold(Workarounds::NONE, |promised, ((workaround, _), value)| {
        let level = match value {
            None | Some(0) => Level::NotAvailable,
            Some(1) => Level::Available,
            Some(_) => Level::NotRequired,
        };
        promised.with(workaround, level)
    })
}

/// What only the host's kernel can do, whoever answers the guest's calls: it knows when a vCPU had
/// to wait, and reads two clocks at one instant.
const KERNELS_PART: Features = Features::PV_TIME.union(Features::PTP);

#[cfg(test)]
pub(super) mod tests {
    use vambrace_core::firmware::{Dialect, KvmGeneration, Workaround};

    use super::*;
    use crate::machine::tests::{core, kernel};
    use crate::sys::fake::FakeHost;
    use crate::sys::{Errno, Host, Operation, VcpuFeatures, VmOps};

    const SPECIFICATION: Dialect = Dialect::Specification;

    fn promised(host: &FakeHost, config: &Config) -> Result<Promise, Error> {
        Promise::new(config, &Offer::of(host).unwrap())
    }

    /// As for a vCPU whose identification registers are 0.
    pub(in crate::machine) fn promise_with_implementation(
        config: &Config,
        offer: &Offer,
    ) -> Result<Promise, Error> {
        let mut vcpu = FakeHost::new().create_vm(40)?.create_vcpu(0)?;
        vcpu.init(VcpuFeatures::PSCI_0_2)?;
        Ok(Promise::new(config, offer)?.with_implementation_of(config, &vcpu)?)
    }

    /// What a promise writes, with the names as KVM has them.
    fn written(host: &FakeHost, config: &Config) -> Vec<(String, u64)> {
        let promise = promised(host, config).unwrap();
        let mut vcpu = host.create_vm(40).unwrap().create_vcpu(7).unwrap();
        vcpu.init(VcpuFeatures::PSCI_0_2).unwrap();
        promise.write(&mut vcpu).unwrap();
        let writes = host
            .log_of(7)
            .into_iter()
            .filter_map(|operation| match operation {
                Operation::SetRegister(register, value) => Some((register.to_string(), value)),
                _ => None,
            });
        writes.collect()
    }

    fn with(features: Features, config: Config) -> Config {
        Config { features, ..config }
    }

    fn psci(version: PsciVersion, config: Config) -> Config {
        let psci_version = Some(version);
        Config {
            psci_version,
            ..config
        }
    }

    fn spec(config: Config) -> Config {
        let dialect = SPECIFICATION;
        Config { dialect, ..config }
    }

    fn on_7_3(config: Config) -> (FakeHost, Config) {
        let host = FakeHost::new().with_register(RegisterId::PSCI_VERSION, 0x1_0003);
        let dialect = Dialect::Kvm(KvmGeneration::V7_3);
        (host, Config { dialect, ..config })
    }

    #[test]
    fn every_register_is_written_and_services_that_nobody_names_are_off() {
        let expected = [
            ("KVM_REG_ARM_PSCI_VERSION", 0x1_0001),
            ("KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1", 2),
            ("KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2", 3),
            ("KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3", 2),
            ("KVM_REG_ARM_STD_BMAP", 0),
            ("KVM_REG_ARM_STD_HYP_BMAP", 0),
            ("KVM_REG_ARM_VENDOR_HYP_BMAP", 0),
            ("KVM_REG_ARM_VENDOR_HYP_BMAP_2", 0),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        for config in [core(1), kernel(1)] {
            assert_eq!(written(&FakeHost::new(), &config), expected);
        }
    }

    #[test]
    fn each_named_service_is_a_bit_of_its_bitmap() {
        for (feature, bitmaps) in [
            (Features::TRNG, [1, 0, 0, 0]),
            (Features::PV_TIME, [0, 1, 0, 0]),
            (Features::VENDOR_HYP, [0, 0, 1, 0]),
            (Features::PTP, [0, 0, 2, 0]),
            (Features::SYSTEM_SUSPEND, [0, 0, 0, 0]),
            (Features::DISCOVER_IMPL, [0, 0, 0, 3]),
        ] {
            let (host, config) = on_7_3(core(1));
            let written = written(&host, &with(feature, config));
            let values: Vec<_> = written[4..].iter().map(|(_, value)| *value).collect();
            assert_eq!(values, bitmaps, "{feature}");
        }
    }

    #[test]
    fn registers_that_the_kernel_does_not_know_are_not_written() {
        let host = FakeHost::new();
        let workarounds = RegisterId::WORKAROUNDS.map(|(_, register)| register);
        let bitmaps = RegisterId::BITMAPS.map(|(_, register)| register);
        for register in bitmaps.into_iter().chain(workarounds) {
            host.fail(Operation::Register(register), Errno::ENOENT);
        }
        let promise = promised(&host, &kernel(1)).unwrap();
        assert_eq!(promise.workarounds, Workarounds::NONE);
        assert_eq!(
            written(&host, &kernel(1)),
            [("KVM_REG_ARM_PSCI_VERSION".to_owned(), 0x1_0001)]
        );
    }

    #[test]
    fn workaround_levels_are_the_hosts() {
        let host = FakeHost::new()
            .with_register(RegisterId::WORKAROUND_1, 1)
            .with_register(RegisterId::WORKAROUND_2, 3)
            .with_register(RegisterId::WORKAROUND_3, 0);
        let workarounds = promised(&host, &core(1)).unwrap().workarounds;
        let levels = [Workaround::One, Workaround::Two, Workaround::Three]
            .map(|workaround| workarounds.level(workaround));
        assert_eq!(
            levels,
            [Level::Available, Level::NotRequired, Level::NotAvailable]
        );
    }

    #[test]
    fn without_a_name_the_newest_psci_is_promised_that_all_have() {
        let host = |version| FakeHost::new().with_register(RegisterId::PSCI_VERSION, version);
        let newest = |host, config| promised(&host, &config).unwrap().psci_version.value();
        assert_eq!(newest(host(0x1_0003), kernel(1)), 0x1_0003);
        assert_eq!(newest(host(0x1_0000), kernel(1)), 0x1_0000);
        assert_eq!(newest(host(0x1_0003), core(1)), 0x1_0001);
        assert_eq!(newest(host(0x1_0001), spec(core(1))), 0x1_0001);
    }

    #[test]
    fn an_older_psci_can_be_asked_for_and_kvm_is_told() {
        for config in [core(1), kernel(1)] {
            let config = psci(PsciVersion::V0_2, config);
            let written = written(&FakeHost::new(), &config);
            assert_eq!(written[0], ("KVM_REG_ARM_PSCI_VERSION".to_owned(), 2));
        }
    }

    #[test]
    fn the_specification_has_versions_that_kvm_lacks_and_kvm_is_told_its_newest() {
        let config = psci(PsciVersion::V1_3, spec(core(1)));
        let host = FakeHost::new();
        assert_eq!(
            promised(&host, &config).unwrap().psci_version,
            PsciVersion::V1_3
        );
        assert_eq!(written(&host, &config)[0].1, 0x1_0001);
    }

    #[test]
    fn a_psci_newer_than_kvms_is_refused() {
        for config in [core(1), kernel(1)] {
            let error = promised(&FakeHost::new(), &psci(PsciVersion::V1_2, config)).unwrap_err();
            assert_eq!(
                error.to_string(),
                "cannot give the guest PSCI 1.2: this host's KVM, and core in its dialect, have up \
                 to 1.1; ask for an older one (--psci 1.1), use a newer host such as --host \
                 lab:7.3, or core's answers by the specification (--firmware core --dialect spec)"
            );
        }
    }

    #[test]
    fn what_the_kernels_firmware_lacks_is_refused_by_name() {
        let features = Features::TRNG | Features::MIGRATE;
        let error = promised(&FakeHost::new(), &with(features, kernel(1))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot give the guest migrate: this host's kernel does not have it; \
             leave it out of --with, use a newer host such as --host lab:7.3, or for what core \
             serves alone --firmware core --dialect spec"
        );
    }

    #[test]
    fn what_the_dialect_lacks_is_refused_by_name() {
        let features = Features::TRNG | Features::DISCOVER_IMPL;
        let error = promised(&FakeHost::new(), &with(features, core(1))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot give the guest discover-impl: core answers as this host's KVM, which does not \
             have it; leave it out of --with, or ask for the specification's answers (--dialect \
             spec)"
        );
        let (host, config) = on_7_3(core(1));
        assert!(promised(&host, &with(features, config)).is_ok());
    }

    #[test]
    fn the_specification_has_every_feature_but_needs_the_kernel_for_two() {
        let config = with(Features::all(), spec(core(1)));
        assert!(promised(&FakeHost::new(), &config).is_ok());
        let host = FakeHost::new()
            .without_stolen_time()
            .with_register(RegisterId::VENDOR_HYP_BITMAP, 1);
        let error = promised(&host, &config).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot give the guest pv-time,ptp: this host's kernel does not have"),
            "{error}"
        );
    }

    #[test]
    fn a_workaround_that_the_host_no_longer_has_is_told() {
        let host = FakeHost::new();
        let promise = promised(&host, &kernel(1)).unwrap();
        host.fail(
            Operation::SetRegister(RegisterId::WORKAROUND_1, 2),
            Errno::EINVAL,
        );
        let mut vcpu = host.create_vm(40).unwrap().create_vcpu(0).unwrap();
        vcpu.init(VcpuFeatures::PSCI_0_2).unwrap();
        let error = promise.write(&mut vcpu).unwrap_err().to_string();
        assert!(
            error.ends_with("the host protects its guests less than when this was promised"),
            "{error}"
        );
    }
}
