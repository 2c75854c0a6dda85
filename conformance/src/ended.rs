//! What is left of a process that has ended, and what a test demands of it.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With an exit code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

/// A process that has ended. Each demand that fails panics, and shows all there is to see.
#[derive(Debug)]
pub struct Ended {
    /// The command line.
    pub command: String,
    /// How it ended.
    pub ending: Ending,
    /// Its standard output; of what is not UTF-8 as much as can be shown.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// From its start to its end.
    pub time: Duration,
}

impl Ended {
    /// It ended like this.
    #[track_caller]
    pub fn ends(&self, ending: Ending) -> &Self {
        assert_eq!(self.ending, ending, "{self}");
        self
    }

    /// It ended with this exit code.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        self.ends(Ending::Code(code))
    }

    /// Its standard output has all of this in it.
    #[track_caller]
    pub fn prints(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(
                self.stdout.contains(text),
                "`{text}` is not on standard output: {self}"
            );
        }
        self
    }

    /// Its standard error has all of this in it.
    #[track_caller]
    pub fn says(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(
                self.stderr.contains(text),
                "`{text}` is not on standard error: {self}"
            );
        }
        self
    }

    /// It failed before a host was started: at once, with this code, saying all of this, and with
    /// nothing on standard output.
    #[track_caller]
    pub fn refuses(&self, code: i32, texts: &[&str]) -> &Self {
        self.exits(code).says(texts);
        assert!(self.time < AT_ONCE, "it took {:?}: {self}", self.time);
        assert_eq!(self.stdout, "", "{self}");
        assert!(self.stderr.starts_with("error: "), "{self}");
        for noise in ["panicked", "RUST_BACKTRACE", "os error", "Os {"] {
            assert!(
                !self.stderr.contains(noise),
                "`{noise}` is nothing for users: {self}"
            );
        }
        self
    }

    /// The JSON objects on its standard output, one a line.
    ///
    /// # Panics
    /// If a line is none.
    #[track_caller]
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        let parse =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The one JSON object on its standard error.
    ///
    /// # Panics
    /// If there is none, or more.
    #[track_caller]
    #[must_use]
    pub fn report(&self) -> Value {
        let mut objects = self.stderr.lines().filter(|line| line.starts_with('{'));
        let (Some(object), None) = (objects.next(), objects.next()) else {
            panic!("there is not one JSON object on standard error: {self}");
        };
        serde_json::from_str(object).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            ending,
            stdout,
            stderr,
            time,
        } = self;
        write!(
            f,
            "{command}\n{ending:?} after {time:.1?}\n--- standard output\n{stdout}\n\
             --- standard error\n{stderr}"
        )
    }
}

/// Long enough for a busy machine to read a file, too short for it to start a host.
const AT_ONCE: Duration = Duration::from_secs(2);
