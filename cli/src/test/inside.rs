//! Runs tests on this machine's KVM, be it the user's or a lab host's.

use std::io::{self, Write};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use vambrace_core::psci::PsciVersion;
use vambrace_kvm::console;
use vambrace_kvm::devices::Unclaimed;
use vambrace_kvm::image::{Claim, Version};
use vambrace_kvm::machine::{Config, Devices, Machine, Offer, Report};
use vambrace_kvm::sys;

use super::Arguments;
use super::collect::TestImage;
use super::compare::compare;
use super::judge::{Console, judge};
use super::record::{self, Firmware, Record, Summary, Test, Verdict};
use crate::failure::Failure;
use crate::host::{kernel_release, version_of};
use crate::machine_options::config;

/// Runs every test under every firmware asked for, and tells each record as it comes.
pub(super) fn run(
    args: &Arguments,
    images: &[TestImage],
    tell: &mut dyn FnMut(Record),
) -> Result<Summary, Failure> {
    let host = sys::open()?;
    let offer = Offer::of(&host)?;
    for firmware in args.firmware() {
        offer.check(firmware.into())?;
    }
    let release = kernel_release();
    let place = Place {
        args,
        host: &host,
        release: &release,
        psci: offer.psci_version,
    };
    tell(Record::Host(record::Host {
        name: "local".into(),
        kernel: release.clone(),
        psci: offer.psci_version.to_string(),
    }));
    let mut summary = Summary::default();
    for image in images {
        for record in place.run_under_all(image)? {
            summary.add(&record);
            tell(record);
        }
    }
    tell(Record::Summary(summary));
    Ok(summary)
}

/// The host and what is asked of it.
struct Place<'a, H> {
    args: &'a Arguments,
    host: &'a H,
    release: &'a str,
    psci: PsciVersion,
}

impl<H: sys::Host + Sync> Place<'_, H> {
    /// One test under every firmware asked for, at the same time, and what comes of holding them
    /// together.
    fn run_under_all(&self, image: &TestImage) -> Result<Vec<Record>, Failure> {
        let runs: Vec<Test> = thread::scope(|scope| {
            let threads: Vec<_> = self
                .args
                .firmware()
                .map(|firmware| scope.spawn(move || self.run(image, firmware)))
                .collect();
            let joined = threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            joined.collect::<Result<_, _>>()
        })?;
        let comparison = compare(&runs).map(Record::Comparison);
        Ok(runs
            .into_iter()
            .map(Record::Test)
            .chain(comparison)
            .collect())
    }

    /// One test under one firmware.
    fn run(&self, image: &TestImage, firmware: Firmware) -> Result<Test, Failure> {
        let skipped = image
            .claim
            .as_ref()
            .and_then(|claim| self.cannot_hold(claim));
        if let Some(reason) = skipped {
            return Ok(test(
                image,
                firmware,
                (Verdict::Skip, Some(reason)),
                None,
                Console::default(),
            ));
        }
        let config = Config {
            firmware: firmware.into(),
            dialect: self.args.dialect.of(self.release),
            time_limit: Some(self.args.time_limit()),
            flip: self.args.flip_answer,
            ..config(image.vcpus(self.args), image.memory(self.args))
        };
        let captured = Captured::default();
        let devices = Devices::new(
            Box::new(captured.clone()),
            self.args.console_limit.bytes(),
            Unclaimed::ZeroAndIgnored,
        );
        let report = Machine::new(config, &image.bytes)?.run(self.host, &devices)?;
        let console = Console::new(console::lines(&captured.take()));
        let judgement = judge(image.claim.as_ref(), firmware, &report, &console);
        Ok(test(image, firmware, judgement, Some(&report), console))
    }

    /// Why a claim cannot hold here, by its own header.
    fn cannot_hold(&self, claim: &Claim) -> Option<String> {
        let psci = self.psci.value();
        let old_psci = claim
            .psci
            .filter(|needed| psci < u32::from(needed.major) << 16 | u32::from(needed.minor));
        if let Some(Version { major, minor }) = old_psci {
            return Some(format!(
                "needs PSCI {major}.{minor}; this host has {}",
                self.psci
            ));
        }
        let (major, minor) = version_of(self.release);
        let old_kvm = claim
            .kvm
            .filter(|needed| (major, minor) < (needed.major.into(), needed.minor.into()));
        old_kvm.map(|Version { major, minor }| {
            format!(
                "needs Linux {major}.{minor}; this host has {}",
                self.release
            )
        })
    }
}

fn test(
    image: &TestImage,
    firmware: Firmware,
    (verdict, reason): (Verdict, Option<String>),
    report: Option<&Report>,
    console: Console,
) -> Test {
    Test {
        name: image.name.clone(),
        claim: image.claim.as_ref().map(|claim| claim.sentence.clone()),
        firmware,
        verdict,
        reason,
        seconds: report.map_or(0.0, |report| report.duration.as_secs_f64()),
        resets: report.map_or(0, |report| report.resets),
        calls: console.calls,
        forwarded_calls: report.map_or(0, |report| report.forwarded_calls),
        transcript: console.transcript,
    }
}

/// What a machine prints, kept.
#[derive(Debug, Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn take(&self) -> Vec<u8> {
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
