//! Running the tools that fetching needs, one at a time.

use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::Error;
use crate::latch::{Cancel, wait_readable};
use crate::tail::{Tail, last_lines};

/// Runs `command`, gives each line it prints to `on_line`, and hands back all it printed.
/// `step` says in an error what was being done.
///
/// The tool has a process group of its own: a Ctrl-C reaches only us, and ends it through `cancel`.
pub(super) fn run(
    mut command: Command,
    step: &str,
    cancel: &Cancel,
    mut on_line: impl FnMut(&str),
) -> Result<String, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.env("LC_ALL", "C").process_group(0);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    crate::child::tie_to_parent(&mut command, Vec::new());
    log::debug!("running {command:?}");
    let failed = |output| Error::FetchFailed {
        step: step.to_owned(),
        output,
    };
    let mut child = Ended(
        command
            .spawn()
            .map_err(|error| failed(vec![format!("{name}: {error}")]))?,
    );
    let (Some(mut stdout), Some(stderr)) = (child.0.stdout.take(), child.0.stderr.take()) else {
        unreachable!("both streams were asked for as pipes");
    };
    let mut errors = Tail::of(stderr, ERRORS_KEPT);
    let mut printed = Vec::new();
    let mut told = 0;
    let mut buffer = [0; 4096];
    loop {
        let ready = wait_readable(&[cancel.latch().as_fd(), stdout.as_fd()], None);
        match ready.and_then(|ready| {
            if ready == Some(0) {
                Ok(None)
            } else {
                stdout.read(&mut buffer).map(Some)
            }
        }) {
            Ok(None) => return Err(Error::Cancelled),
            Ok(Some(0)) => break,
            Ok(Some(count)) => printed.extend_from_slice(&buffer[..count]),
            Err(error) => return Err(failed(vec![format!("{name}: {error}")])),
        }
        while let Some(end) = printed[told..].iter().position(|byte| *byte == b'\n') {
            on_line(&String::from_utf8_lossy(&printed[told..told + end]));
            told += end + 1;
        }
    }
    let status = child
        .0
        .wait()
        .map_err(|error| failed(vec![format!("{name}: {error}")]))?;
    errors.finish();
    if status.success() {
        return Ok(String::from_utf8_lossy(&printed).into_owned());
    }
    let mut lines = errors.last_lines(LINES_SHOWN);
    if lines.is_empty() {
        lines = last_lines(&printed, LINES_SHOWN);
    }
    lines.push(format!("{name} ended with {status}"));
    Err(failed(lines))
}

/// A child that is ended, with whatever it started, when it is let go of.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
                // It may end by itself at this moment.
                let _ = kill_process_group(group, Signal::TERM);
            }
            let _ = self.0.wait();
        }
    }
}

const ERRORS_KEPT: usize = 64 << 10;
const LINES_SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        command
    }

    #[test]
    fn lines_are_told_as_they_come_and_handed_back() {
        let mut lines = Vec::new();
        let cancel = Cancel::new().unwrap();
        let script = shell("printf 'one\\ntwo\\nthree'");
        let printed = run(script, "it", &cancel, |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(printed, "one\ntwo\nthree");
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn a_failure_carries_the_tool_s_last_words() {
        let cancel = Cancel::new().unwrap();
        let error = run(
            shell("echo out; echo why >&2; exit 3"),
            "reading",
            &cancel,
            |_| {},
        );
        let text = error.unwrap_err().to_string();
        assert_eq!(
            text,
            "reading failed\n  | why\n  | sh ended with exit status: 3"
        );
    }

    #[test]
    fn a_missing_tool_is_named() {
        let cancel = Cancel::new().unwrap();
        let error = run(
            Command::new("no-such-tool-at-all"),
            "reading",
            &cancel,
            |_| {},
        );
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("no-such-tool-at-all: No such file")
        );
    }

    #[test]
    fn a_cancelled_tool_is_ended() {
        let cancel = Cancel::new().unwrap();
        cancel.cancel();
        let error = run(shell("sleep 600"), "sleeping", &cancel, |_| {});
        assert!(matches!(error, Err(Error::Cancelled)));
    }
}
