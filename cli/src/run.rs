//! `vambrace run`: one guest, its console on the terminal.

use std::ffi::OsString;
use std::io::{self, Read, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use vambrace_core::firmware::Workarounds;
use vambrace_core::psci::PsciVersion;
use vambrace_kvm::devices::Unclaimed;
use vambrace_kvm::image::{Claim, NeededDialect, NeededPsci};
use vambrace_kvm::machine::{Config, Devices, End, Features, Machine, Offer, OnReset};
use vambrace_kvm::sys;
use vambrace_lab::{
    Executable, ExitStatus, HostSpec, Input, Job, Outcome, Output, Source, Stdin, Streams,
};

use crate::el2::{self, El2, Promise};
use crate::ending::{exit_code, json};
use crate::failure::{Failure, OWN_ERROR};
use crate::host_choice::{El2Host, Host, HostChoice, kernel_release};
use crate::interrupt::Interrupt;
use crate::lab_host;
use crate::last_line::LastLine;
use crate::machine_options::{
    DEFAULT_RESETS, Dialect, HostCpus, LeastPsci, Size, config, parse_psci, parse_seconds,
    parse_vcpus, union,
};
use crate::memory_files::{self, Load, Save};
use crate::progress::say;
use crate::test::{Firmware, read_image};
use crate::under_contract;

/// Run one bare-metal guest, its console on the terminal
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The guest: ELF, arm64 Image or flat binary
    image: PathBuf,

    /// Where to run: auto, local, `lab[:KERNEL[:CPU]]`, or `el2[:CPU]` with no kernel at all
    #[arg(long, default_value = "auto", value_name = "HOST")]
    host: HostChoice,

    /// Who answers firmware calls [default: kernel; core with --host el2]
    #[arg(long, value_enum)]
    firmware: Option<Firmware>,

    /// Whose answers core gives: those of the host's KVM, or the specification's (as far as KVM
    /// forwards the call) [default: what the image's header asks for, else kvm]
    #[arg(long, value_enum)]
    dialect: Option<Dialect>,

    /// The PSCI version that the guest is told, 0.1 to 1.3 [default: the header's, else the newest]
    #[arg(long, value_name = "VERSION", value_parser = parse_psci)]
    psci: Option<PsciVersion>,

    /// What the firmware has beyond the least, such as trng,pv-time; what the header names, it has
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    with: Vec<Features>,

    #[command(flatten)]
    under_contract: under_contract::Options,

    #[command(flatten)]
    host_cpus: HostCpus,

    /// How many vCPUs [default: what the image's header asks for, else 1]
    #[arg(long, value_name = "N", value_parser = parse_vcpus)]
    cpus: Option<u16>,

    /// How much RAM
    #[arg(long, default_value = "128M", value_name = "SIZE")]
    memory: Size,

    /// Put a file into RAM before the guest starts, and again after each reboot
    #[arg(long, value_name = "ADDRESS=FILE", value_parser = Load::parser())]
    load: Vec<Load>,

    /// Keep so much of RAM in a file when the guest has ended, however it ended
    #[arg(long, value_name = "ADDRESS,SIZE=FILE", value_parser = Save::parser())]
    save: Vec<Save>,

    /// End the guest after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<u64>,

    /// How often the guest may reset the machine before it counts as crashed
    #[arg(long, default_value_t = DEFAULT_RESETS, value_name = "N")]
    max_resets: u32,

    /// End at the first reset instead of rebooting
    #[arg(long)]
    no_reboot: bool,

    /// Answer an access where no device is with an external abort, not with zeroes
    #[arg(long)]
    strict_mmio: bool,

    /// Print how the run ended as one JSON object on standard error
    #[arg(long)]
    json: bool,

    /// The guest's arguments: /chosen/bootargs of its device tree
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs the guest; gives its exit code.
pub(crate) fn run(args: &Arguments) -> Result<u8, Failure> {
    if let Some(dialect) = args.dialect {
        dialect.check(args.firmware() != Firmware::Kernel)?;
    }
    args.check_host()?;
    let args = &Arguments {
        under_contract: args.under_contract.read()?,
        ..args.clone()
    };
    let image = read_image(&args.image).map_err(|failure| failure.with_image_code(UNUSABLE))?;
    let claim = Claim::parse(&image)
        .map_err(|error| Failure::image(&args.image, &error).with_image_code(UNUSABLE))?;
    args.check_header(claim.as_ref())?;
    let mut config = args.config(claim.as_ref());
    if args.host.is_el2() {
        el2::check(config.contract.as_ref(), Some(config.vcpus))?;
    }
    let ram = match Machine::new(config.clone(), &image) {
        Ok(machine) => machine.memory().region(),
        Err(error) => return Err(args.refuse(&error)),
    };
    let contents = args.load.iter().map(|load| load.read(ram));
    config.contents = contents.collect::<Result<_, _>>()?;
    memory_files::check_all(&args.save, ram)?;
    match args.host.resolve()? {
        Host::Local => args.run_here(config, claim.as_ref(), &image),
        Host::Lab(spec) => args.run_in_lab(spec, image, &config),
        Host::El2(host) => args.run_at_el2(&host, &config, claim.as_ref(), &image),
    }
}

impl Arguments {
    /// The machine; what the command line leaves open is the header's.
    fn config(&self, claim: Option<&Claim>) -> Config {
        let vcpus = self.cpus.or(claim.map(|claim| claim.vcpus)).unwrap_or(1);
        let needed = claim.and_then(|claim| claim.memory).unwrap_or(0);
        let psci = claim.and_then(|claim| match claim.psci? {
            NeededPsci::Exactly(version) => Some(version),
            NeededPsci::AtLeast(_) => None,
        });
        Config {
            boot_arguments: (!self.arguments.is_empty()).then(|| self.arguments.join(" ")),
            firmware: self.firmware().into(),
            dialect: self.dialect(claim).of(&self.release()),
            psci_version: self.psci.or(psci),
            features: union(&self.with) | claim.map_or(Features::empty(), |claim| claim.features),
            reset: if self.no_reboot {
                OnReset::End
            } else {
                OnReset::Reboot {
                    most: self.max_resets,
                }
            },
            time_limit: self.timeout.map(Duration::from_secs),
            contract: self.under_contract.contract().cloned(),
            ..config(vcpus, self.memory.bytes().max(needed))
        }
    }

    /// Refuses an image whose header demands what the contract does not promise.
    fn check_header(&self, claim: Option<&Claim>) -> Result<(), Failure> {
        let contract = self.under_contract.contract();
        let lacking = contract.zip(claim).and_then(|(contract, claim)| {
            let lacking = under_contract::lacking(contract, claim)?;
            Some(format!(
                "its header says that it {lacking}, and the contract does not promise it"
            ))
        });
        match lacking {
            None => Ok(()),
            Some(reason) => Err(Failure::image(&self.image, &reason).with_image_code(UNUSABLE)),
        }
    }

    fn dialect(&self, claim: Option<&Claim>) -> Dialect {
        let needed = claim.and_then(|claim| claim.dialect);
        self.dialect.unwrap_or(match needed {
            Some(NeededDialect::Specification) => Dialect::Spec,
            None if self.host.is_el2() => Dialect::Spec,
            Some(NeededDialect::Kvm) | None => Dialect::Kvm,
        })
    }

    fn firmware(&self) -> Firmware {
        self.firmware.unwrap_or(if self.host.is_el2() {
            Firmware::El2
        } else {
            Firmware::Kernel
        })
    }

    /// The kernel whose answers KVM's dialect is; at EL2 the newest that core knows.
    fn release(&self) -> String {
        if self.host.is_el2() {
            "7.3".into()
        } else {
            kernel_release()
        }
    }

    /// Refuses what another kind of host has.
    fn check_host(&self) -> Result<(), Failure> {
        match (self.host.is_el2(), self.firmware) {
            (true, Some(Firmware::Kernel)) => Err(el2::no_kernel()),
            (false, Some(Firmware::El2)) => Err(Failure::new(
                "--firmware el2 needs no KVM, and this host is one with it",
            )
            .with_hint("write --host el2 instead")),
            (true, _) if !self.load.is_empty() || !self.save.is_empty() => Err(Failure::new(
                "--load and --save reach into a machine's memory, which at EL2 is QEMU's",
            )),
            (true, _) if self.host_cpus.inside().is_some() => Err(el2::no_host_cpus()),
            (true, _) if self.strict_mmio => Err(Failure::new(
                "--strict-mmio changes nothing at EL2: an access where no device is ends in an \
                 external abort there in any case",
            )),
            (_, _) => Ok(()),
        }
    }

    /// An image that is not usable has an exit code of its own.
    fn refuse(&self, error: &vambrace_kvm::machine::Error) -> Failure {
        match error {
            vambrace_kvm::machine::Error::Image(_) => {
                Failure::image(&self.image, error).with_image_code(UNUSABLE)
            }
            _ => Failure::new(error.to_string()),
        }
    }

    /// A newer PSCI than is usual here, if the header needs it and the command line names none.
    fn least_psci(&self, claim: Option<&Claim>, usual: PsciVersion) -> Option<PsciVersion> {
        let NeededPsci::AtLeast(least) = claim?.psci? else {
            return None;
        };
        match LeastPsci::of(least, usual, self.psci) {
            LeastPsci::Raised(version) => Some(version),
            LeastPsci::Met | LeastPsci::Unmet => None,
        }
    }

    fn run_here(
        &self,
        mut config: Config,
        claim: Option<&Claim>,
        image: &[u8],
    ) -> Result<u8, Failure> {
        self.host_cpus.keep()?;
        let host = sys::open()?;
        if config.contract.is_none() {
            let usual = Offer::of(&host)?.psci_version_of(&config)?;
            config.psci_version = self.least_psci(claim, usual).or(config.psci_version);
        }
        let unclaimed = if self.strict_mmio {
            Unclaimed::ExternalAbort
        } else {
            Unclaimed::ZeroAndIgnored
        };
        let output = LastLine::new(io::stdout());
        let last_line = output.line();
        let devices = Arc::new(Devices::new(Box::new(output), u64::MAX, unclaimed));
        let input = Arc::clone(&devices);
        thread::spawn(move || pass_input(&input));
        let mut machine = Machine::new(config.clone(), image)?;
        let mut ended = machine.run(&host, &devices);
        let contract = config.contract.as_ref();
        let changes = ended
            .as_ref()
            .err()
            .and_then(|error| under_contract::normalisations(error, contract, &host));
        if let Some(normalisations) = changes {
            config.normalisations = normalisations;
            machine = Machine::new(config, image)?;
            ended = machine.run(&host, &devices);
        }
        // RAM is kept however the guest ended, if it began: an error of the host may be what it
        // tells about.
        let unsaved = if machine.has_begun() {
            memory_files::write_all(&self.save, machine.memory())
        } else {
            Vec::new()
        };
        let saved = all_saved(unsaved);
        let mut report = ended?;
        if let (End::Off, Some(_), Some(code)) = (&report.end, claim, last_line.exit_code()) {
            report.end = End::Code(code);
        }
        if self.json {
            // Without a reader there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{}", json(&report));
        }
        let code = exit_code(&report);
        Ok(if saved { code } else { OWN_ERROR })
    }

    fn run_at_el2(
        &self,
        host: &El2Host,
        config: &Config,
        claim: Option<&Claim>,
        image: &[u8],
    ) -> Result<u8, Failure> {
        let interrupt = Interrupt::watch()?;
        let el2 = El2::prepare(host, &interrupt)?;
        if let Some(contract) = &config.contract {
            El2::check(contract, &el2.probe(&interrupt)?)?;
        }
        let promise = Promise {
            workarounds: Workarounds::NONE,
            words: claim.and_then(|claim| claim.el2.clone()),
        };
        let mut output = LastLine::new(io::stdout());
        let last_line = output.line();
        let streams = (Stdin::Inherit, &mut output as _);
        let mut report = el2.run(config, &promise, image, streams, &interrupt)?;
        if let (End::Off, Some(_), Some(code)) = (&report.end, claim, last_line.exit_code()) {
            report.end = End::Code(code);
        }
        if self.json {
            // Without a reader there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{}", json(&report));
        }
        Ok(exit_code(&report))
    }

    fn run_in_lab(&self, spec: HostSpec, image: Vec<u8>, config: &Config) -> Result<u8, Failure> {
        memory_files::check_sum(&self.save, spec.file_limit())?;
        let job = self.job(&spec, image, config);
        let streams = Streams {
            stdin: Stdin::Inherit,
            stdout: Box::new(io::stdout()),
            stderr: Box::new(io::stderr()),
        };
        Ok(self.code_of(&lab_host::run(spec, &job, streams)?))
    }

    /// The command inside and its files. With a time limit, the host has one that is as much longer
    /// as it takes to come up and to bring files back: a host that hangs keeps no limit by itself.
    fn job(&self, spec: &HostSpec, image: Vec<u8>, config: &Config) -> Job {
        let image = Input {
            source: Source::Bytes(image),
            destination: IMAGE_INSIDE.into(),
        };
        let loads = (0..).zip(&config.contents).map(|(number, contents)| Input {
            source: Source::Bytes(contents.bytes.to_vec()),
            destination: load_inside(number),
        });
        let outputs = (0..).zip(&self.save).map(|(number, save)| Output {
            inside: save_inside(number),
            outside: save.file.clone(),
        });
        let contract = self.under_contract.inside().map(|(input, _)| input);
        let limit = self.timeout.map(Duration::from_secs);
        Job {
            inputs: std::iter::once(image)
                .chain(loads)
                .chain(contract)
                .collect(),
            outputs: outputs.collect(),
            time_limit: limit.map(|limit| {
                limit
                    .saturating_add(spec.boot_limit)
                    .saturating_add(AROUND_THE_GUEST)
            }),
            ..Job::new(Executable::Vambrace, self.arguments_inside())
        }
    }

    /// The exit code of a run in a lab host, with a line for what should have come back and has not.
    fn code_of(&self, outcome: &Outcome) -> u8 {
        let code = match outcome.status {
            ExitStatus::Code(code) => code,
            ExitStatus::Signal(_) => OWN_ERROR,
        };
        // Inside, an error of ours has been told already.
        if outcome.missing.is_empty() || code == OWN_ERROR {
            return code;
        }
        for (number, save) in (0..).zip(&self.save) {
            let inside = save_inside(number);
            let missing = outcome.missing.iter().filter(|file| file.inside == inside);
            for file in missing {
                let (save, reason) = (save.file.display(), &file.reason);
                say(&format!("`{save}` could not be brought back: {reason}"));
            }
        }
        OWN_ERROR
    }

    fn arguments_inside(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["run".into(), "--host=local".into()];
        match self.under_contract.inside() {
            Some((_, option)) => arguments.push(option.into()),
            None => arguments.push(format!("--firmware={}", self.firmware().name()).into()),
        }
        arguments.extend(self.host_cpus.inside().map(OsString::from));
        let mut option = |name: &str, value: Option<String>| {
            arguments.extend(value.map(|value| OsString::from(format!("--{name}={value}"))));
        };
        option("dialect", self.dialect.map(|dialect| dialect.name().into()));
        option("psci", self.psci.map(|psci| psci.to_string()));
        let with = union(&self.with);
        option("with", (!with.is_empty()).then(|| with.to_string()));
        option("cpus", self.cpus.map(|cpus| cpus.to_string()));
        for (number, load) in (0..).zip(&self.load) {
            let file = load_inside(number);
            option("load", Some(format!("{}={file}", load.address)));
        }
        for (number, save) in (0..).zip(&self.save) {
            let (address, size) = (save.range.base(), save.range.size());
            let file = save_inside(number);
            option("save", Some(format!("{address},{size}={file}")));
        }
        arguments.push(format!("--memory={}", self.memory).into());
        arguments.push(format!("--max-resets={}", self.max_resets).into());
        arguments.extend(
            self.timeout
                .map(|seconds| format!("--timeout={seconds}").into()),
        );
        for (flag, set) in [
            ("--no-reboot", self.no_reboot),
            ("--strict-mmio", self.strict_mmio),
            ("--json", self.json),
        ] {
            arguments.extend(set.then(|| flag.into()));
        }
        arguments.push(IMAGE_INSIDE.into());
        arguments.push("--".into());
        arguments.extend(self.arguments.iter().map(Into::into));
        arguments
    }
}

/// Tells each range that could not be saved; whether there was none.
fn all_saved(unsaved: Vec<Failure>) -> bool {
    let saved = unsaved.is_empty();
    for failure in unsaved {
        failure.report();
    }
    saved
}

/// Passes standard input to the guest until it ends.
fn pass_input(devices: &Devices) {
    let mut bytes = [0; 256];
    loop {
        match io::stdin().lock().read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(count) => devices.input(&bytes[..count]),
        }
    }
}

/// Where a file to load lies inside.
fn load_inside(number: usize) -> String {
    format!("guest/load-{number}")
}

/// Where a saved range lies inside.
fn save_inside(number: usize) -> String {
    format!("guest/save-{number}")
}

/// For what a lab host does before and after its guest, once it is up.
const AROUND_THE_GUEST: Duration = Duration::from_secs(60);
const IMAGE_INSIDE: &str = "guest/image";
const UNUSABLE: u8 = 127;

const EXAMPLES: &str = "\
The guest sees QEMU's `virt` board: RAM from 0x4000_0000, a PL011 at 0x0900_0000, a GICv3, PSCI by
HVC, a device tree in x0. It ends the machine by PSCI SYSTEM_OFF, or by SYSTEM_RESET2 with type
0x8000_0000 | code.

Examples:
  vambrace run hello.elf                            on this machine's KVM, or on an emulated host
  vambrace run --cpus 4 --memory 1G Image -- quiet  four vCPUs; `quiet` becomes bootargs
  vambrace run --host lab:7.3:neoverse-n2 hello.elf
  vambrace run --firmware core hello.elf            Vambrace's own PSCI answers
  vambrace run --host el2 hello.elf                 the same with no operating system below
  vambrace run --psci 1.0 --with trng,pv-time hello.elf
  vambrace run --contract guest.toml hello.elf      what the guest sees is what it was promised
  vambrace run --load 0x44000000=in.bin --save 0x45000000,2M=out.bin hello.elf

Exit codes: 0–118 the guest's own, 119 a greater one, 124 time limit, 125 usage or an error of ours,
126 the guest crashed, 127 the image is not usable.";

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    /// `vambrace run` as clap sees it.
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn host_limit(words: &[&str]) -> Option<Duration> {
        let words = ["run", "image"].iter().chain(words);
        let arguments = Line::parse_from(words).arguments;
        let config = arguments.config(None);
        let job = arguments.job(&HostSpec::default(), Vec::new(), &config);
        job.time_limit
    }

    #[test]
    fn a_host_has_a_limit_of_its_own_where_its_guest_has_one() {
        assert_eq!(host_limit(&[]), None);
        // The guest's, 120 to come up, and 60 around the guest.
        assert_eq!(
            host_limit(&["--timeout=10"]),
            Some(Duration::from_secs(190))
        );
    }

    #[test]
    fn one_range_that_was_not_saved_is_enough() {
        assert!(all_saved(Vec::new()));
        assert!(!all_saved(vec![Failure::new("x"), Failure::new("y")]));
    }
}
