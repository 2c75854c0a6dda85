//! A machine in a lab host: the same command inside, with its files.
//!
//! The console stays outside: a terminal's keys, a file or a pseudoterminal are this machine's, and
//! the command inside has them as its standard input and output.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use vambrace_lab::{Executable, ExitStatus, HostSpec, Input, Job, Output, Source, Stdin, Streams};

use super::Boot;
use crate::failure::{Failure, OWN_ERROR};
use crate::interrupt::Interrupt;
use crate::lab_host;
use crate::machine_options::union;
use crate::ready;

impl Boot {
    pub(super) fn run_in_lab(&self, mut spec: HostSpec) -> Result<u8, Failure> {
        let guest = u32::try_from(self.arguments.memory.bytes() >> 20).unwrap_or(u32::MAX);
        spec.memory_mib = spec.memory_mib.max(guest.saturating_add(HOSTS_OWN));
        let interrupt = Interrupt::watch()?;
        let (quit, cancel) = (Arc::new(AtomicBool::new(false)), interrupt.cancel().clone());
        let asked = Arc::clone(&quit);
        // Fetching and building come first: they talk to a terminal that is as usual.
        let (host, program) = ready::host(spec.clone(), &interrupt)?;
        let console = self.arguments.console.open(move || {
            asked.store(true, Ordering::SeqCst);
            cancel.cancel();
        })?;
        let job = self.job(&spec, console.terminal.is_some());
        let streams = Streams {
            stdin: console.input.map_or(Stdin::Empty, Stdin::File),
            stdout: console.output,
            stderr: Box::new(io::stderr()),
        };
        let outcome = host.run(&program, &job, streams, interrupt.cancel());
        drop(console.terminal);
        if quit.load(Ordering::SeqCst) {
            return Ok(0);
        }
        let outcome = outcome.map_err(|error| interrupt.failure(error))?;
        let code = match outcome.status {
            ExitStatus::Code(code) => code,
            ExitStatus::Signal(_) => OWN_ERROR,
        };
        // Inside, an error of ours has been told already.
        if outcome.missing.is_empty() || code == OWN_ERROR {
            return Ok(code);
        }
        lab_host::tell_missing(&outcome, job.outputs);
        Ok(OWN_ERROR)
    }

    /// With a time limit, the host has one that is as much longer as it takes to come up and to go.
    fn job(&self, spec: &HostSpec, interactive: bool) -> Job {
        let limit = self.arguments.timeout.map(Duration::from_secs);
        let tree = self.arguments.dump_dtb.as_ref();
        Job {
            inputs: self.inputs(),
            outputs: tree
                .map(|outside| Output {
                    inside: TREE.into(),
                    outside: outside.clone(),
                })
                .into_iter()
                .chain(self.arguments.devices.outputs())
                .collect(),
            time_limit: limit.map(|limit| {
                limit
                    .saturating_add(spec.boot_limit)
                    .saturating_add(AROUND_THE_GUEST)
            }),
            ..Job::new(
                Executable::Vambrace,
                self.arguments_inside(spec, interactive),
            )
        }
    }

    fn inputs(&self) -> Vec<Input> {
        let input = |bytes: &[u8], destination: &str| Input {
            source: Source::Bytes(bytes.to_vec()),
            destination: destination.into(),
        };
        let initramfs = self.files.initramfs.as_deref();
        let contract = self.contract.inside().map(|(input, _)| input);
        std::iter::once(input(&self.files.image, IMAGE))
            .chain(initramfs.map(|bytes| input(bytes, INITRAMFS)))
            .chain(contract)
            .chain(self.arguments.devices.inputs())
            .collect()
    }

    fn arguments_inside(&self, spec: &HostSpec, interactive: bool) -> Vec<OsString> {
        let arguments = &self.arguments;
        let mut words: Vec<OsString> = vec!["boot".into(), "--host=local".into()];
        words.extend(self.contract.inside().map(|(_, option)| option.into()));
        words.extend(arguments.host_cpus.inside().map(OsString::from));
        words.extend(arguments.devices.inside().map(OsString::from));
        let mut option = |name: &str, value: Option<String>| {
            words.extend(value.map(|value| OsString::from(format!("--{name}={value}"))));
        };
        option("called", Some(spec.to_string()));
        option("kernel", arguments.kernel.as_ref().map(|_| IMAGE.into()));
        option("bios", arguments.bios.as_ref().map(|_| IMAGE.into()));
        option(
            "initrd",
            arguments.initrd.as_ref().map(|_| INITRAMFS.into()),
        );
        option("append", arguments.append.clone());
        option("cpus", Some(arguments.cpus.to_string()));
        option("memory", Some(arguments.memory.to_string()));
        option(
            "firmware",
            arguments.firmware.map(|firmware| firmware.name().into()),
        );
        option(
            "dialect",
            arguments.dialect.map(|dialect| dialect.name().into()),
        );
        option("psci", arguments.psci.map(|psci| psci.to_string()));
        let with = union(&arguments.with);
        option("with", (!with.is_empty()).then(|| with.to_string()));
        option(
            "timeout",
            arguments.timeout.map(|seconds| seconds.to_string()),
        );
        option("dump-dtb", arguments.dump_dtb.as_ref().map(|_| TREE.into()));
        for (flag, set) in [
            ("--no-reboot", arguments.no_reboot),
            ("--strict-mmio", arguments.strict_mmio),
            ("--json", arguments.json),
            ("--interactive", interactive),
        ] {
            words.extend(set.then(|| flag.into()));
        }
        words
    }
}

/// What a host needs beside its guest's RAM, in MiB: its kernel, the files that go in, twice for a
/// moment, and what KVM keeps.
const HOSTS_OWN: u32 = 1024;
/// For what a lab host does before and after its guest, once it is up.
const AROUND_THE_GUEST: Duration = Duration::from_secs(60);
const IMAGE: &str = "guest/image";
const INITRAMFS: &str = "guest/initramfs";
const TREE: &str = "guest/tree.dtb";
