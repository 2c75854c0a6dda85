//! A machine in a lab host: the same command inside, with its files.
//!
//! The console stays outside: a terminal's keys, a file or a pseudoterminal are this machine's, and
//! the command inside has them as its standard input and output. So do the disks, which the host has
//! as block devices. What ends the machine reaches the command inside as a signal, and the host ends
//! when that has ended.

use std::ffi::OsString;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use signal_hook::consts::{SIGTERM, SIGUSR1};
use vambrace_kvm::image;
use vambrace_kvm::outlet::Outlet;
use vambrace_lab::{
    Cancel, Executable, ExitStatus, HostSpec, Input, Job, Outcome, Output, Source, Stdin, Streams,
};

use super::Boot;
use super::console::{self, Wish};
use crate::failure::{Failure, OWN_ERROR};
use crate::interrupt::Interrupt;
use crate::lab_host::{self, Ending};
use crate::machine_options::union;
use crate::progress::say;
use crate::ready;

impl Boot {
    pub(super) fn run_in_lab(&self, mut spec: HostSpec) -> Result<u8, Failure> {
        let guest = u32::try_from(self.arguments.memory.bytes() >> 20).unwrap_or(u32::MAX);
        spec.memory_mib = spec.memory_mib.max(guest.saturating_add(HOSTS_OWN));
        let mut job = self.job(&spec)?;
        if self.arguments.dump_dtb.is_none() {
            // Before a host starts: what is wrong with a disk is told at once.
            job.disks = self.arguments.devices.open_for_lab()?;
        }
        let keys = Keys::of(&mut job)?;
        let signalled = keys.clone();
        let interrupt = Interrupt::watch_with(move |cancel| signalled.end(cancel))?;
        // Fetching and building come first: they talk to a terminal that is as usual.
        let (host, program) = ready::host(spec, &interrupt)?;
        let (typed, cancel) = (keys.clone(), interrupt.cancel().clone());
        let console = match self.arguments.dump_dtb {
            Some(_) => console::Choice::None,
            None => self.arguments.console.clone(),
        };
        let console = console.open(move |wish| typed.act(wish, &cancel))?;
        let outlet = keys.outlet(console.output)?;
        let streams = Streams {
            stdin: console.input.map_or(Stdin::Empty, Stdin::File),
            stdout: Box::new(outlet.clone()),
            stderr: Box::new(io::stderr()),
        };
        keys.ending.begin();
        let outcome = host.run(&program, &job, streams, interrupt.cancel());
        outlet.drain(|| keys.ending.is_asked());
        drop(console.terminal);
        self.code_of(outcome, &job, &keys.ending, &interrupt)
    }

    /// The exit code, with a line for whatever should be on this machine now and is not.
    fn code_of(
        &self,
        outcome: Result<Outcome, vambrace_lab::Error>,
        job: &Job,
        ending: &Ending,
        interrupt: &Interrupt,
    ) -> Result<u8, Failure> {
        let devices = &self.arguments.devices;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                if ending.has_begun() && devices.has_writable_disk() {
                    say("what the guest had not flushed to its disks may be missing there");
                }
                return Err(match error {
                    vambrace_lab::Error::Cancelled if interrupt.signal().is_none() => {
                        Failure::new("the machine did not end, and its lab host was ended with it")
                    }
                    other => interrupt.failure(other),
                });
            }
        };
        let code = code(outcome.status, ending);
        // Inside, an error of ours has been told already.
        if code != OWN_ERROR {
            lab_host::tell_missing(&outcome, job.outputs.iter().cloned());
        }
        lab_host::tell_unwritten(&outcome, devices);
        match interrupt.signal() {
            _ if !outcome.missing.is_empty() => Ok(OWN_ERROR),
            Some(signal) => Err(Failure::Signal(signal)),
            None => Ok(code),
        }
    }

    /// With a time limit, the host has one that is as much longer as it takes to come up and to go.
    fn job(&self, spec: &HostSpec) -> Result<Job, Failure> {
        let limit = self.arguments.timeout.map(Duration::from_secs);
        let tree = self.arguments.dump_dtb.as_ref();
        Ok(Job {
            inputs: self.inputs()?,
            outputs: tree
                .map(|outside| Output {
                    inside: TREE.into(),
                    outside: outside.clone(),
                })
                .into_iter()
                .collect(),
            time_limit: limit.map(|limit| {
                limit
                    .saturating_add(spec.boot_limit)
                    .saturating_add(AROUND_THE_GUEST)
            }),
            ..Job::new(Executable::Vambrace, self.arguments_inside(spec))
        })
    }

    fn inputs(&self) -> Result<Vec<Input>, Failure> {
        let input = |file: &image::Source, destination: &str| {
            let bytes = file.read();
            let bytes = bytes.map_err(|error| {
                Failure::new(format!("cannot read what is to be booted: {error}"))
            })?;
            Ok(Input {
                source: Source::Bytes(bytes),
                destination: destination.into(),
            })
        };
        let initramfs = self.files.initramfs.as_ref();
        let contract = self.contract.inside().map(|(input, _)| input);
        std::iter::once(input(&self.files.image, IMAGE))
            .chain(initramfs.map(|file| input(file, INITRAMFS)))
            .chain(contract.map(Ok))
            .collect()
    }

    fn arguments_inside(&self, spec: &HostSpec) -> Vec<OsString> {
        let arguments = &self.arguments;
        let mut words: Vec<OsString> = vec!["boot".into(), "--host=local".into()];
        words.extend(self.contract.inside().map(|(_, option)| option.into()));
        words.extend(arguments.host_cpus.inside().map(OsString::from));
        words.extend(arguments.gic.inside().map(OsString::from));
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
        option("sandbox", Some(arguments.sandbox.name().into()));
        option("dump-dtb", arguments.dump_dtb.as_ref().map(|_| TREE.into()));
        for (flag, set) in [
            ("--no-reboot", arguments.no_reboot),
            ("--strict-mmio", arguments.strict_mmio),
            ("--json", arguments.json),
            ("--interactive", self.is_interactive()),
        ] {
            words.extend(set.then(|| flag.into()));
        }
        words
    }
}

/// What keys and signals do to the machine inside.
#[derive(Debug, Clone)]
struct Keys {
    ending: Ending,
    outlet: Arc<OnceLock<Outlet>>,
}

impl Keys {
    fn of(job: &mut Job) -> Result<Self, Failure> {
        Ok(Self {
            ending: Ending::of(job)?,
            outlet: Arc::default(),
        })
    }

    /// The way of the console's output to `output`, which an end does not wait for.
    fn outlet(&self, output: Box<dyn io::Write + Send>) -> Result<Outlet, Failure> {
        let outlet = self.outlet.get_or_init(|| Outlet::new(output)).clone();
        let started = outlet.start();
        started.map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
        Ok(outlet)
    }

    fn act(&self, wish: Wish, cancel: &Cancel) {
        match wish {
            Wish::End => self.end(cancel),
            Wish::PressPower => self.ending.send(SIGUSR1),
        }
    }

    fn end(&self, cancel: &Cancel) {
        self.ending.ask(cancel);
        if let Some(outlet) = self.outlet.get() {
            outlet.release();
        }
    }
}

/// An end that was asked for is no failure.
fn code(status: ExitStatus, ending: &Ending) -> u8 {
    match status {
        ExitStatus::Code(code) => code,
        ExitStatus::Signal(signal) if ending.is_asked() && i32::from(signal) == SIGTERM => 0,
        ExitStatus::Signal(_) => OWN_ERROR,
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
