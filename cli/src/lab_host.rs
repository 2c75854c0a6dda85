//! Runs this same program inside a lab host.

use vambrace_lab::{HostSpec, Job, Outcome, Streams};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::ready;

/// Runs `job` in a host of `spec`, fetching and building first what is missing.
pub(crate) fn run(spec: HostSpec, job: &Job, streams: Streams) -> Result<Outcome, Failure> {
    let interrupt = Interrupt::watch()?;
    let (host, program) = ready::host(spec, &interrupt)?;
    host.run(&program, job, streams, interrupt.cancel())
        .map_err(|error| interrupt.failure(error))
}
