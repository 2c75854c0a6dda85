//! `vambrace run` on the KVM of an emulated host.

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use vambrace_kvm::machine::Config;
use vambrace_lab::{
    Executable, ExitStatus, HostSpec, Input, Job, Outcome, Output, Source, Stdin, Streams,
};

use super::Arguments;
use crate::failure::{Failure, OWN_ERROR};
use crate::lab_host;
use crate::machine_options::union;
use crate::memory_files;

impl Arguments {
    pub(super) fn run_in_lab(
        &self,
        spec: HostSpec,
        image: Vec<u8>,
        config: &Config,
    ) -> Result<u8, Failure> {
        memory_files::check_sum(&self.save, spec.file_limit())?;
        let mut job = self.job(&spec, image, config);
        job.disks = self.devices.open_for_lab()?;
        let streams = Streams {
            stdin: Stdin::Inherit,
            stdout: Box::new(io::stdout()),
            stderr: Box::new(io::stderr()),
        };
        let outcome = match job.disks.is_empty() {
            true => lab_host::run(spec, &job, streams)?,
            false => lab_host::run_with_disks(spec, job, streams)?,
        };
        Ok(self.code_of(&outcome))
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
        let contract = self.under_contract.inside().map(|(input, _)| input);
        let limit = self.timeout.map(Duration::from_secs);
        Job {
            inputs: std::iter::once(image)
                .chain(loads)
                .chain(contract)
                .collect(),
            outputs: self.outputs().collect(),
            time_limit: limit.map(|limit| {
                limit
                    .saturating_add(spec.boot_limit)
                    .saturating_add(AROUND_THE_GUEST)
            }),
            ..Job::new(Executable::Vambrace, self.arguments_inside())
        }
    }

    /// What comes back from a lab host.
    fn outputs(&self) -> impl Iterator<Item = Output> {
        (0..).zip(&self.save).map(|(number, save)| Output {
            inside: save_inside(number),
            outside: save.file.clone(),
        })
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
        lab_host::tell_missing(outcome, self.outputs());
        lab_host::tell_unwritten(outcome, &self.devices);
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
        arguments.extend(self.gic.inside().map(OsString::from));
        arguments.extend(self.devices.inside().map(OsString::from));
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
}
