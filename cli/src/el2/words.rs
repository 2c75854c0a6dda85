//! A machine in the words that the program at EL2 understands (its `config` module has the table).

use std::fmt::Write as _;

use vambrace_core::contract::Contract;
use vambrace_core::firmware::{Dialect, Workarounds};
use vambrace_core::psci::PsciVersion;
use vambrace_core::vendor_hyp::{Implementation, Implementations};
use vambrace_formats::words::{DIALECTS, PSCI_OPTIONS, SERVICES, WORKAROUNDS, word as word_of};
use vambrace_kvm::machine::{Config, OnReset};

use super::contract::check;
use crate::failure::Failure;

/// What no option of a machine on KVM names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Promise {
    /// What is promised of the architecture workarounds.
    pub(crate) workarounds: Workarounds,
    /// What a program for EL2 alone asks for, in the program's own words.
    pub(crate) words: Option<String>,
}

/// As many CPUs as the program uses.
pub(crate) const MAX_VCPUS: u16 = 8;

/// Refuses more vCPUs than a machine at EL2 can have.
pub(super) fn check_vcpus(vcpus: u16) -> Result<(), Failure> {
    if vcpus <= MAX_VCPUS {
        return Ok(());
    }
    let reason = format!("{vcpus} vCPUs: a machine at EL2 has {MAX_VCPUS} at most");
    Err(Failure::new(reason).with_hint(format!("write --cpus {MAX_VCPUS} or fewer")))
}

/// The bootargs of a machine.
pub(super) fn bootargs(config: &Config, promise: &Promise) -> Result<String, Failure> {
    check_vcpus(config.vcpus)?;
    let firmware = match &config.contract {
        Some(contract) => Firmware::promised(contract, check(contract)?),
        None => Firmware::named(config, promise),
    };
    let mut words = format!("vcpus={} memory={}M", config.vcpus, config.memory >> 20);
    firmware.write(&mut words);
    let most = match config.reset {
        OnReset::Reboot { most } => most,
        // It counts no further.
        OnReset::Always => u32::MAX,
        OnReset::End => 0,
    };
    // Text takes whatever is written to it.
    let _ = write!(words, " max-resets={most}");
    if let Some(more) = &promise.words {
        words = format!("{words} {more}");
    }
    if let Some(arguments) = &config.boot_arguments {
        words = format!("{words} -- {arguments}");
    }
    Ok(words)
}

/// All that core answers from.
#[derive(Debug)]
struct Firmware {
    dialect: Dialect,
    /// The dialect's newest, if it is left open.
    psci: Option<PsciVersion>,
    /// Services and optional functions of PSCI, by name: these and no others.
    with: Vec<&'static str>,
    workarounds: Workarounds,
    /// If there is none, and the guest may ask, it is told of the CPU itself.
    implementations: Implementations,
}

impl Firmware {
    /// What options and a header name.
    fn named(config: &Config, promise: &Promise) -> Self {
        let mut with = ALWAYS.to_vec();
        for name in config.features.names() {
            match name {
                "discover-impl" => with.extend(["discover-impl-version", "discover-impl-cpus"]),
                "pv-time" => with.extend([name, STOLEN_TIME]),
                _ => with.push(name),
            }
        }
        Self {
            dialect: config.dialect,
            psci: config.psci_version,
            with,
            workarounds: promise.workarounds,
            implementations: Implementations::new(),
        }
    }

    /// What a contract promises, in this dialect.
    fn promised(contract: &Contract, dialect: Dialect) -> Self {
        let options = PSCI_OPTIONS.iter();
        let options = options.filter(|(_, option)| contract.psci_options.contains(*option));
        let services = SERVICES.iter();
        let services = services.filter(|(_, service)| contract.services.contains(*service));
        let stolen_time = contract.stolen_time.map(|_| STOLEN_TIME);
        let names = options.map(|(name, _)| *name);
        let names = names.chain(services.map(|(name, _)| *name));
        Self {
            dialect,
            psci: Some(contract.psci_version),
            with: names.chain(stolen_time).collect(),
            workarounds: contract.workarounds,
            implementations: contract.implementations.clone(),
        }
    }

    fn write(&self, words: &mut String) {
        let mut word = |key: &str, value: String| {
            // Text takes whatever is written to it.
            let _ = write!(words, " {key}={value}");
        };
        word("dialect", word_of(self.dialect, &DIALECTS).to_owned());
        if let Some(psci) = self.psci {
            word("psci", psci.to_string());
        }
        word(
            "with",
            match self.with[..] {
                [] => "none".to_owned(),
                _ => self.with.join(","),
            },
        );
        if !self.implementations.is_empty() {
            let listed = self.implementations.iter().map(|listed| {
                let Implementation { midr, revidr, aidr } = listed;
                format!("{midr:x}:{revidr:x}:{aidr:x}")
            });
            word("implementations", listed.collect::<Vec<_>>().join(","));
        }
        for (key, workaround) in WORKAROUNDS {
            word(key, self.workarounds.level(workaround).to_string());
        }
    }
}

/// What a machine has that names nothing, as on KVM.
const ALWAYS: [&str; 2] = ["system-reset2", "system-off2"];
/// The structure that PV time tells of.
const STOLEN_TIME: &str = "stolen-time";

#[cfg(test)]
mod tests {
    use vambrace_core::contract::ServedBy;
    use vambrace_core::firmware::{KvmGeneration, Level, Services, Workaround};
    use vambrace_core::psci::PsciOptions;
    use vambrace_kvm::machine::Features;

    use super::*;
    use crate::contract::samples;
    use crate::machine_options::config;

    fn promise() -> Promise {
        Promise {
            workarounds: Workarounds::NONE.with(Workaround::One, Level::NotRequired),
            words: None,
        }
    }

    #[test]
    fn a_machine_is_told_everything_that_it_was_asked_for() {
        let config = Config {
            dialect: Dialect::Kvm(KvmGeneration::V6_12),
            psci_version: Some(PsciVersion::V1_1),
            features: Features::TRNG | Features::PTP,
            boot_arguments: Some("quiet".into()),
            ..config(2, 128 << 20)
        };
        assert_eq!(
            bootargs(&config, &promise()).unwrap(),
            "vcpus=2 memory=128M dialect=kvm-6.12 psci=1.1 \
             with=system-reset2,system-off2,trng,ptp \
             workaround-1=not-required workaround-2=not-available \
             workaround-3=not-available workaround-4=not-available max-resets=3 -- quiet"
        );
    }

    #[test]
    fn a_contract_says_all_that_core_answers_from_and_nothing_is_added() {
        let listed = Implementation {
            midr: 0x410f_d0c1,
            revidr: 1,
            aidr: 0,
        };
        let mut contract = samples::contract();
        contract.served_by = ServedBy::Core(Dialect::Kvm(KvmGeneration::V7_3));
        contract.psci_version = PsciVersion::V1_2;
        contract.psci_options = PsciOptions::SYSTEM_SUSPEND;
        contract.services = Services::PV_TIME | Services::DISCOVERY;
        contract.stolen_time = None;
        contract.implementations = Implementations::new();
        contract.implementations.add(listed).unwrap();
        contract.workarounds = Workarounds::NONE.with(Workaround::Three, Level::Available);
        let words = |contract: Contract| {
            let config = Config {
                contract: Some(contract),
                features: Features::TRNG,
                ..config(1, 128 << 20)
            };
            bootargs(&config, &promise())
        };
        assert_eq!(
            words(contract.clone()).unwrap(),
            "vcpus=1 memory=128M dialect=kvm-7.3 psci=1.2 \
             with=system-suspend,pv-time,discover-impl-version,discover-impl-cpus \
             implementations=410fd0c1:1:0 \
             workaround-1=not-available workaround-2=not-available \
             workaround-3=available workaround-4=not-available max-resets=3"
        );
        contract.psci_options = PsciOptions::empty();
        contract.services = Services::empty();
        assert!(words(contract.clone()).unwrap().contains(" with=none "));
        contract.served_by = ServedBy::Kernel;
        let refused = words(contract).unwrap_err().message();
        assert!(refused.contains("a kernel's own answers"), "{refused}");
    }

    #[test]
    fn words_of_the_programs_own_come_behind_all_others() {
        let promise = Promise {
            words: Some("smccc=1.6".into()),
            ..promise()
        };
        let words = bootargs(&config(1, 128 << 20), &promise).unwrap();
        assert!(words.ends_with("max-resets=3 smccc=1.6"), "{words}");
    }

    #[test]
    fn nine_vcpus_are_refused() {
        assert!(bootargs(&config(9, 128 << 20), &promise()).is_err());
    }
}
