//! Runs this same program inside a lab host.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use vambrace_lab::{HostSpec, Job, Outcome, Output, Stdin, Streams};

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
