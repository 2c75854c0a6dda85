//! `vambrace test`: bare-metal guest tests, each in a fresh VM.

mod collect;
mod compare;
mod el2;
mod inside;
mod judge;
mod lab;
mod place;
mod record;
mod report;
#[cfg(test)]
pub(crate) mod samples;

use std::path::PathBuf;
use std::time::Duration;

use vambrace_core::psci::PsciVersion;
use vambrace_kvm::firmware::AnswerFlip;
use vambrace_kvm::machine::{Features, FirmwareKind};

use crate::failure::{Failure, OWN_ERROR};
use crate::host_choice::{Host, HostChoice};
use crate::machine_options::{Dialect, HostCpus, Size, parse_psci, parse_seconds, parse_vcpus};
use crate::under_contract;
pub(crate) use collect::{open as open_image, read as read_image};
pub(crate) use judge::exit_code;
pub(crate) use record::Firmware;
use record::Summary;
use report::Printer;

/// Run bare-metal guest tests, each in a fresh virtual machine
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Test programs (ELF, arm64 Image or flat binary), or directories of them
    #[arg(required = true, value_name = "IMAGE|DIR")]
    images: Vec<PathBuf>,

    /// Where to run: auto, local, `lab[:KERNEL[:CPU]]`, or `el2[:CPU]` with no kernel at all
    #[arg(long, default_value = "auto", value_name = "HOST")]
    host: HostChoice,

    /// Who answers firmware calls; several, to hold their transcripts against each other. `el2` beside
    /// `kernel` or `core` is core at EL2 on an emulated CPU of the same model, promised what the
    /// host's guests are [default: kernel; el2 with --host el2]
    #[arg(long, value_enum, value_delimiter = ',')]
    firmware: Vec<Firmware>,

    /// Whose answers core gives: those of the host's KVM, or the specification's (as far as KVM
    /// forwards the call); a test whose header names the specification's gets them in any case
    /// [default: kvm; spec with --host el2]
    #[arg(long, value_enum)]
    dialect: Option<Dialect>,

    /// PSCI version of every machine, 0.1 to 1.3, where a test's header does not name one
    #[arg(long, value_name = "VERSION", value_parser = parse_psci)]
    psci: Option<PsciVersion>,

    /// What every firmware has beyond the least, such as trng,pv-time, and beyond what headers name
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    with: Vec<Features>,

    #[command(flatten)]
    under_contract: under_contract::Options,

    #[command(flatten)]
    host_cpus: HostCpus,

    /// vCPUs of every machine, instead of the number in each test's header
    #[arg(long, value_name = "N", value_parser = parse_vcpus)]
    cpus: Option<u16>,

    /// RAM of every machine, at least; a test's header may ask for more
    #[arg(long, default_value = "128M", value_name = "SIZE")]
    memory: Size,

    /// How long one machine may take, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: u64,

    /// How much console output of one machine is kept; the rest is counted and dropped
    #[arg(long, default_value = "1M", value_name = "SIZE")]
    console_limit: Size,

    /// Print one JSON record a line instead of a table
    #[arg(long)]
    json: bool,

    /// Flip one bit of x0 in core's answers to FUNCTION, to see that the comparison notices
    #[arg(long, value_name = "FUNCTION:BIT", value_parser = parse_flip)]
    flip_answer: Option<AnswerFlip>,
}

/// Runs the tests; 0 if all passed, 1 if some failed, 125 if some could not be run.
pub(crate) fn run(args: &Arguments) -> Result<u8, Failure> {
    let args = &Arguments {
        under_contract: args.under_contract.read()?,
        ..args.clone()
    };
    args.check()?;
    let images = collect::collect(&args.images, args)?;
    let printer = Printer::new(args.json);
    let host = args.host.resolve()?;
    let beside = !args.host.is_el2() && args.firmware().any(|one| one == Firmware::El2);
    let on_kvm = if beside {
        printer.partial()
    } else {
        printer.clone()
    };
    let summary = match &host {
        Host::El2(host) => Some(el2::run(args, &images, host, &printer)?),
        Host::Local => Some(inside::run(args, &images, &mut |record| {
            on_kvm.print(&record);
        })?),
        Host::Lab(spec) => lab::run(args, &images, spec.clone(), on_kvm.clone())?,
    };
    let Some(summary) = summary else {
        return Ok(OWN_ERROR);
    };
    let summary = if beside {
        el2::run_beside(args, &images, &host, (&on_kvm, &printer))?
    } else {
        summary
    };
    printer.finish(&summary)?;
    Ok(code(&summary))
}

/// An error of one test lets the others run, and is in the code all the same.
fn code(summary: &Summary) -> u8 {
    match (summary.errors, summary.is_success()) {
        (0, true) => 0,
        (0, false) => SOME_FAILED,
        _ => OWN_ERROR,
    }
}

impl Arguments {
    /// Each firmware asked for, once: KVM's own first, and what needs no KVM last.
    fn firmware(&self) -> impl Iterator<Item = Firmware> {
        let contract = self.under_contract.contract().map(FirmwareKind::under);
        let all = [Firmware::Kernel, Firmware::Core, Firmware::El2].into_iter();
        all.filter(move |firmware| match (self.host.is_el2(), contract) {
            (true, _) => *firmware == Firmware::El2,
            (false, Some(one)) => {
                *firmware != Firmware::El2 && FirmwareKind::from(*firmware) == one
            }
            (false, None) if self.firmware.is_empty() => *firmware == Firmware::Kernel,
            (false, None) => self.firmware.contains(firmware),
        })
    }

    /// Those of them that KVM takes part in.
    fn firmware_on_kvm(&self) -> impl Iterator<Item = Firmware> {
        self.firmware().filter(|one| *one != Firmware::El2)
    }

    /// Refuses options that would change nothing, or cannot be.
    fn check(&self) -> Result<(), Failure> {
        if self.host.is_el2() {
            self.check_for_el2()?;
        }
        let core = self.firmware().any(|firmware| firmware == Firmware::Core);
        if self.flip_answer.is_some() && !core {
            return Err(Failure::new(
                "--flip-answer changes core's answers on KVM, and core does not answer there",
            )
            .with_hint("add --firmware kernel,core"));
        }
        let answers = self.firmware().any(|firmware| firmware != Firmware::Kernel);
        self.dialect
            .map_or(Ok(()), |dialect| dialect.check(answers))
    }

    /// Refuses what no test at EL2 can have.
    fn check_for_el2(&self) -> Result<(), Failure> {
        if self.firmware.contains(&Firmware::Kernel) {
            return Err(crate::el2::no_kernel());
        }
        if self.host_cpus.inside().is_some() {
            return Err(crate::el2::no_host_cpus());
        }
        crate::el2::check(self.under_contract.contract(), self.cpus)
    }

    fn time_limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// `0x84000000:0`
fn parse_flip(text: &str) -> Result<AnswerFlip, String> {
    let parse = || {
        let (function, bit) = text.split_once(':')?;
        let function = u32::from_str_radix(function.strip_prefix("0x")?, 16).ok()?;
        let bit = bit.parse().ok().filter(|bit| *bit < 64)?;
        Some(AnswerFlip { function, bit })
    };
    parse().ok_or_else(|| "write a function id and a bit of x0, such as 0x84000000:0".into())
}

const EXAMPLES: &str = "\
Each test runs in a virtual machine of its own, on real arm64 KVM: this machine's, or that of an
emulated host that starts in seconds. Its console output is its transcript; it passes by ending
with exit code 0 (PSCI SYSTEM_RESET2 with type 0x8000_0000 | code).

Examples:
  vambrace test build/tests/                        every test in a directory
  vambrace test --host lab:6.1 boot.elf             on Linux 6.1, emulated
  vambrace test --firmware kernel,core tests/       KVM's firmware and ours must say the same
  vambrace test --host el2 tests/                   with no operating system below: core at EL2
  vambrace test --json tests/ | jq .verdict         for programs

Exit codes: 0 all passed, 1 some failed, 125 usage or an error of ours, be it of one test alone.";

const SOME_FAILED: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_a_failure_from_an_error() {
        let passed = Summary {
            passed: 1,
            ..Summary::default()
        };
        let failed = Summary {
            failed: 1,
            ..passed
        };
        let error = Summary {
            errors: 1,
            ..failed
        };
        assert_eq!([passed, failed, error].map(|it| code(&it)), [0, 1, 125]);
    }

    /// `vambrace test` as clap sees it.
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn arguments(words: &[&str]) -> Arguments {
        let words = ["test", "image"].iter().chain(words);
        <Line as clap::Parser>::parse_from(words).arguments
    }

    #[test]
    fn what_no_test_at_el2_can_have_is_refused() {
        let refused = arguments(&["--host=el2", "--firmware=kernel"]).check();
        assert!(refused.unwrap_err().message().contains("no kernel at EL2"));
        let refused = arguments(&["--host=el2", "--cpus=9"]).check().unwrap_err();
        assert!(refused.message().contains("8 at most"));
        let refused = arguments(&["--host=el2", "--host-cpus=0"]).check();
        assert!(refused.unwrap_err().message().contains("--host-cpus"));
        for allowed in [
            "--cpus=8",
            "--firmware=core",
            "--firmware=el2",
            "--dialect=spec",
        ] {
            assert!(arguments(&["--host=el2", allowed]).check().is_ok());
        }
    }

    #[test]
    fn each_firmware_is_asked_once_and_what_needs_no_kvm_is_last() {
        let firmware = |words: &[&str]| arguments(words).firmware().collect::<Vec<_>>();
        let (kernel, core, el2) = (Firmware::Kernel, Firmware::Core, Firmware::El2);
        assert_eq!(firmware(&[]), [kernel]);
        assert_eq!(firmware(&["--host=el2"]), [el2]);
        let all = arguments(&["--firmware=el2,core,kernel,core"]);
        assert_eq!(all.firmware().collect::<Vec<_>>(), [kernel, core, el2]);
        assert_eq!(all.firmware_on_kvm().collect::<Vec<_>>(), [kernel, core]);
    }

    #[test]
    fn a_flip_names_a_function_and_a_bit() {
        let flip = AnswerFlip {
            function: 0x8400_0000,
            bit: 3,
        };
        assert_eq!(parse_flip("0x84000000:3"), Ok(flip));
        for wrong in [
            "",
            "0x84000000",
            "0x84000000:64",
            "84000000:0",
            "0x1ffffffff:0",
        ] {
            assert!(parse_flip(wrong).is_err(), "{wrong}");
        }
    }
}
