//! Running other programs: what is run is shown, what fails is explained.
//!
//! No process gets a shell, an input, or the variables that `cargo run` sets for xtask alone:
//! those would make build scripts run again that differ in nothing else.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::process_group::Leader;

/// Standard output and standard error of a finished process, in the order they were written.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) status: ExitStatus,
    pub(crate) text: String,
}

/// The two streams of a finished process, for one that writes for programs to read.
#[derive(Debug)]
pub(crate) struct Separate {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
    pub(crate) errors: String,
}

pub(crate) fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let of_xtask = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ];
        if name
            .to_str()
            .is_some_and(|name| of_xtask.iter().any(|prefix| name.starts_with(prefix)))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command on this terminal and fails with its command line if it fails.
pub(crate) fn show(command: Command) -> Result<()> {
    let line = shell_line(&command);
    let status = show_as(&line, command)?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Runs a command on this terminal under a name that may be shorter than its command line, and
/// leaves the judgement to the caller.
pub(crate) fn show_as(line: &str, mut command: Command) -> Result<ExitStatus> {
    println!("$ {line}");
    command
        .status()
        .with_context(|| format!("cannot start `{line}`"))
}

/// Runs a command silently and keeps everything it writes.
pub(crate) fn capture(mut command: Command) -> Result<Captured> {
    let line = shell_line(&command);
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command
        .stdout(writer.try_clone().context("cannot copy a pipe")?)
        .stderr(writer);
    let mut leader = Leader::start(command).with_context(|| format!("cannot start `{line}`"))?;
    let [text] = read_to_the_end([Box::new(reader)], &leader, LIMIT);
    let status = leader
        .wait()
        .with_context(|| format!("cannot wait for `{line}`"))?;
    Ok(Captured {
        status,
        text: format!("$ {line}\n{text}"),
    })
}

/// Runs a command silently and keeps its streams apart.
pub(crate) fn separate(command: Command) -> Result<Separate> {
    separate_within(command, LIMIT)
}

/// The same for a command with a time limit of its own.
pub(crate) fn separate_within(mut command: Command, limit: Duration) -> Result<Separate> {
    let line = shell_line(&command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut leader = Leader::start(command).with_context(|| format!("cannot start `{line}`"))?;
    let (output, errors) = (leader.child.stdout.take(), leader.child.stderr.take());
    let streams = output
        .zip(errors)
        .with_context(|| format!("`{line}` has no streams"))?;
    let streams: [Box<dyn Read + Send>; 2] = [Box::new(streams.0), Box::new(streams.1)];
    let [output, errors] = read_to_the_end(streams, &leader, limit);
    let status = leader
        .wait()
        .with_context(|| format!("cannot wait for `{line}`"))?;
    Ok(Separate {
        status,
        output,
        errors,
    })
}

/// What a process writes until it closes its streams. One that does not within the limit is
/// killed with all that it has started, so that nothing that hangs takes the rest of a run with it;
/// the last stream says so.
fn read_to_the_end<const N: usize>(
    streams: [Box<dyn Read + Send>; N],
    leader: &Leader,
    limit: Duration,
) -> [String; N] {
    let (open, closed) = mpsc::channel::<()>();
    let texts = streams.map(|mut stream| {
        let text = SharedText::default();
        let (mut sink, open) = (text.clone(), open.clone());
        std::thread::spawn(move || {
            // An end is an end: what was written until then counts.
            let _ = std::io::copy(&mut stream, &mut sink);
            drop(open);
        });
        text
    });
    drop(open);
    let late = closed.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
    if late {
        leader.kill();
        // What has left the group may hold a stream for ever.
        let _ = closed.recv_timeout(Duration::from_secs(5));
    }
    let mut texts = texts.map(|text| text.into_string());
    if let Some(last) = texts.last_mut().filter(|_| late) {
        *last += &format!("killed: it had not finished after {} s\n", limit.as_secs());
    }
    texts
}

/// What a thread has read so far.
#[derive(Clone, Default)]
struct SharedText(Arc<Mutex<Vec<u8>>>);

impl SharedText {
    fn into_string(self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for SharedText {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Standard output of a command that must succeed; its standard error is in the failure.
pub(crate) fn output(command: Command) -> Result<String> {
    let line = shell_line(&command);
    let run = separate(command)?;
    if !run.status.success() {
        bail!(
            "`{line}` failed ({}): {}",
            run.status,
            run.errors.trim_end()
        );
    }
    Ok(run.output)
}

/// The command as one would type it.
pub(crate) fn shell_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| quoted(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+:,./@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Several times what the longest part takes on a busy machine, and a fraction of a whole run.
const LIMIT: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = command("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn captured_text_keeps_the_order_of_both_streams() {
        let captured = capture(shell("echo a; echo b >&2; echo c")).unwrap();
        assert_eq!(
            captured.text,
            "$ sh -c 'echo a; echo b >&2; echo c'\na\nb\nc\n"
        );
        assert!(captured.status.success());
    }

    #[test]
    fn a_failing_command_is_named_with_its_reason() {
        let error = output(shell("echo no such luck >&2; exit 3"))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "`sh -c 'echo no such luck >&2; exit 3'` failed (exit status: 3): no such luck"
        );
    }

    #[test]
    fn a_process_that_hangs_is_killed_and_what_it_wrote_is_kept() {
        let shell = shell("echo begun; sleep 600");
        let run = separate_within(shell, Duration::from_secs(1)).unwrap();
        assert_eq!(run.output, "begun\n");
        assert_eq!(run.errors, "killed: it had not finished after 1 s\n");
        assert!(!run.status.success());
    }

    #[test]
    fn streams_kept_apart_stay_apart() {
        let run = separate(shell("echo a; echo b >&2")).unwrap();
        assert_eq!((run.output.as_str(), run.errors.as_str()), ("a\n", "b\n"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = capture(command("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
    }

    #[test]
    fn a_word_with_a_quote_survives_the_shell() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("lab:6.12"), "lab:6.12");
    }
}
