//! `vambrace lab run`: one command in a fresh lab host.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::time::Duration;

use vambrace_lab::host::{HostSpec, Kernel};
use vambrace_lab::{Executable, Input, Job, Output, Source, Stdin, Streams};

use crate::failure::{Failure, OWN_ERROR};
use crate::interrupt::Interrupt;
use crate::progress::say;
use crate::ready;

/// Run one command in a fresh lab host
///
/// The command is a static arm64 program of this machine, or `vambrace` itself, which is in every
/// host. It starts in the directory /lab, as root, with /dev/kvm. Its standard streams are ours.
/// Nothing of the host remains but the outputs that were asked for.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The host: lab[:KERNEL[:CPU[:OPTION…]]]
    ///
    /// KERNEL is 5.10, 6.1, 6.12, 7.3 or the path of a kernel; CPU is one of QEMU's; options are gic2,
    /// mte, nested, and icount, whose clock counts instructions instead of time.
    #[arg(long, value_name = "HOST", default_value = "lab")]
    host: HostSpec,
    /// The host's kernel, instead of the one that --host names
    #[arg(long, value_name = "KERNEL", conflicts_with = "kernel_file")]
    kernel: Option<Kernel>,
    /// Your own arm64 kernel (Image), with KVM, virtio-pci and virtio-console built in
    #[arg(long, value_name = "FILE")]
    kernel_file: Option<PathBuf>,
    /// The host's CPU, instead of the one that --host names
    #[arg(long, value_name = "CPU")]
    cpu: Option<String>,
    /// The host's number of CPUs [default: 2]
    #[arg(long, value_name = "N")]
    cpus: Option<u32>,
    /// The host's memory, such as 512M or 4G [default: 2G]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u32>,
    /// Put a file inside, at DST or under its own name in /lab
    #[arg(long, value_name = "SRC[:DST]")]
    file: Vec<OsString>,
    /// Bring a file back when the command has ended, to DST or under its own name
    #[arg(long, value_name = "PATH[:DST]")]
    output: Vec<OsString>,
    /// Set a variable for the command
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<OsString>,
    /// Stop after this time, the host's start included
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Give the command no standard input
    #[arg(long, short = 'n')]
    no_input: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Does what was asked.
pub(super) fn run(mut arguments: Arguments) -> Result<u8, Failure> {
    let job = arguments.job()?;
    job.check()?;
    let streams = Streams {
        stdin: if arguments.no_input {
            Stdin::Empty
        } else {
            Stdin::Inherit
        },
        stdout: Box::new(io::stdout()),
        stderr: Box::new(io::stderr()),
    };
    let interrupt = Interrupt::watch()?;
    let (host, program) = ready::host(arguments.spec(), &interrupt)?;
    let outcome = host
        .run(&program, &job, streams, interrupt.cancel())
        .map_err(|error| interrupt.failure(error))?;
    for missing in &outcome.missing {
        say(&format!(
            "`{}` could not be brought back: {}",
            missing.inside, missing.reason
        ));
    }
    match outcome.status.shell_code() {
        0 if !outcome.missing.is_empty() => Ok(OWN_ERROR),
        code => Ok(code),
    }
}

impl Arguments {
    fn spec(&mut self) -> HostSpec {
        let mut spec = self.host.clone();
        let file = self.kernel_file.take().map(Kernel::File);
        if let Some(kernel) = self.kernel.take().or(file) {
            spec.kernel = kernel;
        }
        if let Some(cpu) = self.cpu.take() {
            spec.cpu = cpu;
        }
        spec.cpus = self.cpus.unwrap_or(spec.cpus);
        spec.memory_mib = self.memory.unwrap_or(spec.memory_mib);
        spec
    }

    fn job(&self) -> Result<Job, Failure> {
        let inputs = self.file.iter().map(input).collect::<Result<Vec<_>, _>>()?;
        let Some((command, rest)) = self.command.split_first() else {
            unreachable!("clap requires the command");
        };
        let executable = Executable::named(command, &inputs);
        Ok(Job {
            environment: self.env.iter().map(variable).collect::<Result<_, _>>()?,
            outputs: self.output.iter().map(output).collect::<Result<_, _>>()?,
            time_limit: self.timeout,
            inputs,
            ..Job::new(executable, rest.to_vec())
        })
    }
}

/// `SRC[:DST]`; a file whose name has a colon is meant as a whole.
fn input(text: &OsString) -> Result<Input, Failure> {
    let whole = PathBuf::from(text);
    let (source, destination) = match split_last(text, b':') {
        Some((source, destination)) if !whole.exists() => {
            (PathBuf::from(source), destination.into_string().ok())
        }
        _ => {
            let name = whole
                .file_name()
                .and_then(|name| name.to_str())
                .map(str::to_owned);
            (whole, name)
        }
    };
    let destination = destination
        .ok_or_else(|| Failure::new(format!("--file {}: no name to use inside", text.display())))?;
    Ok(Input {
        source: Source::File(source),
        destination,
    })
}

/// `PATH[:DST]`
fn output(text: &OsString) -> Result<Output, Failure> {
    let refuse = || Failure::new(format!("--output {}: no name to use here", text.display()));
    let (inside, outside) = match split_last(text, b':') {
        Some((inside, outside)) => (inside, PathBuf::from(outside)),
        None => {
            let name = PathBuf::from(text).file_name().map(PathBuf::from);
            (text.clone(), name.ok_or_else(refuse)?)
        }
    };
    let inside = inside.into_string().map_err(|_| refuse())?;
    if outside.file_name().is_none() || outside.is_dir() {
        return Err(refuse());
    }
    Ok(Output { inside, outside })
}

fn variable(text: &OsString) -> Result<(OsString, OsString), Failure> {
    let bytes = text.as_bytes();
    let equals = bytes
        .iter()
        .position(|byte| *byte == b'=')
        .ok_or_else(|| Failure::new(format!("--env {}: it is not NAME=VALUE", text.display())))?;
    let part = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    Ok((part(&bytes[..equals]), part(&bytes[equals + 1..])))
}

fn split_last(text: &OsString, separator: u8) -> Option<(OsString, OsString)> {
    let bytes = text.as_bytes();
    let at = bytes.iter().rposition(|byte| *byte == separator)?;
    let part = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    Some((part(&bytes[..at]), part(&bytes[at + 1..])))
}

/// A size in MiB from `512M`, `4G`, or a bare number of MiB.
fn memory(text: &str) -> Result<u32, String> {
    let (number, unit) = match text.strip_suffix(['G', 'g']) {
        Some(number) => (number, 1024),
        None => (text.strip_suffix(['M', 'm']).unwrap_or(text), 1),
    };
    let size = number
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    size.ok_or_else(|| "a size is written 512M or 4G".into())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds
        .filter(|limit| !limit.is_zero())
        .ok_or_else(|| "a time is a number of seconds".into())
}

const EXAMPLES: &str = "\
Examples:
  vambrace lab run -- ./program a b
  vambrace lab run --host lab:5.10:cortex-a72 -- ./program
  vambrace lab run --file guest.elf --output trace.bin -- ./program guest.elf
  vambrace lab run --file busybox:/bin/sh -- /bin/sh -c 'cat /proc/cpuinfo'
  vambrace lab run --kernel-file ~/linux/arch/arm64/boot/Image -- ./program

Exit codes: the command's own; 128 and the signal's number if a signal ended it; 124 after the time
limit; 125 for an error of vambrace's own; 126 and 127 if the command could not be started.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_mebibytes() {
        assert_eq!(memory("512M"), Ok(512));
        assert_eq!(memory("4G"), Ok(4096));
        assert_eq!(memory("256"), Ok(256));
        for text in ["", "G", "-1", "4T", "4194304G"] {
            assert!(memory(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_positive_numbers_of_seconds() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        for text in ["", "0", "-1", "nan", "inf", "1e99", "5s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn inputs_go_under_their_own_name_or_where_they_are_sent() {
        let destination = |text: &str| input(&text.into()).unwrap().destination;
        assert_eq!(destination("some/guest.elf"), "guest.elf");
        assert_eq!(destination("some/guest.elf:/etc/x"), "/etc/x");
    }

    #[test]
    fn outputs_come_back_under_their_own_name_or_where_they_are_sent() {
        let outside = |text: &str| output(&text.into()).unwrap();
        assert_eq!(outside("/tmp/a.bin").outside, PathBuf::from("a.bin"));
        let sent = outside("a.bin:out/b.bin");
        assert_eq!(
            (sent.inside.as_str(), sent.outside),
            ("a.bin", PathBuf::from("out/b.bin"))
        );
        assert!(output(&"a:/".into()).is_err() && output(&"/".into()).is_err());
    }

    #[test]
    fn variables_are_split_at_the_first_equals_sign() {
        assert_eq!(
            variable(&"A=b=c".into()).unwrap(),
            ("A".into(), "b=c".into())
        );
        assert_eq!(variable(&"A=".into()).unwrap(), ("A".into(), "".into()));
        assert!(variable(&"A".into()).is_err());
    }
}
