//! `vambrace host probe`: finds out what a host can promise, and writes its profile.

use std::io;
use std::path::PathBuf;

use vambrace_core::contract::{HostProfile, View};
use vambrace_formats::profile::{ProfileFile, Provenance, RegisterList};
use vambrace_kvm::sys::CpuList;
use vambrace_kvm::{probe, sys};
use vambrace_lab::{Executable, ExitStatus, HostSpec, Job, Output, Stdin, Streams};

use crate::failure::{Failure, OWN_ERROR};
use crate::files::Destination;
use crate::host_choice::{Host, HostChoice};
use crate::lab_host;
use crate::machine_options::keep_on;
use crate::progress::say;

/// Find out what a host can promise a guest, and write its profile
#[derive(Debug, clap::Args)]
#[command(after_long_help = ABOUT_CPUS)]
pub(super) struct Arguments {
    /// Which host: auto, local, or `lab[:KERNEL[:CPU]]`
    #[arg(long, default_value = "auto", value_name = "HOST")]
    host: HostChoice,

    /// The host's CPUs that the profile is for, such as 0-3 [default: those that this process may
    /// run on, usually all that are online]
    #[arg(long, value_name = "LIST")]
    cpus: Option<CpuList>,

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
            let file = here(arguments.cpus.as_ref())?;
            arguments.output.write(&file.write())?;
            Ok(0)
        }
        Host::Lab(spec) => in_lab(spec, arguments),
    }
}

/// Probes the machine that this runs on, as it is on those of its CPUs.
fn here(cpus: Option<&CpuList>) -> Result<ProfileFile, Failure> {
    use sys::Host as _;
    let host = sys::open()?;
    if let Some(cpus) = cpus {
        keep_on(cpus)?;
    }
    if let Ok(cpus) = CpuList::of_this_thread() {
        say(&format!("the profile is for CPUs {cpus}"));
    }
    let hardware = host.hardware();
    let profile = probe::probe(&host).map_err(|error| Failure::new(error.to_string()))?;
    for line in about_cpus(&profile) {
        say(&line);
    }
    let cpus = u32::try_from(hardware.cpus.len()).unwrap_or(u32::MAX);
    Ok(ProfileFile {
        provenance: Provenance {
            program: concat!("vambrace ", env!("CARGO_PKG_VERSION")).into(),
            kernel_release: hardware.kernel,
            host_cpus: cpus,
        },
        registers: register_lists(&host, &profile)?,
        profile,
    })
}

/// The registers of a fresh vCPU for each of the profile's views, in its order.
fn register_lists(
    host: &impl sys::Host,
    profile: &HostProfile,
) -> Result<Vec<RegisterList>, sys::Error> {
    let list = |view: &View| {
        let registers = probe::registers(host, view.features)?.into_iter();
        Ok(RegisterList {
            features: view.features,
            values: registers
                .map(|(register, bytes)| (register.raw(), bytes))
                .collect(),
        })
    };
    profile.views.iter().map(list).collect()
}

/// What a profile does not say by itself of a machine with several kinds of CPU; nothing where all
/// are of the kind that guests are shown.
fn about_cpus(profile: &HostProfile) -> Vec<String> {
    let mut lines = Vec::new();
    let kinds = profile.implementations.iter().len();
    if kinds > 1 {
        lines.push(format!(
            "these CPUs are of {kinds} kinds: a guest finds itself on any of them, and the shape of \
             the caches, DCZID_EL0 and AIDR_EL1 are those of one; probe each kind by itself (--cpus), \
             and keep guests on the CPUs of the profile that they are promised (--host-cpus)"
        ));
    }
    let shown = profile.implementation;
    if !profile.implementations.contains(shown) {
        lines.push(format!(
            "none of these CPUs is of the kind that this kernel's KVM shows (MIDR_EL1 {:#x}), and a \
             guest reads its CPU's own: no contract can be kept on them; probe CPUs of that kind, or \
             use Linux 6.15",
            shown.midr
        ));
    }
    lines
}

/// The same command inside a lab host; a file that it writes is brought back.
fn in_lab(spec: HostSpec, asked: &Arguments) -> Result<u8, Failure> {
    let streams = Streams {
        stdin: Stdin::Empty,
        stdout: Box::new(io::stdout()),
        stderr: Box::new(io::stderr()),
    };
    let outcome = lab_host::run(spec, &job(asked), streams)?;
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

fn job(asked: &Arguments) -> Job {
    let mut arguments = ["host", "probe", "--host=local"].map(Into::into).to_vec();
    let cpus = asked.cpus.as_ref();
    arguments.extend(cpus.map(|cpus| format!("--cpus={cpus}").into()));
    let outputs: Vec<Output> = match &asked.output {
        Destination::Output => Vec::new(),
        Destination::File(path) => {
            arguments.push(format!("--output={PROFILE_INSIDE}").into());
            vec![brought_back(path.clone())]
        }
    };
    Job {
        outputs,
        ..Job::new(Executable::Vambrace, arguments)
    }
}

fn brought_back(outside: PathBuf) -> Output {
    Output {
        inside: PROFILE_INSIDE.into(),
        outside,
    }
}

const PROFILE_INSIDE: &str = "profile.json";

const ABOUT_CPUS: &str = "\
A profile is for a set of CPUs. On a machine whose CPUs are all alike that is all of them. Where there
are several kinds, a guest finds itself on any CPU of the set: the profile lists every kind in it by
MIDR_EL1 and REVIDR_EL1, but the shape of the caches, DCZID_EL0, CTR_EL0 and AIDR_EL1 are those of the
CPU that the probe ran on, or on which the kernel started KVM. So probe the CPUs of one kind, and keep
the guests there:

  vambrace host probe --cpus 4-7 -o big.json
  vambrace contract new --host big.json -o guest.toml
  vambrace run --contract guest.toml --host-cpus 4-7 guest.elf

Before Linux 6.15 KVM shows the kind of the CPU that it was started on to every program, while a guest
reads that of the CPU below it: CPUs of another kind can be promised to nobody, and no guest can be
promised one kind on all CPUs of such a machine. Memory, timers and the interrupt controller are the
machine's.";

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use vambrace_core::vendor_hyp::{Implementation, Implementations};

    use super::*;
    use crate::contract::samples;

    /// `vambrace host probe` as clap sees it.
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn the_cpus_are_those_of_the_lab_host() {
        let line = Line::parse_from(["probe", "--cpus=1,0", "-o", "there.json"]);
        let job = job(&line.arguments);
        let words: Vec<_> = job
            .arguments
            .iter()
            .map(|word| word.to_str().unwrap())
            .collect();
        assert_eq!(
            words,
            [
                "host",
                "probe",
                "--host=local",
                "--cpus=0-1",
                "--output=profile.json"
            ]
        );
    }

    #[test]
    fn nothing_needs_to_be_said_of_cpus_that_are_alike() {
        assert_eq!(about_cpus(&samples::host()), [""; 0]);
    }

    #[test]
    fn several_kinds_of_cpu_are_told() {
        let mut profile = samples::host();
        let other = Implementation {
            midr: 0x410f_d034,
            ..profile.implementation
        };
        profile.implementations.add(other).unwrap();
        let [line] = &about_cpus(&profile)[..] else {
            panic!("there is one line");
        };
        assert!(line.starts_with("these CPUs are of 2 kinds: "), "{line}");
    }

    #[test]
    fn cpus_of_a_kind_that_kvm_does_not_show_are_told() {
        let mut profile = samples::host();
        let mut others = Implementations::new();
        let other = Implementation {
            midr: 0x410f_d034,
            ..profile.implementation
        };
        others.add(other).unwrap();
        profile.implementations = others;
        let [line] = &about_cpus(&profile)[..] else {
            panic!("there is one line");
        };
        assert!(line.contains("(MIDR_EL1 0x414fd0b1)"), "{line}");
    }
}
