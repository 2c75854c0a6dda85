//! A running lab host: the QEMU process and what it says.
//!
//! Dropping a machine ends it. Its process group is its own, so that a Ctrl-C on the terminal
//! reaches only us and we end it in order; and it is tied to the thread that started it, so that it
//! ends even when we are killed.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::Error;
use crate::qemu::Qemu;
use crate::tail::Tail;

/// A QEMU process.
#[derive(Debug)]
pub(crate) struct Machine {
    child: Child,
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
        let mut command = Command::new(qemu.program());
        command.args(arguments).process_group(0);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        crate::child::tie_to_parent(&mut command, inherited);
        log::debug!("starting {command:?}");
        let mut child = command.spawn().map_err(|error| Error::QemuUnusable {
            program: qemu.program().to_owned(),
            reason: error.to_string(),
        })?;
        let (Some(console), Some(messages)) = (child.stdout.take(), child.stderr.take()) else {
            unreachable!("both streams were asked for as pipes");
        };
        Ok(Self {
            child,
            console: Tail::of(console, CONSOLE_KEPT),
            messages: Tail::of(messages, MESSAGES_KEPT),
        })
    }

    /// Waits for QEMU to end by itself, for as long as `grace`, then ends it; how it ended by
    /// itself, if it did. Console and messages are complete afterwards.
    pub(crate) fn finish(&mut self, grace: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + grace;
        let mut status = self.child.try_wait().ok().flatten();
        while status.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
            status = self.child.try_wait().ok().flatten();
        }
        self.kill();
        self.console.finish();
        self.messages.finish();
        status
    }

    fn kill(&mut self) {
        // The whole group: QEMU may be wrapped in a script. Nothing fails here but on a process
        // that is already gone, and its number is not reused before it has been waited for.
        if let Ok(None) = self.child.try_wait()
            && let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
    }
}

const CONSOLE_KEPT: usize = 1 << 20;
const MESSAGES_KEPT: usize = 64 << 10;
