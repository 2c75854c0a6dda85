//! Runs tests on this machine's KVM, be it the user's or a lab host's.

use std::io::{self, Write};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use vambrace_kvm::console;
use vambrace_kvm::devices::Unclaimed;
use vambrace_kvm::machine::{Aarch32, Config, Devices, Error, Machine, Offer, Report};
use vambrace_kvm::sys;

use super::Arguments;
use super::collect::TestImage;
use super::compare::compare;
use super::judge::{Console, judge};
use super::place::{Obstacle, Place};
use super::record::{self, Firmware, Record, Summary, Test, Verdict};
use crate::failure::Failure;
use crate::host_choice::kernel_release;
use crate::machine_options::board;
use crate::under_contract;

/// Runs every test under every firmware asked for, and tells each record as it comes.
pub(super) fn run(
    args: &Arguments,
    images: &[TestImage],
    tell: &mut dyn FnMut(Record),
) -> Result<Summary, Failure> {
    args.host_cpus.keep()?;
    let host = sys::open()?;
    let offer = Offer::of(&host)?;
    let release = kernel_release();
    let place = Place {
        args,
        offer,
        release: &release,
    };
    place.check()?;
    tell(Record::Host(record::Host {
        name: "local".into(),
        kernel: release.clone(),
        psci: offer.psci_version.to_string(),
        features: offer.features.names().map(str::to_owned).collect(),
        aarch32: offer.aarch32 == Aarch32::Offered,
        workarounds: record::Promised::of(offer.workarounds()),
    }));
    let bench = Bench { place, host: &host };
    let mut summary = Summary::default();
    for image in images {
        for record in bench.run_under_all(image) {
            summary.add(&record);
            tell(record);
        }
    }
    tell(Record::Summary(summary));
    Ok(summary)
}

/// A place, and the KVM there.
struct Bench<'a, H> {
    place: Place<'a, Offer>,
    host: &'a H,
}

impl<H: sys::Host + Sync> Bench<'_, H> {
    /// One test under every firmware asked for, and what comes of holding them together. Small
    /// machines run at the same time; large ones would take the CPUs away from each other.
    fn run_under_all(&self, image: &TestImage) -> Vec<Record> {
        let args = self.place.args;
        let run = |firmware| self.run(image, firmware);
        let runs: Vec<Test> = if image.vcpus(args) > MOST_AT_ONCE {
            args.firmware_on_kvm().map(run).collect()
        } else {
            at_once(args.firmware_on_kvm(), run)
        };
        let comparison = compare(&runs).map(Record::Comparison);
        runs.into_iter()
            .map(Record::Test)
            .chain(comparison)
            .collect()
    }

    /// One test under one firmware. What fails it here says nothing of the tests after it.
    fn run(&self, image: &TestImage, firmware: Firmware) -> Test {
        let outcome = match self.place.config(image, firmware) {
            Ok(config) => self.judge(image, firmware, config),
            Err(Obstacle::NotHere { demand, reason }) => Ok(Test {
                verdict: Verdict::Skip,
                reason: Some(reason),
                ruled_out_by: Some(demand),
                ..nothing_yet(image, firmware)
            }),
            Err(Obstacle::Failed(error)) => Err(error),
        };
        outcome.unwrap_or_else(|error| Test {
            verdict: Verdict::Error,
            reason: Some(error.to_string()),
            ..nothing_yet(image, firmware)
        })
    }

    /// Runs the machine of a test, and says what that says about its claim.
    fn judge(&self, image: &TestImage, firmware: Firmware, config: Config) -> Result<Test, Error> {
        let captured = Captured::default();
        let console_limit = self.place.args.console_limit.bytes();
        let output = Box::new(captured.clone());
        let devices = board(output, console_limit, Unclaimed::ZeroAndIgnored)?;
        let report = self.run_machine(config, image, &devices)?;
        let console = Console::new(console::lines(&captured.take()));
        let (verdict, reason) = judge(image.claim.as_ref(), firmware, &report, &console);
        let Report {
            resets,
            forwarded_calls,
            ..
        } = report;
        Ok(Test {
            verdict,
            reason,
            seconds: report.duration.as_secs_f64(),
            resets,
            calls: console.calls,
            forwarded_calls,
            transcript: console.transcript,
            ..nothing_yet(image, firmware)
        })
    }

    /// Runs a machine; under a contract with what the host changes of it, if that is known.
    fn run_machine(
        &self,
        config: Config,
        image: &TestImage,
        devices: &Devices,
    ) -> Result<Report, Error> {
        let contract = config.contract.clone();
        let mut machine = Machine::new(config, &image.bytes)?;
        under_contract::run(&mut machine, contract.as_ref(), self.host, devices)
    }
}

/// What `run` gives for each firmware, all at the same time.
fn at_once<T: Send>(
    firmware: impl Iterator<Item = Firmware>,
    run: impl Fn(Firmware) -> T + Sync,
) -> Vec<T> {
    let run = &run;
    thread::scope(|scope| {
        let threads: Vec<_> = firmware
            .map(|firmware| scope.spawn(move || run(firmware)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

/// The record of a test that did not run.
pub(super) fn nothing_yet(image: &TestImage, firmware: Firmware) -> Test {
    Test {
        name: image.name.clone(),
        claim: image.claim.as_ref().map(|claim| claim.sentence.clone()),
        firmware,
        verdict: Verdict::Skip,
        reason: None,
        ruled_out_by: None,
        seconds: 0.0,
        resets: 0,
        calls: None,
        forwarded_calls: 0,
        transcript: Vec::new(),
    }
}

/// What a machine prints, kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// With more vCPUs than this, the machines of one test run one after the other.
const MOST_AT_ONCE: u16 = 2;
