//! Runs tests at EL2: each in a board of its own, with no operating system below.
//!
//! Alone, they get the specification's answers. Beside a host with KVM they are promised what its
//! guests are, so that the transcripts can be held against its own.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::thread;

use vambrace_core::firmware::Workarounds;
use vambrace_core::psci::PsciVersion;
use vambrace_kvm::console;
use vambrace_kvm::image::Needs;
use vambrace_kvm::machine::{Aarch32, Config, Error, Machine};
use vambrace_lab::Stdin;

use super::Arguments;
use super::collect::TestImage;
use super::compare::compare;
use super::inside::{Captured, nothing_yet};
use super::judge::{Console, judge};
use super::place::{Obstacle, Offers, Place};
use super::record::{self, Demand, Firmware, Record, Summary, Test, Verdict};
use super::report::Printer;
use crate::el2::{Cpu, El2, Entropy, MAX_VCPUS, Promise};
use crate::failure::Failure;
use crate::host_choice::{EL2_CPU, El2Host, Host};
use crate::interrupt::Interrupt;
use crate::machine_options::parse_psci;

/// Runs every test on such a board, telling each record as it comes.
pub(super) fn run(
    args: &Arguments,
    images: &[TestImage],
    host: &El2Host,
    printer: &Printer,
) -> Result<Summary, Failure> {
    let interrupt = Interrupt::watch()?;
    let promised = Promised {
        release: NEWEST,
        psci: PsciVersion::V1_3,
        workarounds: Workarounds::NONE,
    };
    let bench = Bench::prepare(args, host, promised, &interrupt)?;
    printer.print(&Record::Host(record::Host {
        name: host.to_string(),
        kernel: String::new(),
        psci: PsciVersion::V1_3.to_string(),
        features: Vec::new(),
        aarch32: bench.cpu.aarch32 == Aarch32::Offered,
        workarounds: record::Promised::of(Workarounds::NONE),
    }));
    let mut summary = Summary::default();
    bench.run_all(images, |_, test| {
        let record = Record::Test(test);
        summary.add(&record);
        printer.print(&record);
    })?;
    printer.print(&Record::Summary(summary));
    Ok(summary)
}

/// Runs every test once more, as a guest of the host whose records are in the first printer would be
/// promised, and puts all records together in the second.
pub(super) fn run_beside(
    args: &Arguments,
    images: &[TestImage],
    host: &Host,
    (on_kvm, printer): (&Printer, &Printer),
) -> Result<Summary, Failure> {
    let interrupt = Interrupt::watch()?;
    let records = on_kvm.records();
    let told = records.iter().find_map(|record| match record {
        Record::Host(host) => Some(host.clone()),
        Record::Test(_) | Record::Comparison(_) | Record::Summary(_) => None,
    });
    let told = told.ok_or_else(|| Failure::new("the host did not say what it is"))?;
    let host = El2Host::with_cpu(match host {
        Host::Lab(spec) => &spec.cpu,
        Host::Local | Host::El2(_) => EL2_CPU,
    });
    let psci = parse_psci(&told.psci).map_err(Failure::new)?;
    let promised = Promised {
        release: &told.kernel,
        psci,
        workarounds: record::Promised::levels(told.workarounds),
    };
    let bench = Bench::prepare(args, &host, promised, &interrupt)?;
    let mut at_el2: Vec<Option<Test>> = vec![None; images.len()];
    bench.run_all(images, |index, test| {
        on_kvm.print(&Record::Test(test.clone()));
        at_el2[index] = Some(test);
    })?;
    let mut on_kvm = records.iter().filter_map(|record| match record {
        Record::Test(test) => Some(test.clone()),
        Record::Host(_) | Record::Comparison(_) | Record::Summary(_) => None,
    });
    let mut summary = Summary::default();
    printer.keep(Record::Host(told));
    for test in at_el2 {
        let each = on_kvm.by_ref().take(args.firmware_on_kvm().count());
        let runs: Vec<Test> = each.chain(test).collect();
        let comparison = compare(&runs).map(Record::Comparison);
        for record in runs.into_iter().map(Record::Test) {
            summary.add(&record);
            printer.keep(record);
        }
        if let Some(record) = comparison {
            summary.add(&record);
            printer.print(&record);
        }
    }
    printer.print(&Record::Summary(summary));
    Ok(summary)
}

/// A board, and what its machines are promised.
struct Bench<'a> {
    place: Place<'a, El2Offer>,
    cpu: Cpu,
    el2: El2,
    workarounds: Workarounds,
    interrupt: &'a Interrupt,
}

/// What machines are promised beyond what options and headers name.
struct Promised<'a> {
    /// The kernel whose answers KVM's dialect is.
    release: &'a str,
    /// The newest PSCI version unless one is named.
    psci: PsciVersion,
    workarounds: Workarounds,
}

impl<'a> Bench<'a> {
    fn prepare(
        args: &'a Arguments,
        host: &El2Host,
        promised: Promised<'a>,
        interrupt: &'a Interrupt,
    ) -> Result<Self, Failure> {
        let contract = args.under_contract.contract();
        let el2 = El2::prepare(host, interrupt)?;
        let cpu = el2.probe(interrupt)?;
        if let Some(contract) = contract {
            El2::check(contract, &cpu)?;
        }
        let place = Place {
            args,
            offer: El2Offer {
                aarch32: cpu.aarch32,
                psci: promised.psci,
            },
            release: promised.release,
        };
        Ok(Self {
            place,
            cpu,
            el2,
            workarounds: promised.workarounds,
            interrupt,
        })
    }

    /// Every test, several at a time, told in their order.
    fn run_all(
        &self,
        images: &[TestImage],
        mut tell: impl FnMut(usize, Test),
    ) -> Result<(), Failure> {
        let left: Mutex<VecDeque<_>> = Mutex::new(images.iter().enumerate().collect());
        let next = || {
            left.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front()
        };
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            for _ in 0..at_once() {
                let sender = sender.clone();
                let next = &next;
                scope.spawn(move || {
                    while let Some((index, image)) = next() {
                        if sender.send((index, self.run(image))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let mut waiting: Vec<Option<Test>> = vec![None; images.len()];
            let mut told = 0;
            for (index, test) in receiver {
                waiting[index] = Some(test?);
                while let Some(test) = waiting.get_mut(told).and_then(Option::take) {
                    tell(told, test);
                    told += 1;
                }
            }
            Ok(())
        })
    }

    /// One test. What fails it says nothing of the tests after it, but for the user's own end.
    fn run(&self, image: &TestImage) -> Result<Test, Failure> {
        let nothing = || nothing_yet(image, Firmware::El2);
        let obstacle = |obstacle: Obstacle| match obstacle {
            Obstacle::NotHere { demand, reason } => Test {
                verdict: Verdict::Skip,
                reason: Some(reason),
                ruled_out_by: Some(demand),
                ..nothing()
            },
            Obstacle::Failed(error) => Test {
                verdict: Verdict::Error,
                reason: Some(error.to_string()),
                ..nothing()
            },
        };
        if let Err(lacking) = self.check(image) {
            return Ok(obstacle(lacking));
        }
        match self.place.config(image, Firmware::El2) {
            Ok(config) => match self.judge(image, config) {
                Err(signal @ Failure::Signal(_)) => Err(signal),
                Err(failure) => Ok(Test {
                    verdict: Verdict::Error,
                    reason: Some(failure.message()),
                    ..nothing()
                }),
                Ok(test) => Ok(test),
            },
            Err(lacking) => Ok(obstacle(lacking)),
        }
    }

    /// What a board and its CPU do not have.
    fn check(&self, image: &TestImage) -> Result<(), Obstacle> {
        let not_here = |demand, reason: String| Err(Obstacle::NotHere { demand, reason });
        let vcpus = image.vcpus(self.place.args);
        if vcpus > MAX_VCPUS {
            let reason = format!("needs {vcpus} vCPUs; at EL2 there are {MAX_VCPUS}");
            return not_here(Demand::Vcpus, reason);
        }
        let needed = image.claim.as_ref().map_or(1, |claim| claim.vcpus);
        if needed > vcpus {
            let reason = format!("needs {needed} vCPUs; --cpus gives it {vcpus}");
            return not_here(Demand::Vcpus, reason);
        }
        let needs = image.claim.as_ref().map_or(Needs::empty(), |it| it.needs);
        if needs.contains(Needs::ENTROPY) && self.cpu.entropy == Entropy::Missing {
            let reason = "needs entropy; this CPU has none (FEAT_RNG)";
            return not_here(Demand::Needs, reason.into());
        }
        if needs.intersects(Needs::GIC_V2 | Needs::ITS) {
            let reason =
                "needs another interrupt controller; at EL2 there is a GICv3 without an ITS";
            return not_here(Demand::Needs, reason.into());
        }
        Ok(())
    }

    fn judge(&self, image: &TestImage, mut config: Config) -> Result<Test, Failure> {
        if config.contract.is_some() {
            // It may promise another machine than this image's.
            Machine::new(config.clone(), &image.bytes)?;
        } else {
            config.psci_version = Some(self.place.offer.psci_version_of(&config)?);
        }
        let promise = Promise {
            workarounds: self.workarounds,
            words: image.claim.as_ref().and_then(|claim| claim.el2.clone()),
        };
        let captured = Captured::default();
        let limit = self.place.args.console_limit.bytes();
        let mut console = Bounded(console::Console::new(captured.clone(), limit));
        let streams = (Stdin::Empty, &mut console as _);
        let report = self
            .el2
            .run(&config, &promise, &image.bytes, streams, self.interrupt)?;
        let console = Console::new(console::lines(&captured.take()));
        let (verdict, reason) = judge(image.claim.as_ref(), Firmware::El2, &report, &console);
        Ok(Test {
            verdict,
            reason,
            seconds: report.duration.as_secs_f64(),
            resets: report.resets,
            calls: console.calls,
            forwarded_calls: report.forwarded_calls,
            transcript: console.transcript,
            ..nothing_yet(image, Firmware::El2)
        })
    }
}

/// What a guest prints, as far as it is kept.
struct Bounded(console::Console<Captured>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            self.0.put(*byte);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What machines at EL2 can have: whatever core has in their dialect.
#[derive(Debug)]
struct El2Offer {
    aarch32: Aarch32,
    /// Unless one is named, if the dialect has it.
    psci: PsciVersion,
}

impl Offers for El2Offer {
    fn aarch32(&self) -> Aarch32 {
        self.aarch32
    }

    fn psci_version_of(&self, config: &Config) -> Result<PsciVersion, Error> {
        let foreign = config.features.foreign_to(config.dialect);
        if !foreign.is_empty() {
            return Err(Error::DialectLacks(foreign));
        }
        let newest = config.dialect.newest_psci();
        match config.psci_version {
            Some(asked) if asked > newest => Err(Error::PsciTooNew { asked, newest }),
            Some(asked) => Ok(asked),
            None => Ok(newest.min(self.psci)),
        }
    }
}

/// As many boards as there are CPUs to emulate them.
fn at_once() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Without a kernel to compare with, KVM's answers are those of the newest that core knows.
const NEWEST: &str = "7.3";
