//! A machine in the words that the program at EL2 understands (its `config` module has the table).

use std::fmt::Write as _;

use vambrace_core::contract::{Contract, ServedBy};
use vambrace_core::firmware::{Dialect, Workarounds};
use vambrace_formats::words::{DIALECTS, WORKAROUNDS, word as word_of};
use vambrace_kvm::machine::{Config, Features, OnReset};

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

/// The bootargs of a machine.
pub(super) fn bootargs(config: &Config, promise: &Promise) -> Result<String, Failure> {
    if config.vcpus > MAX_VCPUS {
        return Err(Failure::new(format!(
            "{} vCPUs: a machine at EL2 has {MAX_VCPUS} at most",
            config.vcpus
        )));
    }
    let contract = config.contract.as_ref();
    let dialect = contract.map_or(Ok(config.dialect), promised_dialect)?;
    let features = contract.map_or(config.features, Features::under);
    let workarounds = contract.map_or(promise.workarounds, |contract| contract.workarounds);
    let psci = contract.map_or(config.psci_version, |contract| Some(contract.psci_version));
    let mut words = format!(
        "vcpus={} memory={}M dialect={}",
        config.vcpus,
        config.memory >> 20,
        word_of(dialect, &DIALECTS)
    );
    let mut word = |key: &str, value: String| {
        // Text takes whatever is written to it.
        let _ = write!(words, " {key}={value}");
    };
    if let Some(psci) = psci {
        word("psci", psci.to_string());
    }
    if features != Features::empty() {
        word("with", features.to_string());
    }
    for (key, workaround) in WORKAROUNDS {
        word(key, workarounds.level(workaround).to_string());
    }
    let most = match config.reset {
        OnReset::Reboot { most } => most,
        OnReset::End => 0,
    };
    word("max-resets", most.to_string());
    if let Some(more) = &promise.words {
        words = format!("{words} {more}");
    }
    if let Some(arguments) = &config.boot_arguments {
        words = format!("{words} -- {arguments}");
    }
    Ok(words)
}

fn promised_dialect(contract: &Contract) -> Result<Dialect, Failure> {
    match contract.served_by {
        ServedBy::Core(dialect) => Ok(dialect),
        ServedBy::Kernel => Err(Failure::new(
            "the contract promises a kernel's own answers, and there is no kernel at EL2",
        )
        .with_hint("make it with: vambrace contract new --served-by core")),
    }
}

#[cfg(test)]
mod tests {
    use vambrace_core::firmware::{KvmGeneration, Level, Workaround};
    use vambrace_core::psci::PsciVersion;

    use super::*;
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
            "vcpus=2 memory=128M dialect=kvm-6.12 psci=1.1 with=trng,ptp \
             workaround-1=not-required workaround-2=not-available \
             workaround-3=not-available workaround-4=not-available max-resets=3 -- quiet"
        );
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
