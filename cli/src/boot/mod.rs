//! `vambrace boot`: a machine that starts an operating system, its console on the terminal.

mod config_file;
mod console;
mod escape;
mod lab;
mod local;
mod sandbox;

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use vambrace_core::psci::PsciVersion;
use vambrace_kvm::image::{Bytes, Needs, Source, unpacked};
use vambrace_kvm::machine::{Config, Features, Machine, OnReset, Payload, SeedChoice};

use crate::device_options::DeviceOptions;
use crate::failure::Failure;
use crate::gic_options::GicOptions;
use crate::host_choice::{Host, HostChoice, kernel_release};
use crate::machine_options::{
    Dialect, HostCpus, Size, config, parse_psci, parse_seconds, parse_vcpus, union,
};
use crate::test::{Firmware, open_image, read_image};
use crate::under_contract;

/// Boot an operating system, its console on the terminal
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Arguments {
    /// The kernel: arm64 Image, plain, by gzip or EFI zboot; ELF; or flat binary
    #[arg(long, value_name = "FILE", required_unless_present_any = ["bios", "config"])]
    kernel: Option<PathBuf>,

    /// Its initramfs
    #[arg(long, value_name = "FILE")]
    initrd: Option<PathBuf>,

    /// Its command line
    #[arg(long, allow_hyphen_values = true, value_name = "TEXT")]
    append: Option<String>,

    /// Flat firmware at address 0, instead of a kernel
    #[arg(long, value_name = "FILE", conflicts_with = "kernel")]
    bios: Option<PathBuf>,

    /// How many vCPUs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_vcpus)]
    cpus: u16,

    /// How much RAM
    #[arg(long, default_value = "512M", value_name = "SIZE")]
    memory: Size,

    /// Where to run: auto, local, or `lab[:KERNEL[:CPU]]`
    #[arg(long, default_value = "auto", value_name = "HOST")]
    host: HostChoice,

    /// Who answers firmware calls: KVM's own code, or Vambrace's [default: kernel]
    #[arg(long, value_enum)]
    firmware: Option<Firmware>,

    /// Whose answers core gives: those of the host's KVM, or the specification's (as far as KVM
    /// forwards the call) [default: kvm]
    #[arg(long, value_enum)]
    dialect: Option<Dialect>,

    /// The PSCI version that the guest is told, 0.1 to 1.3 [default: the newest]
    #[arg(long, value_name = "VERSION", value_parser = parse_psci)]
    psci: Option<PsciVersion>,

    /// What the firmware has beyond the least, such as trng,pv-time
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    with: Vec<Features>,

    /// What the guest is promised; it says who answers firmware calls, with which PSCI and services
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["firmware", "dialect", "psci", "with"]
    )]
    contract: Option<PathBuf>,

    #[command(flatten)]
    host_cpus: HostCpus,

    #[command(flatten)]
    gic: GicOptions,

    #[command(flatten)]
    devices: DeviceOptions,

    /// Where the guest's console leads: stdio, file=PATH, pty or none
    #[arg(long, default_value = "stdio", value_name = "CONSOLE")]
    console: console::Choice,

    /// End at the first reset instead of rebooting
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false",
        default_missing_value = "true", value_name = "true|false", hide_possible_values = true)]
    no_reboot: bool,

    /// Answer an access where no device is with an external abort, not with zeroes
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false",
        default_missing_value = "true", value_name = "true|false", hide_possible_values = true)]
    strict_mmio: bool,

    /// Let no thread make system calls that machines do not make, nor open files, once a guest runs
    #[arg(
        long,
        value_enum,
        default_value = "on",
        value_name = "on|off",
        hide_possible_values = true
    )]
    sandbox: sandbox::Sandbox,

    /// End the machine after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<u64>,

    /// Take options from a TOML file, whose keys are their names; what is given here is not taken
    /// from it, nor what cannot stand beside that
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print the options in effect as such a file, and do nothing else
    #[arg(long)]
    dump_config: bool,

    /// Write the guest's device tree, without its random seeds, and do nothing else
    #[arg(long, value_name = "FILE")]
    dump_dtb: Option<PathBuf>,

    /// Print how the machine ended as one JSON object on standard error
    #[arg(long)]
    json: bool,

    /// The host's name outside, where this is its inside
    #[arg(long, hide = true, value_name = "HOST")]
    called: Option<String>,

    /// Somebody sits at a terminal outside
    #[arg(long, hide = true)]
    interactive: bool,
}

/// The arguments as a command line of their own, as a configuration file makes one.
#[derive(Debug, clap::Parser)]
#[command(name = "vambrace boot")]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

/// The files that the machine boots, as they are.
#[derive(Debug)]
struct Files {
    /// The kernel, or the firmware.
    image: Source,
    initramfs: Option<Source>,
}

/// Runs the machine; gives its exit code.
pub(crate) fn run(arguments: Arguments, line: &ArgMatches) -> Result<u8, Failure> {
    let arguments = match arguments.config.is_some() || arguments.dump_config {
        true => {
            let (arguments, dump) = with_file(&arguments, line)?;
            if arguments.dump_config {
                std::io::stdout().lock().write_all(dump.as_bytes())?;
                return Ok(0);
            }
            arguments
        }
        false => arguments,
    };
    arguments.check()?;
    let contract = under_contract::Options::of_file(arguments.contract.clone()).read()?;
    arguments.gic.check(contract.contract())?;
    let boot = Boot {
        files: arguments.read_files()?,
        contract,
        arguments,
    };
    let image = boot.unpacked()?;
    let machine = Machine::booting(boot.config(), boot.payload(image.as_deref()))
        .map_err(|error| boot.arguments.refuse(&error))?;
    match boot.arguments.host.resolve()? {
        Host::Local => boot.run_here(machine),
        Host::Lab(spec) => {
            drop(machine);
            boot.run_in_lab(spec)
        }
        Host::El2(_) => unreachable!("it was refused"),
    }
}

/// The same with what the configuration file says, and all of it as such a file.
fn with_file(arguments: &Arguments, line: &ArgMatches) -> Result<(Arguments, String), Failure> {
    let command = Line::command().args_override_self(true);
    let from_file = match &arguments.config {
        Some(path) => config_file::read(path, &command, line)?,
        None => Vec::new(),
    };
    let own = config_file::words_of(line, &command);
    let words = std::iter::once(OsString::from("boot"))
        .chain(from_file)
        .chain(own);
    let matches = command
        .clone()
        .try_get_matches_from(words)
        .map_err(Failure::Usage)?;
    let merged = Arguments::from_arg_matches(&matches).map_err(Failure::Usage)?;
    Ok((merged, config_file::write(&matches, &command)?))
}

/// A machine to be booted, its files read.
#[derive(Debug)]
struct Boot {
    arguments: Arguments,
    contract: under_contract::Options,
    files: Files,
}

impl Boot {
    /// The machine as far as it does not depend on the host.
    fn config(&self) -> Config {
        let arguments = &self.arguments;
        let dialect = arguments.dialect.unwrap_or(Dialect::Kvm);
        let config = config(arguments.cpus, arguments.memory.bytes());
        let config = arguments.gic.of(Needs::empty(), config);
        Config {
            boot_arguments: arguments.append.clone(),
            firmware: arguments.firmware().into(),
            dialect: dialect.of(&kernel_release()),
            psci_version: arguments.psci,
            features: union(&arguments.with),
            seeds: SeedChoice::Fresh,
            reset: match arguments.no_reboot {
                true => OnReset::End,
                false => OnReset::Always,
            },
            time_limit: arguments.timeout.map(Duration::from_secs),
            contract: self.contract.contract().cloned(),
            ..config
        }
    }

    /// The kernel as it goes into RAM, where the file has it in another form.
    fn unpacked(&self) -> Result<Option<Vec<u8>>, Failure> {
        let arguments = &self.arguments;
        match self.files.image.bytes() {
            Bytes::Held(file) if arguments.bios.is_none() => {
                let unpacked = unpacked(file, arguments.memory.bytes());
                match unpacked.map_err(|error| arguments.unusable(&error))? {
                    Cow::Owned(kernel) => Ok(Some(kernel)),
                    Cow::Borrowed(_) => Ok(None),
                }
            }
            Bytes::Held(_) | Bytes::Stored(_) => Ok(None),
        }
    }

    fn payload<'a>(&'a self, unpacked: Option<&'a [u8]>) -> Payload<'a> {
        let image = unpacked.map_or(self.files.image.bytes(), Bytes::Held);
        match (image, &self.arguments.bios) {
            (Bytes::Held(firmware), Some(_)) => Payload::Firmware(firmware),
            (Bytes::Stored(_), Some(_)) => unreachable!("firmware is read whole"),
            (image, None) => Payload::Kernel {
                image,
                initramfs: self.files.initramfs.as_ref().map(Source::bytes),
            },
        }
    }

    /// Does a person sit at the console, here or outside?
    fn is_interactive(&self) -> bool {
        self.arguments.interactive || self.arguments.console.is_terminal()
    }
}

impl Arguments {
    fn check(&self) -> Result<(), Failure> {
        if self.kernel.is_none() && self.bios.is_none() {
            return Err(Failure::new("there is nothing to boot")
                .with_hint("name a kernel (--kernel) or firmware (--bios)"));
        }
        let for_kernels = [
            ("--initrd", self.initrd.is_some()),
            ("--append", self.append.is_some()),
        ];
        for (option, given) in for_kernels {
            if given && self.bios.is_some() {
                return Err(Failure::new(format!("firmware takes no {option}"))
                    .with_hint("leave it out, or boot the kernel itself (--kernel)"));
            }
        }
        if self.host.is_el2() || self.firmware == Some(Firmware::El2) {
            return Err(Failure::new(
                "the program at EL2 boots no operating systems: it has no devices for them",
            )
            .with_hint("leave out --host el2 and --firmware el2, or use vambrace run"));
        }
        match self.dialect {
            Some(dialect) => dialect.check(self.firmware() == Firmware::Core),
            None => Ok(()),
        }
    }

    fn firmware(&self) -> Firmware {
        self.firmware.unwrap_or(Firmware::Kernel)
    }

    fn read_files(&self) -> Result<Files, Failure> {
        let unusable = |failure: Failure| failure.with_image_code(UNUSABLE);
        let image = match (&self.kernel, &self.bios) {
            (Some(kernel), _) => open_image(kernel, Source::kernel).map_err(unusable)?,
            (None, Some(firmware)) => Source::Held(read_image(firmware).map_err(unusable)?),
            (None, None) => unreachable!("it was refused"),
        };
        let initramfs = self.initrd.as_ref();
        let initramfs = initramfs.map(|path| open_image(path, Source::whole).map_err(unusable));
        Ok(Files {
            image,
            initramfs: initramfs.transpose()?,
        })
    }

    /// An image that is not usable has an exit code of its own.
    fn refuse(&self, error: &vambrace_kvm::machine::Error) -> Failure {
        match error {
            vambrace_kvm::machine::Error::Image(error) => self.unusable(error),
            _ => Failure::new(error.to_string()),
        }
    }

    fn unusable(&self, error: &vambrace_kvm::image::ImageError) -> Failure {
        let files = [&self.kernel, &self.bios, &self.initrd];
        let of_initramfs = usize::from(error.is_about_the_initramfs()) * 2;
        let file = files[of_initramfs..].iter().find_map(|file| file.as_ref());
        let file = file.map_or(std::path::Path::new("?"), PathBuf::as_path);
        Failure::image(file, error).with_image_code(UNUSABLE)
    }
}

const UNUSABLE: u8 = 127;

const EXAMPLES: &str = "\
The machine is QEMU's `virt` board, described by its device tree: RAM from 0x4000_0000, a GICv3
with an ITS, or a GICv2 (--gic 2), a PL011 at 0x0900_0000 as console, a PL031 clock, virtio-mmio for disks, network and entropy, PSCI by
HVC; and on a terminal a power button at a PL061. There every key is the guest's, but for
  Ctrl-a x       end the machine, as if its power were cut; a second time: without waiting for it
  Ctrl-a p       press its power button, which asks the guest to shut down
  Ctrl-a h       what keys there are
  Ctrl-a Ctrl-a  Ctrl-a itself

Examples:
  vambrace boot --kernel vmlinuz --initrd initrd.img
  vambrace boot --kernel vmlinuz --initrd initrd.img --cpus 4 --memory 2G --append 'quiet panic=-1'
  vambrace boot --firmware core --kernel vmlinuz     Vambrace's own PSCI answers
  vambrace boot --host lab:7.3:neoverse-n2 --kernel vmlinuz
  vambrace boot --contract guest.toml --kernel vmlinuz
  vambrace boot --bios u-boot.bin
  vambrace boot --kernel vmlinuz --append root=/dev/vda --disk root.img --net tap0 --rng
  vambrace boot --kernel vmlinuz --balloon=256M --vsock 3=guest.vsock
  vambrace boot --config machine.toml --cpus 8       the file's options, but eight vCPUs

Exit codes: 0 the guest powered the machine off, or Ctrl-a x, or with --no-reboot any reset; 124 time
limit, 125 usage, a disk or interface that cannot be had, an error of ours, or a machine that was not
waited for; 126 the guest crashed, 127 the kernel, initramfs or firmware is not usable. After a
signal, the signal's.";

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, String> {
        let words = ["boot"].iter().chain(words);
        Line::try_parse_from(words)
            .map(|line| line.arguments)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_kernel_or_firmware_is_needed_and_not_both() {
        assert!(parse(&["--kernel=k", "--initrd=i", "--append=quiet"]).is_ok());
        assert!(parse(&["--kernel=k", "--append", "-- single"]).is_ok());
        assert!(parse(&["--bios=b"]).is_ok());
        for wrong in [&[][..], &["--initrd=i"], &["--bios=b", "--kernel=k"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn firmware_takes_nothing_that_is_a_kernels() {
        for option in ["--initrd=i", "--append=quiet"] {
            let failure = parse(&["--bios=b", option]).unwrap().check().unwrap_err();
            assert!(
                failure.message().starts_with("firmware takes no"),
                "{failure:?}"
            );
        }
    }

    #[test]
    fn a_contract_has_the_say_of_what_options_would_choose() {
        for option in [
            "--firmware=core",
            "--dialect=spec",
            "--psci=1.0",
            "--with=trng",
        ] {
            let error = parse(&["--kernel=k", "--contract=c", option]).unwrap_err();
            assert!(error.contains("cannot be used with"), "{error}");
        }
    }

    #[test]
    fn what_is_said_later_wins() {
        let arguments = parse(&["--kernel=a", "--cpus=2", "--kernel=b", "--cpus=4"]).unwrap();
        assert_eq!((arguments.kernel, arguments.cpus), (Some("b".into()), 4));
    }

    #[test]
    fn there_is_no_operating_system_at_el2() {
        for option in ["--host=el2", "--firmware=el2"] {
            let failure = parse(&["--kernel=k", option]).unwrap().check().unwrap_err();
            assert!(failure.message().contains("EL2"), "{failure:?}");
        }
    }
}
