//! Why a command failed, and how that is told: in words, and by an exit code.

use std::fmt::Display;
use std::io;
use std::path::Path;

use signal_hook::consts::SIGPIPE;

/// The exit code for an error of the command line or of our own.
pub(crate) const OWN_ERROR: u8 = 125;
/// The exit code for a time limit that has passed.
const TIME_LIMIT: u8 = 124;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is not understood, or asks for help.
    Usage(clap::Error),
    /// The lab failed.
    Lab(vambrace_lab::Error),
    /// An image is not usable.
    Image {
        /// Which file, and what is wrong with it.
        message: String,
        /// The exit code for that in this command.
        code: u8,
    },
    /// Something else failed.
    Other {
        /// What was tried, on what, and why it failed.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A signal asked us to end.
    Signal(i32),
    /// Nobody reads our output any more.
    BrokenPipe,
}

impl Failure {
    /// A failure told by `message`.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Other {
            message: message.into(),
            hint: None,
        }
    }

    /// The image at `path` is not usable, because of `error`.
    pub(crate) fn image(path: &Path, error: &impl Display) -> Self {
        let message = format!("cannot use `{}`: {error}", path.display());
        Self::Image {
            message,
            code: OWN_ERROR,
        }
    }

    /// The same, with the exit code that an unusable image has in this command.
    pub(crate) fn with_image_code(self, code: u8) -> Self {
        match self {
            Self::Image { message, .. } => Self::Image { message, code },
            other => other,
        }
    }

    /// What was tried, on what, and why it failed, in one line.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Usage(error) => error.to_string(),
            Self::Lab(error) => error.to_string(),
            Self::Image { message, .. } | Self::Other { message, .. } => message.clone(),
            Self::Signal(signal) => format!("ended by signal {signal}"),
            Self::BrokenPipe => "nobody reads the output".into(),
        }
    }

    /// The same, with what to do about it.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        match self {
            Self::Other { message, .. } => Self::Other {
                message,
                hint: Some(hint.into()),
            },
            other => other,
        }
    }

    /// Tells the user and says with which code to exit. A signal's convention is to die of it.
    pub(crate) fn report(self) -> u8 {
        match self {
            Self::Usage(error) => {
                // There is nobody left to tell if this fails.
                let _ = error.print();
                if error.use_stderr() { OWN_ERROR } else { 0 }
            }
            Self::Lab(vambrace_lab::Error::Sink(error)) if is_broken_pipe(&error) => {
                Self::BrokenPipe.report()
            }
            Self::Lab(error) => {
                tell(&error.to_string(), error.hint().as_deref());
                match error {
                    vambrace_lab::Error::TimeLimit { .. } => TIME_LIMIT,
                    _ => OWN_ERROR,
                }
            }
            Self::Image { message, code } => {
                tell(&message, None);
                code
            }
            Self::Other { message, hint } => {
                tell(&message, hint.as_deref());
                OWN_ERROR
            }
            Self::Signal(signal) => {
                // Does not return unless the signal is ignored or blocked.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
                shell_code(signal)
            }
            Self::BrokenPipe => shell_code(SIGPIPE),
        }
    }
}

impl From<vambrace_lab::Error> for Failure {
    fn from(error: vambrace_lab::Error) -> Self {
        Self::Lab(error)
    }
}

impl From<vambrace_kvm::machine::Error> for Failure {
    fn from(error: vambrace_kvm::machine::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl From<vambrace_kvm::sys::Error> for Failure {
    fn from(error: vambrace_kvm::sys::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// For what is written to our own standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if is_broken_pipe(&error) {
            Self::BrokenPipe
        } else {
            Self::new(format!("cannot write the output: {error}"))
        }
    }
}

/// Writes to standard error as far as anybody listens.
fn tell(message: &str, hint: Option<&str>) {
    use std::io::Write as _;
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "error: {message}");
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

fn shell_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(OWN_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_that_are_documented() {
        assert_eq!(Failure::new("x").report(), 125);
        assert_eq!(Failure::BrokenPipe.report(), 141);
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::from(pipe()).report(), 141);
        assert_eq!(
            Failure::Lab(vambrace_lab::Error::Sink(pipe())).report(),
            141
        );
        assert_eq!(Failure::Lab(vambrace_lab::Error::NoMirror).report(), 125);
    }

    #[test]
    fn a_hint_is_kept() {
        let failure = Failure::new("x").with_hint("do y");
        assert!(matches!(failure, Failure::Other { hint: Some(hint), .. } if hint == "do y"));
    }
}
