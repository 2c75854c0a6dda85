//! Runs tests on a lab host: the same command inside, its records read here.

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

use vambrace_lab::{Error, Executable, ExitStatus, HostSpec, Input, Job, Source, Stdin, Streams};

use super::Arguments;
use super::collect::TestImage;
use super::record::{Firmware, Record, Summary};
use super::report::Printer;
use crate::failure::{Failure, OWN_ERROR};
use crate::lab_host;
use crate::machine_options::union;

/// Runs every test in one host. No summary comes if the program inside could not run them, which it
/// has told in words of its own then.
pub(super) fn run(
    args: &Arguments,
    images: &[TestImage],
    spec: HostSpec,
    printer: Printer,
) -> Result<Option<Summary>, Failure> {
    let job = job(args, images);
    let records = Records {
        printer: printer.clone(),
        host: spec.to_string(),
        line: Vec::new(),
    };
    let streams = Streams {
        stdin: Stdin::Empty,
        stdout: Box::new(records),
        stderr: Box::new(io::stderr()),
    };
    let status = lab_host::run(spec, &job, streams)
        .map_err(|failure| after(failure, printer.latest().as_deref()))?
        .status;
    match (printer.summary(), status) {
        (None, ExitStatus::Code(OWN_ERROR)) => Ok(None),
        (None, status) => Err(Failure::new(format!(
            "the tests did not come to their end inside ({status})"
        ))),
        (summary, _) => Ok(summary),
    }
}

/// Of a host that went quiet, where that was: `latest` is the last test of which it told.
fn after(failure: Failure, latest: Option<&str>) -> Failure {
    let Failure::Lab(error @ Error::HostQuiet { .. }) = failure else {
        return failure;
    };
    let place = match latest {
        Some(test) => format!("after {test}"),
        None => "before the first test's end".into(),
    };
    let hint = error.hint().unwrap_or_default();
    Failure::new(format!("{place}, {error}")).with_hint(hint)
}

/// How long the host may say nothing: it does after each image, which has every firmware's limit
/// twice, as the machines of one image may run one after the other and need their time to start
/// and to end.
fn quiet_limit(args: &Arguments) -> Duration {
    let firmware = u64::try_from(args.firmware_on_kvm().count()).unwrap_or(u64::MAX);
    let tests = args.timeout.saturating_mul(firmware).saturating_mul(2);
    Duration::from_secs(tests).saturating_add(BETWEEN)
}

/// The command inside. Each image lies in a directory of its own, as names may be equal.
fn job(args: &Arguments, images: &[TestImage]) -> Job {
    let mut arguments: Vec<OsString> = ["test", "--host", "local", "--json"].map(Into::into).into();
    let firmware: Vec<&str> = args.firmware_on_kvm().map(Firmware::name).collect();
    let mut option = |name: &str, value: String| {
        arguments.push(format!("--{name}={value}").into());
    };
    let contract = args.under_contract.inside();
    if contract.is_none() {
        option("firmware", firmware.join(","));
        if let Some(dialect) = args.dialect {
            option("dialect", dialect.name().into());
        }
    }
    if let Some(psci) = args.psci {
        option("psci", psci.to_string());
    }
    let with = union(&args.with);
    if !with.is_empty() {
        option("with", with.to_string());
    }
    option("memory", args.memory.to_string());
    option("timeout", args.timeout.to_string());
    option("console-limit", args.console_limit.to_string());
    if let Some(cpus) = args.cpus {
        option("cpus", cpus.to_string());
    }
    if let Some(flip) = args.flip_answer {
        option("flip-answer", format!("{:#x}:{}", flip.function, flip.bit));
    }
    let mut inputs: Vec<Input> = (0..)
        .zip(images)
        .map(|(number, image): (usize, _)| Input {
            source: Source::Bytes(image.bytes.clone()),
            destination: format!("tests/{number}/{}", image.name),
        })
        .collect();
    arguments.extend(inputs.iter().map(|input| input.destination.clone().into()));
    arguments.extend(args.host_cpus.inside().map(OsString::from));
    if let Some((input, option)) = contract {
        inputs.push(input);
        arguments.push(option.into());
    }
    let runs = u64::try_from(images.len() * firmware.len()).unwrap_or(u64::MAX);
    Job {
        inputs,
        time_limit: Some(
            HOST_LIMIT.saturating_add(Duration::from_secs(args.timeout.saturating_mul(runs))),
        ),
        quiet_limit: Some(quiet_limit(args)),
        ..Job::new(Executable::Vambrace, arguments)
    }
}

/// Reads the records from the command's output as it comes.
struct Records {
    printer: Printer,
    host: String,
    line: Vec<u8>,
}

impl Records {
    fn take_line(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let mut record = serde_json::from_slice(&line)?;
        if let Record::Host(host) = &mut record {
            host.name.clone_from(&self.host);
        }
        self.printer.print(&record);
        Ok(())
    }
}

impl Write for Records {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            match byte {
                b'\n' => self.take_line()?,
                byte => self.line.push(*byte),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// For the host's own start and end.
const HOST_LIMIT: Duration = Duration::from_secs(180);
/// For what is done between two tests, on a busy machine.
const BETWEEN: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use vambrace_lab::Details;

    use super::*;

    /// `vambrace test` as clap sees it.
    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn arguments(words: &[&str]) -> Arguments {
        let words = ["test", "image"].iter().chain(words);
        Command::parse_from(words).arguments
    }

    #[test]
    fn a_host_may_be_quiet_for_twice_what_the_machines_of_one_image_may_take() {
        let limit = |words| quiet_limit(&arguments(words)).as_secs();
        assert_eq!(limit(&[]), 180);
        assert_eq!(limit(&["--timeout=10", "--firmware=kernel,core"]), 100);
        let job = job(&arguments(&["--timeout=10"]), &[]);
        assert_eq!(job.quiet_limit, Some(Duration::from_secs(80)));
    }

    #[test]
    fn a_host_that_went_quiet_is_told_with_the_last_test_it_told_of() {
        let quiet = || {
            Failure::Lab(Error::HostQuiet {
                limit: Duration::from_secs(180),
                details: Details::default(),
            })
        };
        let told = |latest| match after(quiet(), latest) {
            Failure::Other { message, hint } => (message, hint),
            other => panic!("{other:?}"),
        };
        let (message, hint) = told(Some("cpu_on (core)"));
        assert_eq!(
            message,
            "after cpu_on (core), nothing has come from the lab host for 180 s; it was stopped"
        );
        assert!(hint.unwrap().contains("run it again"));
        assert!(told(None).0.starts_with("before the first test's end, "));
        let other = after(Failure::Lab(Error::Cancelled), None);
        assert!(matches!(other, Failure::Lab(Error::Cancelled)));
    }
}
