//! A machine under a contract, for the commands that run guests.
//!
//! The contract says who answers firmware calls, with which PSCI and services; options that say the
//! same are refused rather than held against it. What a test's header demands and the contract does
//! not promise, the machine does not have.

use std::path::PathBuf;

use vambrace_core::contract::{Contract, HostProfile, Normalisation, ServedBy, preflight};
use vambrace_core::firmware;
use vambrace_formats::contract::to_toml;
use vambrace_kvm::contract::Unkept;
use vambrace_kvm::image::{Claim, NeededDialect, NeededPsci};
use vambrace_kvm::machine::{Devices, Error, Features, FirmwareKind, Machine, Report};
use vambrace_kvm::{probe, sys};
use vambrace_lab::{Input, Source};

use crate::failure::Failure;
use crate::files;

/// `--contract`
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Options {
    /// What the guest is promised; it says who answers firmware calls, with which PSCI and services
    #[arg(
        long = "contract",
        value_name = "FILE",
        conflicts_with_all = ["firmware", "dialect", "psci", "with"]
    )]
    file: Option<PathBuf>,

    /// What is in the file, once it is read
    #[arg(skip)]
    read: Option<Contract>,
}

impl Options {
    /// Of a file that something else names than these options.
    pub(crate) fn of_file(file: Option<PathBuf>) -> Self {
        Self { file, read: None }
    }

    /// The same with the file read, if there is one.
    pub(crate) fn read(&self) -> Result<Self, Failure> {
        let read = self.file.as_deref().map(files::one_contract).transpose()?;
        Ok(Self {
            file: self.file.clone(),
            read: read.map(|named| named.value),
        })
    }

    /// The contract, if there is one.
    pub(crate) fn contract(&self) -> Option<&Contract> {
        self.read.as_ref()
    }

    /// The contract as a file inside a lab host, and the option that names it there.
    pub(crate) fn inside(&self) -> Option<(Input, String)> {
        let contract = self.contract()?;
        let input = Input {
            source: Source::Bytes(to_toml(contract).into_bytes()),
            destination: INSIDE.into(),
        };
        Some((input, format!("--contract={INSIDE}")))
    }
}

/// What a test's header demands and a contract does not promise, in words; None if there is
/// nothing.
pub(crate) fn lacking(contract: &Contract, claim: &Claim) -> Option<String> {
    let missing = claim.features - Features::under(contract);
    if !missing.is_empty() {
        return Some(format!("needs {missing}"));
    }
    if claim
        .firmware
        .is_some_and(|one| one != FirmwareKind::under(contract))
    {
        return Some("only core can show it, and KVM's own firmware answers".into());
    }
    if let Some(words) = claim.el2.as_deref().filter(|words| names_a_machine(words)) {
        return Some(format!("needs {words}"));
    }
    let promised = contract.gic.kind;
    if let Some(needed) = claim.needs.gic().filter(|needed| *needed != promised) {
        return Some(format!("needs a {needed}"));
    }
    let specification = ServedBy::Core(firmware::Dialect::Specification);
    match (claim.dialect, contract.served_by == specification) {
        (Some(NeededDialect::Specification), false) => {
            return Some("holds with the specification's answers".into());
        }
        (Some(NeededDialect::Kvm), true) => return Some("holds with KVM's answers".into()),
        _ => {}
    }
    let promised = contract.psci_version;
    match claim.psci {
        Some(NeededPsci::Exactly(needed)) if needed != promised => {
            Some(format!("needs PSCI {needed} exactly"))
        }
        Some(NeededPsci::AtLeast(least)) if least.value() > promised.value() => {
            Some(format!("needs PSCI {}.{}", least.major, least.minor))
        }
        _ => None,
    }
}

/// Whether the words for the program at EL2 ask for another firmware than it would have.
fn names_a_machine(words: &str) -> bool {
    words.split(' ').any(|word| !word.starts_with("memory="))
}

/// Runs a machine; if the host refuses its contract for nothing but what it is known to change though
/// no guest relies on it, runs it with that known. A probe takes its time, so it comes after the fact.
pub(crate) fn run(
    machine: &mut Machine<'_>,
    contract: Option<&Contract>,
    host: &impl sys::Host,
    devices: &Devices,
) -> Result<Report, Error> {
    let ended = machine.run(host, devices);
    let (Err(Error::Unkept(Unkept::Changed(_))), Some(contract)) = (&ended, contract) else {
        return ended;
    };
    let Some(known) = normalisations(contract, host) else {
        return ended;
    };
    machine.expect_normalisations(known);
    machine.run(host, devices)
}

fn normalisations(contract: &Contract, host: &impl sys::Host) -> Option<Vec<Normalisation>> {
    let profile: HostProfile = probe::probe(host).ok()?;
    let verdict = preflight(contract, &profile);
    let known = verdict.normalisations();
    (verdict.is_accepted() && !known.is_empty()).then(|| known.to_vec())
}

const INSIDE: &str = "guest/contract.toml";

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use vambrace_core::psci::PsciVersion;
    use vambrace_kvm::image::Version;

    use super::*;
    use crate::contract::samples;
    use crate::test::samples::claim;

    #[test]
    fn a_header_that_the_contract_keeps_lacks_nothing() {
        let contract = samples::contract();
        assert_eq!(lacking(&contract, &claim()), None);
        let claim = Claim {
            features: Features::TRNG | Features::SYSTEM_SUSPEND,
            psci: Some(NeededPsci::AtLeast(Version { major: 1, minor: 1 })),
            ..claim()
        };
        assert_eq!(lacking(&contract, &claim), None);
    }

    #[test]
    fn what_the_contract_does_not_promise_is_told() {
        let mut contract = samples::contract();
        contract.psci_version = PsciVersion::V1_0;
        let lacking = |claim: Claim| lacking(&contract, &claim).unwrap();
        let told = lacking(Claim {
            features: Features::PV_TIME,
            ..claim()
        });
        assert_eq!(told, "needs pv-time");
        let told = lacking(Claim {
            psci: Some(NeededPsci::AtLeast(Version { major: 1, minor: 1 })),
            ..claim()
        });
        assert_eq!(told, "needs PSCI 1.1");
        let told = lacking(Claim {
            psci: Some(NeededPsci::Exactly(PsciVersion::V0_2)),
            ..claim()
        });
        assert_eq!(told, "needs PSCI 0.2 exactly");
        let told = lacking(Claim {
            dialect: Some(NeededDialect::Specification),
            ..claim()
        });
        assert_eq!(told, "holds with the specification's answers");
        let told = lacking(Claim {
            el2: Some("smccc=1.2 soc-id=1:2".into()),
            ..claim()
        });
        assert_eq!(told, "needs smccc=1.2 soc-id=1:2");
        let told = lacking(Claim {
            firmware: Some(FirmwareKind::Core),
            ..claim()
        });
        assert!(told.starts_with("only core can show it"));
    }

    #[test]
    fn a_contract_has_the_say_of_what_options_would_choose() {
        /// `vambrace run` as clap sees it, as far as a contract goes.
        #[derive(Debug, clap::Parser)]
        struct Line {
            #[command(flatten)]
            run: crate::run::Arguments,
        }
        for option in [
            "--firmware=core",
            "--dialect=spec",
            "--psci=1.0",
            "--with=trng",
        ] {
            let words = ["run", "--contract=c.toml", option, "image"];
            let refused = Line::try_parse_from(words).unwrap_err().to_string();
            assert!(
                refused.contains("'--contract <FILE>' cannot be used with"),
                "{refused}"
            );
        }
        assert!(Line::try_parse_from(["run", "--contract=c.toml", "image"]).is_ok());
    }
}
