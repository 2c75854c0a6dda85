//! Runs tests on a lab host: the same command inside, its records read here.

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

use vambrace_lab::{Executable, ExitStatus, HostSpec, Input, Job, Source, Stdin, Streams};

use super::Arguments;
use super::collect::TestImage;
use super::record::{Firmware, Record, Summary};
use super::report::Printer;
use crate::failure::{Failure, OWN_ERROR};
use crate::lab_host;

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
    let status = lab_host::run(spec, &job, streams)?;
    match (printer.summary(), status) {
        (None, ExitStatus::Code(OWN_ERROR)) => Ok(None),
        (None, status) => Err(Failure::new(format!(
            "the tests did not come to their end inside ({status})"
        ))),
        (summary, _) => Ok(summary),
    }
}

/// The command inside. Each image lies in a directory of its own, as names may be equal.
fn job(args: &Arguments, images: &[TestImage]) -> Job {
    let mut arguments: Vec<OsString> = ["test", "--host", "local", "--json"].map(Into::into).into();
    let firmware: Vec<&str> = args.firmware().map(Firmware::name).collect();
    let mut option = |name: &str, value: String| {
        arguments.push(format!("--{name}={value}").into());
    };
    option("firmware", firmware.join(","));
    option("dialect", args.dialect.name().into());
    option("memory", args.memory.to_string());
    option("timeout", args.timeout.to_string());
    option("console-limit", args.console_limit.to_string());
    if let Some(cpus) = args.cpus {
        option("cpus", cpus.to_string());
    }
    if let Some(flip) = args.flip_answer {
        option("flip-answer", format!("{:#x}:{}", flip.function, flip.bit));
    }
    let inputs: Vec<Input> = (0..)
        .zip(images)
        .map(|(number, image): (usize, _)| Input {
            source: Source::Bytes(image.bytes.clone()),
            destination: format!("tests/{number}/{}", image.name),
        })
        .collect();
    arguments.extend(inputs.iter().map(|input| input.destination.clone().into()));
    let runs = u64::try_from(images.len() * firmware.len()).unwrap_or(u64::MAX);
    Job {
        inputs,
        time_limit: Some(HOST_LIMIT + Duration::from_secs(args.timeout.saturating_mul(runs))),
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
