//! A running lab host: the QEMU process and what it says.
//!
//! Dropping a machine ends it.

use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use crate::emulator::Emulator;
use crate::error::Error;
use crate::qemu::Qemu;
use crate::tail::Tail;

/// A QEMU process.
#[derive(Debug)]
pub(crate) struct Machine {
    emulator: Emulator,
    /// The host's console.
    pub(crate) console: Tail,
    /// QEMU's own messages.
    pub(crate) messages: Tail,
}

impl Machine {
    /// Starts QEMU; it keeps `inherited` open under their numbers. The calling thread has to
    /// outlive the machine.
    pub(crate) fn start(
        qemu: &Qemu,
        arguments: &[std::ffi::OsString],
        inherited: Vec<OwnedFd>,
    ) -> Result<Self, Error> {
        let (emulator, streams) = Emulator::start(qemu, arguments, inherited, Stdio::null())?;
        Ok(Self {
            emulator,
            console: Tail::of(streams.output, CONSOLE_KEPT),
            messages: Tail::of(streams.messages, MESSAGES_KEPT),
        })
    }

    /// Waits for QEMU to end by itself, for as long as `grace`, then ends it; how it ended by
    /// itself, if it did. Console and messages are complete afterwards.
    pub(crate) fn finish(&mut self, grace: Duration) -> Option<ExitStatus> {
        let status = self.emulator.finish(grace);
        self.console.finish();
        self.messages.finish();
        status
    }
}

const CONSOLE_KEPT: usize = 1 << 20;
const MESSAGES_KEPT: usize = 64 << 10;
