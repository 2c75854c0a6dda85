//! Whether a test can hold here, and the machine it gets: decided before any is made.
//!
//! A test's header and code demand things of the place it runs in: whose answers, who answers, a
//! PSCI version, features, a kernel, a kind of CPU. Where one of them cannot be had the test is
//! skipped, with the demand and the reason; what the command line demands and nobody can have is an
//! error instead, told before the first test.

use vambrace_core::contract::Contract;
use vambrace_core::psci::PsciVersion;
use vambrace_core::smccc::ExecutionState;
use vambrace_kvm::image::{Claim, NeededDialect, NeededPsci, Version};
use vambrace_kvm::machine::{Aarch32, Config, Error, Features, Offer};

use super::Arguments;
use super::collect::TestImage;
use super::record::{Demand, Firmware};
use crate::host_choice::version_of;
use crate::machine_options::{Dialect, LeastPsci, config, union};
use crate::under_contract;

/// A host, and what is asked of every test on it.
#[derive(Debug)]
pub(super) struct Place<'a, O> {
    pub(super) args: &'a Arguments,
    /// What can be had there.
    pub(super) offer: O,
    /// The host kernel's.
    pub(super) release: &'a str,
}

/// Why a test cannot run or hold in a place.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// The test demands what is not here.
    NotHere { demand: Demand, reason: String },
    /// The command line does, or the host failed.
    Failed(Error),
}

/// What a host's machines can have.
pub(super) trait Offers {
    /// Whether they can execute AArch32 at EL1.
    fn aarch32(&self) -> Aarch32;

    /// The PSCI version of the one with this configuration, if it can have what that names.
    fn psci_version_of(&self, config: &Config) -> Result<PsciVersion, Error>;
}

impl Offers for Offer {
    fn aarch32(&self) -> Aarch32 {
        self.aarch32
    }

    fn psci_version_of(&self, config: &Config) -> Result<PsciVersion, Error> {
        self.psci_version_of(config)
    }
}

impl<O: Offers> Place<'_, O> {
    /// Looks whether the host has what the command line asks for, whatever the tests are.
    pub(super) fn check(&self) -> Result<(), Error> {
        // What a contract promises is asked of the host when a machine is made.
        let firmware = self.args.firmware_on_kvm();
        for firmware in firmware.filter(|_| self.args.under_contract.contract().is_none()) {
            let config = self.plain(firmware, self.usual_dialect(firmware));
            self.offer.psci_version_of(&config)?;
        }
        Ok(())
    }

    /// The machine of one test under one firmware.
    pub(super) fn config(&self, image: &TestImage, firmware: Firmware) -> Result<Config, Obstacle> {
        if image.execution_state == ExecutionState::Aarch32
            && self.offer.aarch32() == Aarch32::Missing
        {
            let who = match firmware {
                Firmware::El2 => "this CPU",
                Firmware::Kernel | Firmware::Core => "this host's KVM",
            };
            let reason = format!("needs AArch32 at EL1; {who} does not have it");
            return Err(not_here(Demand::ExecutionState, reason));
        }
        if firmware != Firmware::El2 && image.is_for_el2() {
            let reason = "not here: only the program at EL2 can show it (--host el2)";
            return Err(not_here(Demand::El2, reason));
        }
        if let Some(contract) = self.args.under_contract.contract() {
            return self.config_under(contract, image);
        }
        let plain = Config {
            vcpus: image.vcpus(self.args),
            memory: image.memory(self.args),
            ..self.plain(firmware, self.dialect(image.claim.as_ref(), firmware)?)
        };
        match &image.claim {
            None => Ok(plain),
            Some(claim) => {
                self.check_kernel(claim)?;
                self.with_features(claim, with_gic(claim, plain))
                    .and_then(|config| self.with_psci(claim, config))
            }
        }
    }

    /// The machine of one test under a contract, if that promises what the header demands.
    fn config_under(&self, contract: &Contract, image: &TestImage) -> Result<Config, Obstacle> {
        if let Some(claim) = &image.claim {
            self.check_kernel(claim)?;
            if let Some(lacking) = under_contract::lacking(contract, claim) {
                let reason = format!("{lacking}; the contract does not promise it");
                return Err(not_here(Demand::Contract, reason));
            }
        }
        let plain = config(image.vcpus(self.args), image.memory(self.args));
        let plain = match &image.claim {
            Some(claim) => with_gic(claim, plain),
            None => plain,
        };
        Ok(Config {
            time_limit: Some(self.args.time_limit()),
            flip: self.args.flip_answer,
            contract: Some(contract.clone()),
            ..plain
        })
    }

    /// A machine without a test.
    fn plain(&self, firmware: Firmware, dialect: Dialect) -> Config {
        let (vcpus, memory) = (1, self.args.memory.bytes());
        Config {
            firmware: firmware.into(),
            dialect: dialect.of(self.release),
            psci_version: self.args.psci,
            features: union(&self.args.with),
            time_limit: Some(self.args.time_limit()),
            flip: self.args.flip_answer,
            ..config(vcpus, memory)
        }
    }

    /// Whose answers core gives where neither the command line nor a header says: at EL2 the
    /// specification's, unless it is to be compared with a kernel.
    fn usual_dialect(&self, firmware: Firmware) -> Dialect {
        self.args.dialect.unwrap_or(match firmware {
            Firmware::El2 if self.args.host.is_el2() => Dialect::Spec,
            Firmware::Kernel | Firmware::Core | Firmware::El2 => Dialect::Kvm,
        })
    }

    /// Whose answers core gives, if a test's header lets that firmware run it.
    fn dialect(&self, claim: Option<&Claim>, firmware: Firmware) -> Result<Dialect, Obstacle> {
        let needed = claim.and_then(|claim| claim.dialect);
        let one_firmware = claim.and_then(|claim| claim.firmware);
        if one_firmware.is_some_and(|one| one != firmware.into()) {
            let reason = "not here: only core can show it, and KVM's own firmware answers";
            return Err(not_here(Demand::Firmware, reason));
        }
        match (needed, firmware, self.args.dialect) {
            (Some(NeededDialect::Specification), Firmware::Kernel, _) => {
                let reason = "not here: it holds with the specification's answers, and KVM's own \
                              firmware gives its own";
                Err(not_here(Demand::Dialect, reason))
            }
            (Some(NeededDialect::Specification), Firmware::Core | Firmware::El2, _) => {
                Ok(Dialect::Spec)
            }
            (Some(NeededDialect::Kvm), Firmware::Core | Firmware::El2, Some(Dialect::Spec)) => {
                let reason = "not here: it holds with KVM's answers, and --dialect spec gives the \
                              specification's";
                Err(not_here(Demand::Dialect, reason))
            }
            (Some(NeededDialect::Kvm), ..) => Ok(Dialect::Kvm),
            (None, ..) => Ok(self.usual_dialect(firmware)),
        }
    }

    fn check_kernel(&self, claim: &Claim) -> Result<(), Obstacle> {
        let here = version_of(self.release);
        match claim.kvm {
            Some(Version { major, minor }) if here < (major.into(), minor.into()) => {
                let release = self.release;
                let reason = format!("needs Linux {major}.{minor}; this host has {release}");
                Err(not_here(Demand::Kvm, reason))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What the command line adds was found here before, so whatever is lacking the header names.
    fn with_features(&self, claim: &Claim, config: Config) -> Result<Config, Obstacle> {
        let features = config.features | claim.features;
        let config = Config { features, ..config };
        match self.offer.psci_version_of(&config) {
            Err(Error::KernelLacks(lacking)) => Err(lacks(lacking, "this host's KVM")),
            Err(Error::DialectLacks(lacking)) => {
                Err(lacks(lacking, "core with the answers of this host's KVM"))
            }
            Err(error @ (Error::NoGic { .. } | Error::NoIts)) => {
                Err(not_here(Demand::Needs, lacks_controller(&error)))
            }
            Err(error) => Err(Obstacle::Failed(error)),
            Ok(_) => Ok(config),
        }
    }

    /// A header's exact version comes before the command line's; a least version is given where the
    /// machine would have an older one and nobody asked for that.
    fn with_psci(&self, claim: &Claim, config: Config) -> Result<Config, Obstacle> {
        let usual = self
            .offer
            .psci_version_of(&config)
            .map_err(Obstacle::Failed)?;
        let (asked, named) = match claim.psci {
            Some(NeededPsci::Exactly(version)) => (Some(version), version.to_string()),
            Some(NeededPsci::AtLeast(least)) => {
                let named = format!("{}.{}", least.major, least.minor);
                match LeastPsci::of(least, usual, self.args.psci) {
                    LeastPsci::Met => return Ok(config),
                    LeastPsci::Raised(version) => (Some(version), named),
                    LeastPsci::Unmet => (None, named),
                }
            }
            None => return Ok(config),
        };
        let Some(asked) = asked else {
            return Err(too_new(&named, usual));
        };
        let config = Config {
            psci_version: Some(asked),
            ..config
        };
        match self.offer.psci_version_of(&config) {
            Ok(_) => Ok(config),
            Err(Error::PsciTooNew { newest, .. }) => Err(too_new(&named, newest)),
            Err(error) => Err(Obstacle::Failed(error)),
        }
    }
}

/// The machine with the interrupt controller that its test's header names.
fn with_gic(claim: &Claim, config: Config) -> Config {
    Config {
        gic: claim.needs.gic(),
        its: claim.needs.its(),
        ..config
    }
}

/// What a test needs and KVM cannot make.
fn lacks_controller(error: &Error) -> String {
    match error {
        Error::NoGic { kind } => format!("needs a {kind}; this host's KVM has none"),
        _ => "needs an ITS; this host's KVM has none".to_owned(),
    }
}

fn not_here(demand: Demand, reason: impl Into<String>) -> Obstacle {
    let reason = reason.into();
    Obstacle::NotHere { demand, reason }
}

fn lacks(features: Features, who: &str) -> Obstacle {
    not_here(
        Demand::With,
        format!("needs {features}; {who} does not have it"),
    )
}

fn too_new(needed: &str, newest: PsciVersion) -> Obstacle {
    not_here(
        Demand::Psci,
        format!("needs PSCI {needed}; this host has {newest}"),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use vambrace_core::contract::GicKind;
    use vambrace_core::firmware;
    use vambrace_kvm::image::Needs;
    use vambrace_kvm::machine::{FirmwareKind, Its};

    use super::*;
    use crate::test::samples::claim;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    /// `vambrace test OPTIONS image`
    fn arguments(options: &[&str]) -> Arguments {
        let words = ["test"].iter().chain(options).chain(&["image"]);
        Line::try_parse_from(words).unwrap().arguments
    }

    /// A kernel like 6.12 on a CPU without AArch32 at EL1.
    #[derive(Debug)]
    struct Linux612;

    impl Offers for Linux612 {
        fn aarch32(&self) -> Aarch32 {
            Aarch32::Missing
        }

        fn psci_version_of(&self, config: &Config) -> Result<PsciVersion, Error> {
            let (newest, features) = match (config.firmware, config.dialect) {
                (FirmwareKind::Core, firmware::Dialect::Specification) => {
                    (PsciVersion::V1_3, Features::all())
                }
                (FirmwareKind::Kernel | FirmwareKind::Core, _) => {
                    (PsciVersion::V1_1, Features::TRNG | Features::PTP)
                }
            };
            let lacking = config.features - features;
            if config.gic == Some(GicKind::V2) {
                return Err(Error::NoGic { kind: GicKind::V2 });
            }
            match (config.psci_version, config.firmware) {
                _ if lacking.is_empty() => {}
                (_, FirmwareKind::Kernel) => return Err(Error::KernelLacks(lacking)),
                (_, FirmwareKind::Core) => return Err(Error::DialectLacks(lacking)),
            }
            match config.psci_version {
                Some(asked) if asked > newest => Err(Error::PsciTooNew { asked, newest }),
                Some(asked) => Ok(asked),
                None => Ok(PsciVersion::V1_1),
            }
        }
    }

    fn image(claim: Claim) -> TestImage {
        TestImage {
            name: "image".into(),
            path: "image".into(),
            bytes: Vec::new(),
            claim: Some(claim),
            execution_state: ExecutionState::Aarch64,
        }
    }

    fn configured(
        options: &[&str],
        image: &TestImage,
        firmware: Firmware,
    ) -> Result<Config, (Demand, String)> {
        let place = Place {
            args: &arguments(options),
            offer: Linux612,
            release: "6.12.1",
        };
        place
            .config(image, firmware)
            .map_err(|obstacle| match obstacle {
                Obstacle::NotHere { demand, reason } => (demand, reason),
                Obstacle::Failed(error) => panic!("{error}"),
            })
    }

    fn with(
        options: &[&str],
        claim: Claim,
        firmware: Firmware,
    ) -> Result<Config, (Demand, String)> {
        configured(options, &image(claim), firmware)
    }

    fn psci(psci: NeededPsci) -> Claim {
        Claim {
            psci: Some(psci),
            ..claim()
        }
    }

    const fn at_least(major: u16, minor: u16) -> NeededPsci {
        NeededPsci::AtLeast(Version { major, minor })
    }

    #[test]
    fn a_claim_of_the_specification_runs_under_core_alone_and_in_its_dialect() {
        let claim = || Claim {
            dialect: Some(NeededDialect::Specification),
            ..claim()
        };
        let config = with(&["--dialect", "kvm"], claim(), Firmware::Core).unwrap();
        assert_eq!(config.dialect, firmware::Dialect::Specification);
        let (demand, reason) = with(&[], claim(), Firmware::Kernel).unwrap_err();
        assert_eq!(demand, Demand::Dialect);
        assert_eq!(
            reason,
            "not here: it holds with the specification's answers, and KVM's own firmware gives its \
             own"
        );
    }

    fn needing(needs: Needs) -> Claim {
        Claim { needs, ..claim() }
    }

    #[test]
    fn a_header_says_which_interrupt_controller_the_machine_has() {
        let config = |needs| with(&[], needing(needs), Firmware::Kernel).unwrap();
        let [any, with_its] = [Needs::empty(), Needs::ITS].map(config);
        assert_eq!((any.gic, any.its), (None, None));
        let expected = (Some(GicKind::V3), Some(Its::Present));
        assert_eq!((with_its.gic, with_its.its), expected);
    }

    #[test]
    fn a_claim_of_a_gic_that_the_host_does_not_have_is_skipped() {
        let (demand, reason) = with(&[], needing(Needs::GIC_V2), Firmware::Core).unwrap_err();
        assert_eq!(demand, Demand::Needs);
        assert_eq!(reason, "needs a GICv2; this host's KVM has none");
    }

    #[test]
    fn a_claim_of_kvm_runs_under_both_but_not_in_the_specification_s_dialect() {
        let claim = || Claim {
            dialect: Some(NeededDialect::Kvm),
            ..claim()
        };
        for firmware in [Firmware::Kernel, Firmware::Core] {
            assert!(with(&[], claim(), firmware).is_ok());
        }
        let spec = ["--dialect", "spec", "--firmware", "kernel,core"];
        assert!(with(&spec, claim(), Firmware::Kernel).is_ok());
        let (demand, reason) = with(&spec, claim(), Firmware::Core).unwrap_err();
        assert_eq!(demand, Demand::Dialect);
        assert!(reason.contains("--dialect spec"), "{reason}");
    }

    #[test]
    fn a_claim_that_only_core_can_show_does_not_run_under_the_kernel() {
        let claim = || Claim {
            firmware: Some(FirmwareKind::Core),
            ..claim()
        };
        assert!(with(&[], claim(), Firmware::Core).is_ok());
        let (demand, _) = with(&[], claim(), Firmware::Kernel).unwrap_err();
        assert_eq!(demand, Demand::Firmware);
    }

    #[test]
    fn an_exact_psci_version_is_given_whatever_the_command_line_says() {
        let exactly = |version| psci(NeededPsci::Exactly(version));
        for options in [&[][..], &["--psci", "1.0"]] {
            let config = with(options, exactly(PsciVersion::V0_2), Firmware::Kernel).unwrap();
            assert_eq!(config.psci_version, Some(PsciVersion::V0_2));
        }
        let found = with(&[], exactly(PsciVersion::V1_3), Firmware::Kernel).unwrap_err();
        let expected = "needs PSCI 1.3; this host has 1.1".to_owned();
        assert_eq!(found, (Demand::Psci, expected));
    }

    #[test]
    fn a_least_psci_version_is_given_where_it_can_be_had() {
        let usual = with(&[], psci(at_least(1, 0)), Firmware::Kernel).unwrap();
        assert_eq!(usual.psci_version, None);
        let claim = Claim {
            dialect: Some(NeededDialect::Specification),
            ..psci(at_least(1, 3))
        };
        let newer = with(&[], claim, Firmware::Core).unwrap();
        assert_eq!(newer.psci_version, Some(PsciVersion::V1_3));
        for least in [at_least(1, 2), at_least(2, 0)] {
            let (demand, reason) = with(&[], psci(least), Firmware::Core).unwrap_err();
            assert_eq!(demand, Demand::Psci);
            assert!(reason.ends_with("; this host has 1.1"), "{reason}");
        }
    }

    #[test]
    fn a_least_psci_version_is_held_against_the_command_line_s() {
        let older = ["--psci", "1.0"];
        let found = with(&older, psci(at_least(1, 1)), Firmware::Kernel).unwrap_err();
        let expected = "needs PSCI 1.1; this host has 1.0".to_owned();
        assert_eq!(found, (Demand::Psci, expected));
    }

    #[test]
    fn features_of_header_and_command_line_are_joined() {
        let claim = |features| Claim {
            features,
            ..claim()
        };
        let config = with(&["--with", "ptp"], claim(Features::TRNG), Firmware::Kernel).unwrap();
        assert_eq!(config.features, Features::TRNG | Features::PTP);
        let lacking = claim(Features::TRNG | Features::MIGRATE);
        let found = with(&[], lacking.clone(), Firmware::Kernel).unwrap_err();
        let expected = "needs migrate; this host's KVM does not have it".to_owned();
        assert_eq!(found, (Demand::With, expected));
        assert!(with(&[], lacking.clone(), Firmware::Core).is_err());
        assert!(with(&["--dialect", "spec"], lacking, Firmware::Core).is_ok());
    }

    #[test]
    fn a_claim_that_needs_a_newer_kernel_names_both() {
        let claim = Claim {
            kvm: Some(Version {
                major: 6,
                minor: 13,
            }),
            ..claim()
        };
        let found = with(&[], claim, Firmware::Kernel).unwrap_err();
        let expected = "needs Linux 6.13; this host has 6.12.1".to_owned();
        assert_eq!(found, (Demand::Kvm, expected));
    }

    #[test]
    fn an_aarch32_image_needs_cpus_that_have_it() {
        let image = TestImage {
            execution_state: ExecutionState::Aarch32,
            ..image(claim())
        };
        let (demand, _) = configured(&[], &image, Firmware::Kernel).unwrap_err();
        assert_eq!(demand, Demand::ExecutionState);
    }

    #[test]
    fn what_the_command_line_asks_for_in_vain_is_found_before_any_test() {
        let check = |options: &[&str]| {
            let place = Place {
                args: &arguments(options),
                offer: Linux612,
                release: "6.12.1",
            };
            place.check()
        };
        assert!(check(&["--psci", "1.0", "--with", "trng,ptp"]).is_ok());
        let newer = check(&["--psci", "1.3"]);
        assert!(matches!(newer, Err(Error::PsciTooNew { .. })), "{newer:?}");
        let more = check(&["--firmware", "core", "--with", "migrate"]);
        assert!(matches!(more, Err(Error::DialectLacks(_))), "{more:?}");
    }
}
