//! `vambrace host probe`: finds out what a host can promise, and writes its profile.

use std::io;
use std::path::PathBuf;

use vambrace_formats::profile::{ProfileFile, Provenance};
use vambrace_kvm::{probe, sys};
use vambrace_lab::{Executable, ExitStatus, HostSpec, Job, Output, Stdin, Streams};

use super::registers;
use crate::failure::{Failure, OWN_ERROR};
use crate::files::Destination;
use crate::host_choice::{Host, HostChoice};
use crate::lab_host;
use crate::progress::say;

/// Find out what a host can promise a guest, and write its profile
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Which host: auto, local, or `lab[:KERNEL[:CPU]]`
    #[arg(long, default_value = "auto", value_name = "HOST")]
    host: HostChoice,

    /// Where to write the profile; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-", value_parser = Destination::parser())]
    output: Destination,
}

/// Does what was asked.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    arguments.output.check()?;
    match arguments.host.resolve()? {
        Host::El2(_) => Err(crate::el2::no_kvm()),
        Host::Local => {
            let file = here()?;
            arguments.output.write(&file.write())?;
            Ok(0)
        }
        Host::Lab(spec) => in_lab(spec, &arguments.output),
    }
}

/// Probes the machine that this runs on.
fn here() -> Result<ProfileFile, Failure> {
    use sys::Host as _;
    let host = sys::open()?;
    let hardware = host.hardware();
    let profile = probe::probe(&host).map_err(|error| Failure::new(error.to_string()))?;
    let cpus = u32::try_from(hardware.cpus.len()).unwrap_or(u32::MAX);
    Ok(ProfileFile {
        provenance: Provenance {
            program: concat!("vambrace ", env!("CARGO_PKG_VERSION")).into(),
            kernel_release: hardware.kernel,
            host_cpus: cpus,
        },
        registers: registers::lists(&host, &profile)?,
        profile,
    })
}

/// The same command inside a lab host; a file that it writes is brought back.
fn in_lab(spec: HostSpec, output: &Destination) -> Result<u8, Failure> {
    let mut arguments = ["host", "probe", "--host=local"].map(Into::into).to_vec();
    let outputs: Vec<Output> = match output {
        Destination::Output => Vec::new(),
        Destination::File(path) => {
            arguments.push(format!("--output={PROFILE_INSIDE}").into());
            vec![brought_back(path.clone())]
        }
    };
    let job = Job {
        outputs,
        ..Job::new(Executable::Vambrace, arguments)
    };
    let streams = Streams {
        stdin: Stdin::Empty,
        stdout: Box::new(io::stdout()),
        stderr: Box::new(io::stderr()),
    };
    let outcome = lab_host::run(spec, &job, streams)?;
    let code = match outcome.status {
        ExitStatus::Code(code) => code,
        ExitStatus::Signal(_) => {
            say(&format!(
                "the probe did not come to its end inside ({})",
                outcome.status
            ));
            OWN_ERROR
        }
    };
    match outcome.missing.first() {
        // Inside, an error has been told already.
        Some(missing) if code == 0 => Err(Failure::new(format!(
            "the profile could not be brought back: {}",
            missing.reason
        ))),
        _ => Ok(code),
    }
}

fn brought_back(outside: PathBuf) -> Output {
    Output {
        inside: PROFILE_INSIDE.into(),
        outside,
    }
}

const PROFILE_INSIDE: &str = "profile.json";
