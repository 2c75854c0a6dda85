//! `vambrace run`: one guest, its console on the terminal.

use std::ffi::OsString;
use std::io::{self, Read, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use vambrace_kvm::devices::Unclaimed;
use vambrace_kvm::image::Claim;
use vambrace_kvm::machine::{Config, Devices, End, Machine, Offer, OnReset, Report};
use vambrace_kvm::sys;
use vambrace_lab::{Executable, ExitStatus, HostSpec, Input, Job, Source, Stdin, Streams};

use crate::failure::{Failure, OWN_ERROR};
use crate::host::{Host, HostChoice, kernel_release};
use crate::lab_host;
use crate::last_line::LastLine;
use crate::machine_options::{DEFAULT_RESETS, Dialect, Size, config, parse_seconds, parse_vcpus};
use crate::progress::say;
use crate::test::{Firmware, read_image};

/// Run one bare-metal guest, its console on the terminal
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The guest: ELF, arm64 Image or flat binary
    image: PathBuf,

    /// Where to run: auto, local, or `lab[:KERNEL[:CPU]]`
    #[arg(long, default_value = "auto", value_name = "HOST")]
    host: HostChoice,

    /// Who answers firmware calls
    #[arg(long, value_enum, default_value = "kernel")]
    firmware: Firmware,

    /// Whose answers core gives: those of the host's KVM, or the specification's (as far as KVM
    /// forwards the call)
    #[arg(long, value_enum, default_value = "kvm")]
    dialect: Dialect,

    /// How many vCPUs [default: what the image's header asks for, else 1]
    #[arg(long, value_name = "N", value_parser = parse_vcpus)]
    cpus: Option<u16>,

    /// How much RAM
    #[arg(long, default_value = "128M", value_name = "SIZE")]
    memory: Size,

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
    args.dialect.check(args.firmware == Firmware::Core)?;
    let image = read_image(&args.image).map_err(|failure| failure.with_image_code(UNUSABLE))?;
    let claim = Claim::parse(&image)
        .map_err(|error| Failure::image(&args.image, &error).with_image_code(UNUSABLE))?;
    let config = args.config(claim.as_ref());
    if let Err(error) = Machine::new(config.clone(), &image) {
        return Err(args.refuse(&error));
    }
    match args.host.resolve()? {
        Host::Local => args.run_here(config, claim.as_ref(), &image),
        Host::Lab(spec) => args.run_in_lab(spec, image),
    }
}

impl Arguments {
    /// The machine; what the command line leaves open is the header's.
    fn config(&self, claim: Option<&Claim>) -> Config {
        let vcpus = self.cpus.or(claim.map(|claim| claim.vcpus)).unwrap_or(1);
        let needed = claim.and_then(|claim| claim.memory).unwrap_or(0);
        Config {
            boot_arguments: (!self.arguments.is_empty()).then(|| self.arguments.join(" ")),
            firmware: self.firmware.into(),
            dialect: self.dialect.of(&kernel_release()),
            reset: if self.no_reboot {
                OnReset::End
            } else {
                OnReset::Reboot {
                    most: self.max_resets,
                }
            },
            time_limit: self.timeout.map(Duration::from_secs),
            ..config(vcpus, self.memory.bytes().max(needed))
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

    fn run_here(&self, config: Config, claim: Option<&Claim>, image: &[u8]) -> Result<u8, Failure> {
        let host = sys::open()?;
        Offer::of(&host)?.check(self.firmware.into())?;
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
        let mut report = Machine::new(config, image)?.run(&host, &devices)?;
        if let (End::Off, Some(_), Some(code)) = (&report.end, claim, last_line.exit_code()) {
            report.end = End::Code(code);
        }
        if self.json {
            // Without a reader there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{}", json(&report));
        }
        Ok(exit_code(&report))
    }

    fn run_in_lab(&self, spec: HostSpec, image: Vec<u8>) -> Result<u8, Failure> {
        let job = Job {
            inputs: vec![Input {
                source: Source::Bytes(image),
                destination: IMAGE_INSIDE.into(),
            }],
            ..Job::new(Executable::Vambrace, self.arguments_inside())
        };
        let streams = Streams {
            stdin: Stdin::Inherit,
            stdout: Box::new(io::stdout()),
            stderr: Box::new(io::stderr()),
        };
        Ok(match lab_host::run(spec, &job, streams)? {
            ExitStatus::Code(code) => code,
            ExitStatus::Signal(_) => OWN_ERROR,
        })
    }

    fn arguments_inside(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["run".into(), "--host=local".into()];
        arguments.push(format!("--firmware={}", self.firmware.name()).into());
        arguments.push(format!("--dialect={}", self.dialect.name()).into());
        arguments.extend(self.cpus.map(|cpus| format!("--cpus={cpus}").into()));
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

/// The exit code of a run, with a line on standard error where it says less than the whole.
fn exit_code(report: &Report) -> u8 {
    match &report.end {
        End::Off => 0,
        End::Code(CRASH_CODE) => {
            say("the guest reports that it crashed");
            CRASHED
        }
        End::Code(code) => u8::try_from(*code)
            .ok()
            .filter(|code| *code < GREATEST)
            .unwrap_or_else(|| {
                if *code != u32::from(GREATEST) {
                    say(&format!("the guest's exit code is {code}"));
                }
                GREATEST
            }),
        End::Reset => {
            say(&reset_line(report.resets));
            CRASHED
        }
        End::Crashed(crash) => {
            say(&format!("the guest crashed: {crash}"));
            CRASHED
        }
        End::TimeLimit => {
            say("the time limit passed");
            TIME_LIMIT
        }
    }
}

/// A reset that was one too many.
fn reset_line(reboots: u32) -> String {
    match reboots {
        0 => "the guest reset the machine".into(),
        1 => "the guest reset the machine again after a reboot".into(),
        _ => format!("the guest reset the machine again after {reboots} reboots (--max-resets)"),
    }
}

/// How a run ended, for programs.
fn json(report: &Report) -> serde_json::Value {
    let (end, code, detail) = match &report.end {
        End::Off => ("off", None, None),
        End::Code(code) => ("code", Some(*code), None),
        End::Reset => ("reset", None, None),
        End::Crashed(crash) => ("crashed", None, Some(crash.to_string())),
        End::TimeLimit => ("time_limit", None, None),
    };
    serde_json::json!({
        "end": end,
        "code": code,
        "detail": detail,
        "resets": report.resets,
        "forwarded_calls": report.forwarded_calls,
        "seconds": report.duration.as_secs_f64(),
    })
}

const IMAGE_INSIDE: &str = "guest/image";
/// The greatest exit code that is a guest's own.
const GREATEST: u8 = 119;
const TIME_LIMIT: u8 = 124;
const CRASHED: u8 = 126;
const UNUSABLE: u8 = 127;
/// The code by which a guest's own exception handler says that it crashed.
const CRASH_CODE: u32 = 126;

const EXAMPLES: &str = "\
The guest sees QEMU's `virt` board: RAM from 0x4000_0000, a PL011 at 0x0900_0000, a GICv3, PSCI by
HVC, a device tree in x0. It ends the machine by PSCI SYSTEM_OFF, or by SYSTEM_RESET2 with type
0x8000_0000 | code.

Examples:
  vambrace run hello.elf                            on this machine's KVM, or on an emulated host
  vambrace run --cpus 4 --memory 1G Image -- quiet  four vCPUs; `quiet` becomes bootargs
  vambrace run --host lab:7.3:neoverse-n2 hello.elf
  vambrace run --firmware core hello.elf            Vambrace's own PSCI answers

Exit codes: 0–118 the guest's own, 119 a greater one, 124 time limit, 125 usage or an error of ours,
126 the guest crashed, 127 the image is not usable.";
