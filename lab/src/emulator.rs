//! QEMU as a process: started, and ended in order.
//!
//! Its process group is its own, so that a Ctrl-C on the terminal reaches only us and we end it in
//! order; and it is tied to the thread that started it, so that it ends even when we are killed.
//! Dropping it ends it.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::child::tie_to_parent;
use crate::error::Error;
use crate::qemu::Qemu;

/// A QEMU process.
#[derive(Debug)]
pub(crate) struct Emulator(Child);

/// The ends of its streams.
#[derive(Debug)]
pub(crate) struct Streams {
    /// If it was started with a pipe.
    pub(crate) input: Option<ChildStdin>,
    pub(crate) output: ChildStdout,
    pub(crate) messages: ChildStderr,
}

impl Emulator {
    /// Starts QEMU; it keeps `inherited` open under their numbers. The calling thread has to
    /// outlive it.
    pub(crate) fn start(
        qemu: &Qemu,
        arguments: &[OsString],
        inherited: Vec<OwnedFd>,
        input: Stdio,
    ) -> Result<(Self, Streams), Error> {
        let mut command = Command::new(qemu.program());
        command.args(arguments).process_group(0);
        command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        tie_to_parent(&mut command, inherited);
        log::debug!("starting {command:?}");
        let mut child = command.spawn().map_err(|error| Error::QemuUnusable {
            program: qemu.program().to_owned(),
            reason: error.to_string(),
        })?;
        let input = child.stdin.take();
        let (Some(output), Some(messages)) = (child.stdout.take(), child.stderr.take()) else {
            unreachable!("both streams were asked for as pipes");
        };
        let streams = Streams {
            input,
            output,
            messages,
        };
        Ok((Self(child), streams))
    }

    /// Waits for QEMU to end by itself, for as long as `grace`, then ends it; how it ended by
    /// itself, if it did.
    pub(crate) fn finish(&mut self, grace: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + grace;
        let mut status = self.0.try_wait().ok().flatten();
        while status.is_none() && Instant::now() < deadline {
            std::thread::sleep(LOOK);
            status = self.0.try_wait().ok().flatten();
        }
        self.kill();
        status
    }

    fn kill(&mut self) {
        // The whole group: QEMU may be wrapped in a script. Nothing fails here but on a process
        // that is already gone, and its number is not reused before it has been waited for.
        if let Ok(None) = self.0.try_wait()
            && let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.kill();
    }
}

/// So often it is looked whether QEMU is gone.
const LOOK: Duration = Duration::from_millis(1);
