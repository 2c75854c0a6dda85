//! A command run to its end, or to the end of its time.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Runs a command to its end, its output kept in `folder` meanwhile. One that does not end within
/// `limit` is killed; the emulator that it has started is tied to it and ends with it.
pub(crate) fn output_within(
    mut command: Command,
    folder: &Path,
    limit: Duration,
) -> Result<Output, String> {
    let [stdout, stderr] = ["stdout", "stderr"].map(|name| folder.join(name));
    let failed = |error: io::Error| format!("cannot run {:?}: {error}", command.get_program());
    let create = |path| File::create(path).map_err(failed);
    let (to_stdout, to_stderr) = (create(&stdout)?, create(&stderr)?);
    let begun = command
        .stdin(Stdio::null())
        .stdout(to_stdout)
        .stderr(to_stderr)
        .spawn();
    let failed = |error| format!("cannot run {:?}: {error}", command.get_program());
    let mut child = begun.map_err(failed)?;
    let late = Instant::now() + limit;
    let ended = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break Some(status),
            None if Instant::now() > late => break None,
            None => thread::sleep(POLL),
        }
    };
    let status = match ended {
        Some(status) => status,
        None => child.kill().and_then(|()| child.wait()).map_err(failed)?,
    };
    let read = |path| fs::read(path).map_err(failed);
    let output = Output {
        status,
        stdout: read(&stdout)?,
        stderr: read(&stderr)?,
    };
    match ended {
        Some(_) => Ok(output),
        None => Err(format!(
            "killed: it had not finished after {} s; {}",
            limit.as_secs(),
            told_by(&output)
        )),
    }
}

/// How a command ended, and all that it wrote.
pub(crate) fn told_by(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let (console, errors) = (text(&output.stdout), text(&output.stderr));
    format!("the run ended with {}\n{console}\n{errors}", output.status)
}

const POLL: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(600);

    fn shell(script: &str, limit: Duration) -> Result<Output, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        output_within(command, folder.path(), limit)
    }

    #[test]
    fn what_a_run_writes_is_kept_with_its_status() {
        let output = shell("echo a; echo b >&2; exit 3", LIMIT).unwrap();
        assert_eq!(
            (&output.stdout[..], &output.stderr[..]),
            (&b"a\n"[..], &b"b\n"[..])
        );
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(told_by(&output), "the run ended with exit status: 3\na\nb");
    }

    #[test]
    fn a_run_that_hangs_is_killed_and_told_with_what_it_wrote() {
        let reason = shell("echo begun; exec sleep 600", Duration::from_secs(1)).unwrap_err();
        assert!(
            reason.starts_with("killed: it had not finished after 1 s; the run ended with signal"),
            "{reason}"
        );
        assert!(reason.contains("\nbegun\n"), "{reason}");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let reason = output_within(Command::new("no-such-program"), folder.path(), LIMIT);
        assert!(
            reason
                .unwrap_err()
                .starts_with("cannot run \"no-such-program\": ")
        );
    }
}
