//! `vambrace run`: one guest, its console on the terminal.

mod el2;
mod lab;
mod local;

use std::path::PathBuf;
use std::time::Duration;

use vambrace_core::psci::PsciVersion;
use vambrace_kvm::image::{Claim, NeededDialect, NeededPsci, Needs};
use vambrace_kvm::machine::{Config, End, Features, Machine, OnReset, Report};

use crate::device_options::DeviceOptions;
use crate::ending::{exit_code, tell};
use crate::failure::Failure;
use crate::gic_options::GicOptions;
use crate::host_choice::{Host, HostChoice, kernel_release};
use crate::last_line::Line;
use crate::machine_options::{
    DEFAULT_RESETS, Dialect, HostCpus, Size, config, parse_psci, parse_seconds, parse_vcpus, union,
};
use crate::memory_files::{self, Load, Save};
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

    #[command(flatten)]
    gic: GicOptions,

    #[command(flatten)]
    devices: DeviceOptions,

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
    args.gic.check(args.under_contract.contract())?;
    let mut config = args.config(claim.as_ref());
    if args.host.is_el2() {
        crate::el2::check(config.contract.as_ref(), Some(config.vcpus))?;
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
        let needs = claim.map_or(Needs::empty(), |claim| claim.needs);
        let config = self
            .gic
            .of(needs, config(vcpus, self.memory.bytes().max(needed)));
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
            ..config
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

    /// The exit code of a run. A test that PSCI does not end says its own in its last line.
    fn code(&self, mut report: Report, claim: Option<&Claim>, last_line: &Line) -> u8 {
        if let (End::Off, Some(_), Some(code)) = (&report.end, claim, last_line.exit_code()) {
            report.end = End::Code(code);
        }
        if self.json {
            tell(&report);
        }
        exit_code(&report)
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
            (true, Some(Firmware::Kernel)) => Err(crate::el2::no_kernel()),
            (false, Some(Firmware::El2)) => Err(Failure::new(
                "--firmware el2 needs no KVM, and this host is one with it",
            )
            .with_hint("write --host el2 instead")),
            (true, _) if !self.load.is_empty() || !self.save.is_empty() => {
                Err(crate::el2::no_memory_files())
            }
            (true, _) if self.host_cpus.inside().is_some() => Err(crate::el2::no_host_cpus()),
            (true, _) if !self.devices.is_empty() => Err(crate::el2::no_devices()),
            (true, _) if !self.gic.is_empty() => Err(crate::el2::own_gic()),
            (true, _) if self.strict_mmio => Err(crate::el2::strict_in_any_case()),
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
}

const UNUSABLE: u8 = 127;

const EXAMPLES: &str = "\
The guest sees QEMU's `virt` board: RAM from 0x4000_0000, a PL011 at 0x0900_0000, a GICv3
with an ITS (or a GICv2), PSCI by HVC, a device tree in x0. It ends the machine by PSCI SYSTEM_OFF, or by SYSTEM_RESET2 with type
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
