//! A process while it runs: never for longer than a limit, and never without its end being seen.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fs, process};

use rustix::process::{Pid, Signal, kill_process};

use crate::ended::{Ended, Ending};

/// Runs `command` to its end, without standard input.
///
/// # Panics
/// If it cannot be started or does not end within two minutes.
#[track_caller]
pub fn see(command: &mut Command) -> Ended {
    see_with_input(command, b"")
}

/// Runs `command` to its end; its standard input is `input`.
///
/// # Panics
/// If it cannot be started, does not take its input, or does not end within two minutes.
#[track_caller]
pub fn see_with_input(command: &mut Command, input: &[u8]) -> Ended {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut started = Started::new(command);
    let Some(mut stdin) = started.child.stdin.take() else {
        unreachable!("standard input is a pipe");
    };
    match stdin.write_all(input) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            panic!("{}: {error}", started.command)
        }
        _ => drop(stdin),
    }
    started.finish()
}

/// A process that runs, and with it all that it starts: they carry the same mark.
#[derive(Debug)]
pub struct Started {
    command: String,
    child: Child,
    mark: String,
    since: Instant,
}

impl Started {
    /// Starts `command`, with the streams it has been given.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn new(command: &mut Command) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{MARK}={}-{number}", process::id());
        command.env(MARK, &mark[MARK.len() + 1..]);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let line = words.fold(String::new(), |mut line, word| {
            // A string takes whatever is written to it.
            let _ = write!(line, "{} ", word.display());
            line
        });
        let since = Instant::now();
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        Self {
            command: line,
            child,
            mark,
            since,
        }
    }

    /// Its standard output, if that is a pipe and was not taken before.
    pub fn stdout(&mut self) -> Option<process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If that is not possible.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a child can be signalled");
    }

    /// Waits until it has started a program of this name.
    ///
    /// # Panics
    /// If it has not within two minutes.
    pub fn wait_for(&self, program: &str) {
        while !marked(&self.mark)
            .iter()
            .any(|found| found.contains(program))
        {
            assert!(
                self.since.elapsed() < LIMIT,
                "{}: no {program} was started",
                self.command
            );
            thread::sleep(POLL);
        }
    }

    /// Waits for its end; its output is what nobody else has taken.
    ///
    /// # Panics
    /// If it does not end within two minutes of its start. It is killed then.
    #[track_caller]
    pub fn finish(mut self) -> Ended {
        let stdout = self.child.stdout.take().map(read_all);
        let stderr = self.child.stderr.take().map(read_all);
        let status = self.wait();
        let time = self.since.elapsed();
        let text = |reader: Option<JoinHandle<String>>| {
            reader.map_or_else(String::new, |reader| {
                reader.join().expect("reading does not panic")
            })
        };
        let ended = Ended {
            command: self.command.clone(),
            ending: ending(status.unwrap_or_default()),
            stdout: text(stdout),
            stderr: text(stderr),
            time,
        };
        assert!(
            status.is_some(),
            "it did not end within {LIMIT:?} and was killed: {ended}"
        );
        ended
    }

    /// As [`finish`](Self::finish); and some moments later nothing is left that it has started.
    ///
    /// # Panics
    /// If it does not end, or something is left.
    #[track_caller]
    pub fn finish_and_leave_nothing(self) -> Ended {
        let mark = self.mark.clone();
        let ended = self.finish();
        let deadline = Instant::now() + GONE;
        loop {
            let left = marked(&mark);
            if left.is_empty() {
                return ended;
            }
            assert!(Instant::now() < deadline, "{left:?} is left of {ended}");
            thread::sleep(POLL);
        }
    }

    fn wait(&mut self) -> Option<ExitStatus> {
        while self.since.elapsed() < LIMIT {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return Some(status);
            }
            thread::sleep(POLL);
        }
        self.kill();
        None
    }

    fn kill(&mut self) {
        // Both fail only if it has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A test that fails leaves nothing behind either.
impl Drop for Started {
    fn drop(&mut self) {
        self.kill();
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (None, Some(signal)) => Ending::Signal(signal),
        (code, _) => Ending::Code(code.unwrap_or_default()),
    }
}

/// Reads to the end, beside the process, so that it never waits for us.
fn read_all(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The programs of all processes with `mark` in the environment they were started with.
fn marked(mark: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    // A process that has ended meanwhile, or is somebody else's, cannot be read.
    let programs = processes.filter_map(|process| {
        let environment = fs::read(process.path().join("environ")).ok()?;
        environment
            .split(|byte| *byte == 0)
            .find(|variable| *variable == mark.as_bytes())?;
        let command = fs::read(process.path().join("cmdline")).ok()?;
        let program = command.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(String::from_utf8_lossy(program).into_owned())
    });
    programs.collect()
}

/// The variable that says which process another one belongs to.
const MARK: &str = "VAMBRACE_CONFORMANCE";
const POLL: Duration = Duration::from_millis(10);
const LIMIT: Duration = Duration::from_secs(120);
/// Until the system has cleared away what was killed.
const GONE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn everything_of_an_end_is_seen() {
        let ended = see_with_input(&mut shell("cat; echo error >&2; exit 7"), b"input");
        assert_eq!(
            (ended.stdout.as_str(), ended.stderr.as_str()),
            ("input", "error\n")
        );
        assert_eq!(ended.ending, Ending::Code(7));
        assert_eq!(see(&mut shell("kill -15 $$")).ending, Ending::Signal(15));
    }

    #[test]
    #[should_panic(expected = "is left of")]
    fn a_process_that_is_left_is_found() {
        let mut command = shell("sleep 20 <&- >&- 2>&- &");
        Started::new(&mut command).finish_and_leave_nothing();
    }
}
