//! Runs this same program inside a lab host.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use signal_hook::consts::SIGTERM;
use vambrace_lab::{Cancel, HostSpec, Job, Outcome, Output, Signals, Stdin, Streams};

use crate::device_options::DeviceOptions;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::progress::say;
use crate::ready;

/// Runs `job` in a host of `spec`, fetching and building first what is missing.
pub(crate) fn run(spec: HostSpec, job: &Job, streams: Streams) -> Result<Outcome, Failure> {
    let interrupt = Interrupt::watch()?;
    let (host, program) = ready::host(spec, &interrupt)?;
    host.run(&program, job, streams, interrupt.cancel())
        .map_err(|error| interrupt.failure(error))
}

/// The same with disks, whose writes are not to be lost: the first signal ends the command and not
/// the host.
pub(crate) fn run_with_disks(
    spec: HostSpec,
    mut job: Job,
    streams: Streams,
) -> Result<Outcome, Failure> {
    let ending = Ending::of(&mut job)?;
    let asked = ending.clone();
    let interrupt = Interrupt::watch_with(move |cancel| asked.ask(cancel))?;
    let (host, program) = ready::host(spec, &interrupt)?;
    ending.begin();
    let outcome = host.run(&program, &job, streams, interrupt.cancel());
    match (outcome, interrupt.signal()) {
        (Ok(outcome), Some(signal)) if outcome.missing.is_empty() => Err(Failure::Signal(signal)),
        (outcome, _) => outcome.map_err(|error| interrupt.failure(error)),
    }
}

/// Ends a command in a lab host in order, so that what it has written reaches the files that are
/// the host's disks. Clones end the same one.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    signals: Signals,
    state: Arc<AtomicU8>,
    begun: Arc<AtomicBool>,
}

impl Ending {
    /// For the command of `job`.
    pub(crate) fn of(job: &mut Job) -> Result<Self, Failure> {
        let (signals, end) = Signals::new()
            .map_err(|error| Failure::new(format!("cannot make a way for signals: {error}")))?;
        job.signals = Some(end);
        Ok(Self {
            signals,
            state: Arc::new(AtomicU8::new(PREPARING)),
            begun: Arc::default(),
        })
    }

    /// The host is about to start.
    pub(crate) fn begin(&self) {
        let order = Ordering::SeqCst;
        self.begun.store(true, order);
        let _ = self
            .state
            .compare_exchange(PREPARING, RUNNING, order, order);
    }

    /// Ends the command; where that takes too long, the host, by `cancel`. Before there is a host,
    /// what prepares it is cancelled.
    pub(crate) fn ask(&self, cancel: &Cancel) {
        match self.state.swap(ASKED, Ordering::SeqCst) {
            RUNNING => {
                self.send(SIGTERM);
                let cancel = cancel.clone();
                std::thread::spawn(move || {
                    std::thread::sleep(PATIENCE);
                    cancel.cancel();
                });
            }
            PREPARING => cancel.cancel(),
            _ => {}
        }
    }

    /// Was it ended by [`ask`](Self::ask)?
    pub(crate) fn is_asked(&self) -> bool {
        self.state.load(Ordering::SeqCst) == ASKED
    }

    /// Has a host been started?
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    /// Sends the command another signal.
    pub(crate) fn send(&self, signal: i32) {
        if let Ok(number) = u8::try_from(signal) {
            self.signals.send(number);
        }
    }
}

/// The same; what the command writes to standard output is returned, and what it says on standard
/// error is said on ours.
pub(crate) fn run_and_capture(spec: HostSpec, job: &Job) -> Result<(Outcome, Vec<u8>), Failure> {
    let captured = Captured::default();
    let streams = Streams {
        stdin: Stdin::Empty,
        stdout: Box::new(captured.clone()),
        stderr: Box::new(io::stderr()),
    };
    let outcome = run(spec, job, streams)?;
    let mut bytes = captured.0.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((outcome, std::mem::take(&mut bytes)))
}

/// Tells of each file that should have come back and has not.
pub(crate) fn tell_missing(outcome: &Outcome, outputs: impl IntoIterator<Item = Output>) {
    for output in outputs {
        let missing = outcome.missing.iter();
        for file in missing.filter(|file| file.inside == output.inside) {
            let (outside, reason) = (output.outside.display(), &file.reason);
            say(&format!("`{outside}` could not be brought back: {reason}"));
        }
    }
}

/// Tells of each disk that could not be written to its end.
pub(crate) fn tell_unwritten(outcome: &Outcome, devices: &DeviceOptions) {
    for file in &outcome.missing {
        if let Some(disk) = devices.disk_named(&file.inside) {
            let (disk, reason) = (disk.display(), &file.reason);
            say(&format!(
                "what the guest wrote to `{disk}` is not all there: {reason}"
            ));
        }
    }
}

/// Keeps what is written to it. Clones share it.
#[derive(Debug, Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What an [`Ending`] has come to.
const PREPARING: u8 = 0;
const RUNNING: u8 = 1;
const ASKED: u8 = 2;
/// For a machine to end and its host to write out what it wrote.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    use vambrace_lab::Executable;

    use super::*;

    fn ending() -> (Ending, UnixStream) {
        let mut job = Job::new(Executable::Vambrace, Vec::new());
        let ending = Ending::of(&mut job).unwrap();
        let end = job.signals.unwrap().as_fd().try_clone_to_owned().unwrap();
        (ending, end.into())
    }

    #[test]
    fn a_command_that_runs_is_asked_once_and_its_host_goes_on() {
        let (ending, mut heard) = ending();
        let cancel = Cancel::new().unwrap();
        ending.begin();
        ending.ask(&cancel);
        ending.ask(&cancel);
        assert!(ending.is_asked() && !cancel.is_cancelled());
        drop(ending);
        let mut signals = Vec::new();
        heard.read_to_end(&mut signals).unwrap();
        assert_eq!(signals, [15]);
    }

    #[test]
    fn before_there_is_a_host_what_prepares_it_is_cancelled() {
        let (ending, _heard) = ending();
        let cancel = Cancel::new().unwrap();
        ending.ask(&cancel);
        assert!(cancel.is_cancelled());
        ending.begin();
        assert!(ending.is_asked());
    }
}
