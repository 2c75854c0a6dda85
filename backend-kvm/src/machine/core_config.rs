//! The promise, in core's words.

use vambrace_core::VmConfig;
use vambrace_core::firmware::{Dialect, Services};
use vambrace_core::memory::RamRange;
use vambrace_core::psci::{Migration, PsciOptions, TrustedOs};
use vambrace_core::smccc::ExecutionState;
use vambrace_core::vcpu::VcpuId;

use super::promise::Promise;
use super::{Config, Error, Features};
use crate::address::Region;
use crate::layout::{self, MAXIMUM_VCPUS, STOLEN_TIME};

/// Core's machine in the making, with room for as many vCPUs as KVM's GIC serves.
type CoreConfig = VmConfig<{ MAXIMUM_VCPUS as usize }>;

/// Core's machine with the same vCPUs, RAM and promises, and its vCPUs in KVM's order. The
/// calling convention is 1.1: KVM itself tells its version, under core too.
pub(super) fn core_config(
    config: &Config,
    promise: &Promise,
    ram: Region,
    execution_state: ExecutionState,
) -> Result<(CoreConfig, Vec<VcpuId>), Error> {
    let (options, services) = match &config.contract {
        Some(contract) => (contract.psci_options, contract.services),
        None => (psci_options(config.features), services(config.features)),
    };
    let mut core = VmConfig::new()
        .with_psci_version(promise.psci_version)
        .with_psci_options(options)
        .with_services(services)
        .with_implementations(promise.implementations.clone())
        .with_workarounds(promise.workarounds)
        .with_dialect(config.dialect)
        .with_execution_state(execution_state);
    let range = RamRange::new(ram.base(), ram.size());
    core.add_ram(range.expect("RAM is not empty and ends within the address space"))?;
    let vcpus = (0..config.vcpus)
        .map(|index| core.add_vcpu(layout::mpidr(index)))
        .collect::<Result<Vec<_>, _>>()?;
    if config.features.contains(Features::PV_TIME) {
        core = core.with_pv_time(STOLEN_TIME.base());
    }
    if config.features.contains(Features::MIGRATE) {
        core = core.with_trusted_os(TrustedOs {
            resident: vcpus[0],
            migration: Migration::Capable,
        });
    }
    Ok((core, vcpus))
}

/// SYSTEM_RESET2 and SYSTEM_OFF2 come with their PSCI version, as KVM has them.
fn psci_options(named: Features) -> PsciOptions {
    let always = PsciOptions::SYSTEM_RESET2 | PsciOptions::SYSTEM_OFF2;
    OPTIONS
        .iter()
        .filter(|(feature, _)| named.contains(*feature))
        .fold(always, |options, (_, option)| options | *option)
}

pub(super) fn services(named: Features) -> Services {
    SERVICES
        .iter()
        .filter(|(feature, _)| named.contains(*feature))
        .fold(Services::empty(), |services, (_, service)| {
            services | *service
        })
}

/// The names of what a contract promises.
pub(super) fn features(options: PsciOptions, promised: Services) -> Features {
    let options = OPTIONS
        .into_iter()
        .filter(|(_, has)| options.contains(*has));
    let services = SERVICES
        .into_iter()
        .filter(|(_, has)| promised.contains(*has));
    let options = options.map(|(feature, _)| feature);
    options
        .chain(services.map(|(feature, _)| feature))
        .collect()
}

/// Can a machine of this dialect have the feature? KVM has no Trusted OS.
pub(super) fn has(dialect: Dialect, feature: Features) -> bool {
    let always = psci_options(Features::empty());
    let options = psci_options(feature).difference(always);
    dialect.psci_options().contains(options)
        && dialect.services().contains(services(feature))
        && (dialect == Dialect::Specification || feature != Features::MIGRATE)
}

const OPTIONS: [(Features, PsciOptions); 9] = [
    (Features::SYSTEM_SUSPEND, PsciOptions::SYSTEM_SUSPEND),
    (Features::CPU_FREEZE, PsciOptions::CPU_FREEZE),
    (Features::DEFAULT_SUSPEND, PsciOptions::CPU_DEFAULT_SUSPEND),
    (Features::NODE_HW_STATE, PsciOptions::NODE_HW_STATE),
    (Features::SUSPEND_MODE, PsciOptions::OS_INITIATED),
    (Features::STATISTICS, PsciOptions::STATISTICS),
    (Features::MEM_PROTECT, PsciOptions::MEM_PROTECT),
    (
        Features::CLEAN_INV_MEMREGION,
        PsciOptions::CLEAN_INV_MEMREGION,
    ),
    (Features::EXTENDED_STATE_ID, PsciOptions::EXTENDED_STATE_ID),
];

const SERVICES: [(Features, Services); 5] = [
    (Features::TRNG, Services::TRNG),
    (Features::PV_TIME, Services::PV_TIME),
    (Features::VENDOR_HYP, Services::VENDOR_FEATURES),
    (Features::PTP, Services::PTP),
    (Features::DISCOVER_IMPL, Services::DISCOVERY),
];

#[cfg(test)]
mod tests {
    use vambrace_core::firmware::KvmGeneration;

    use super::*;
    use crate::machine::tests::core;
    use crate::machine::{Offer, promise};
    use crate::memory::GuestMemory;
    use crate::sys::fake::FakeHost;

    const AARCH64: ExecutionState = ExecutionState::Aarch64;

    /// Whether core takes what is promised.
    fn frozen(config: &Config) -> Result<(), Error> {
        let host = FakeHost::new();
        let offer = Offer::of(&host).unwrap();
        let promise = promise::tests::promise_with_implementation(config, &offer)?;
        let memory = GuestMemory::new(config.memory).unwrap();
        let (core, vcpus) = core_config(config, &promise, memory.region(), AARCH64)?;
        core.freeze(vcpus[0], memory.region().base(), 0)?;
        Ok(())
    }

    #[test]
    fn each_feature_is_one_of_cores_and_each_of_cores_has_a_name() {
        let options = psci_options(Features::all());
        let services = services(Features::all());
        assert_eq!((options, services), (PsciOptions::all(), Services::all()));
        let named = OPTIONS.len() + SERVICES.len();
        // MIGRATE is a Trusted OS, and PV time, PTP and discovery are services.
        assert_eq!(named + 1, Features::all().iter().count());
    }

    #[test]
    fn without_a_name_there_are_the_two_functions_of_psci_that_kvm_always_has() {
        let always = PsciOptions::SYSTEM_RESET2 | PsciOptions::SYSTEM_OFF2;
        assert_eq!(psci_options(Features::empty()), always);
        assert_eq!(services(Features::empty()), Services::empty());
    }

    #[test]
    fn core_takes_whatever_is_promised_in_the_specifications_dialect() {
        let config = Config {
            dialect: Dialect::Specification,
            features: Features::all(),
            ..core(512)
        };
        frozen(&config).unwrap();
    }

    #[test]
    fn what_is_promised_in_kvms_dialect_is_what_core_takes_in_it() {
        for generation in [
            KvmGeneration::V5_10,
            KvmGeneration::V6_1,
            KvmGeneration::V6_12,
            KvmGeneration::V7_3,
        ] {
            for feature in Features::all().iter() {
                let config = Config {
                    dialect: Dialect::Kvm(generation),
                    features: feature,
                    ..core(1)
                };
                let refused = match frozen(&config) {
                    Ok(()) => false,
                    Err(Error::DialectLacks(_)) => true,
                    Err(error) => panic!("{generation:?} {feature}: {error}"),
                };
                assert_eq!(
                    refused,
                    !cores(generation, feature),
                    "{generation:?} {feature}"
                );
            }
        }
    }

    /// Whether core alone, asked without a promise, takes the feature in that dialect.
    fn cores(generation: KvmGeneration, feature: Features) -> bool {
        let config = Config {
            dialect: Dialect::Specification,
            features: feature,
            ..core(1)
        };
        let offer = Offer::of(&FakeHost::new()).unwrap();
        let promise = promise::tests::promise_with_implementation(&config, &offer).unwrap();
        let ram = GuestMemory::new(config.memory).unwrap().region();
        let (core, vcpus) = core_config(&config, &promise, ram, AARCH64).unwrap();
        let core = core
            .with_psci_version(vambrace_core::psci::PsciVersion::V1_0)
            .with_dialect(Dialect::Kvm(generation));
        core.freeze(vcpus[0], ram.base(), 0).is_ok()
    }
}
