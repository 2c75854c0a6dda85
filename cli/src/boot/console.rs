//! Where the guest's console leads: `--console`.
//!
//! Whatever it is, it comes down to a descriptor that the guest's input is read from, and a writer
//! for its output. On a terminal a thread stands between the keyboard and the guest and takes out
//! the keys that are ours.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::str::FromStr;
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use super::escape::{Escape, HELP, Key};
use crate::failure::Failure;
use crate::progress::say;
use crate::terminal::Raw;

/// `--console`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// Our own standard input and output.
    Stdio,
    /// Output goes to a file; there is no input.
    File(PathBuf),
    /// A new pseudoterminal.
    Pty,
    /// Output goes nowhere; there is no input.
    None,
}

/// The ends of a console.
pub(super) struct Console {
    /// What the guest reads.
    pub(super) input: Option<File>,
    /// Where its output goes.
    pub(super) output: Box<dyn Write + Send>,
    /// Set if a person sits at it.
    pub(super) terminal: Option<Raw>,
}

impl Choice {
    /// Opens it. `quit` is what the key does that ends the machine.
    pub(super) fn open(&self, quit: impl FnOnce() + Send + 'static) -> Result<Console, Failure> {
        match self {
            Self::Stdio => stdio(quit),
            Self::File(path) => {
                let file = File::create(path).map_err(|error| {
                    Failure::new(format!(
                        "cannot create `{}` for the console: {error}",
                        path.display()
                    ))
                })?;
                Ok(Console::without_input(Box::new(file)))
            }
            Self::Pty => pty()
                .map_err(|error| Failure::new(format!("cannot open a pseudoterminal: {error}"))),
            Self::None => Ok(Console::without_input(Box::new(io::sink()))),
        }
    }
}

impl Console {
    fn without_input(output: Box<dyn Write + Send>) -> Self {
        Self {
            input: None,
            output,
            terminal: None,
        }
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "stdio" => Ok(Self::Stdio),
            "pty" => Ok(Self::Pty),
            "none" => Ok(Self::None),
            _ => match text.strip_prefix("file=") {
                Some(path) if !path.is_empty() => Ok(Self::File(path.into())),
                _ => Err("write stdio, file=PATH, pty or none".into()),
            },
        }
    }
}

fn stdio(quit: impl FnOnce() + Send + 'static) -> Result<Console, Failure> {
    let failed = |error: io::Error| Failure::new(format!("cannot set up the console: {error}"));
    let terminal = Raw::enter()?;
    let own = |fd: &dyn AsFd| fd.as_fd().try_clone_to_owned().map(File::from);
    // Beneath the standard library's buffer, which holds back what has no end of line yet.
    let output = own(&io::stdout()).map_err(failed)?;
    let keyboard = own(&io::stdin()).map_err(failed)?;
    let input = match terminal {
        None => keyboard,
        Some(_) => keys_of(keyboard, quit).map_err(failed)?,
    };
    Ok(Console {
        input: Some(input),
        output: Box::new(output),
        terminal,
    })
}

/// What is typed there, without the keys that are ours.
fn keys_of(mut keyboard: File, quit: impl FnOnce() + Send + 'static) -> io::Result<File> {
    let (input, to_guest) = pipe_with(PipeFlags::CLOEXEC)?;
    let mut to_guest = File::from(to_guest);
    thread::Builder::new()
        .name("keyboard".into())
        .spawn(move || {
            let mut escape = Escape::default();
            let mut typed = [0; 256];
            // A terminal that is gone types no more.
            while let Ok(count @ 1..) = keyboard.read(&mut typed) {
                let mut bytes = Vec::with_capacity(count);
                for key in typed[..count].iter().filter_map(|byte| escape.take(*byte)) {
                    match key {
                        Key::Guest(byte) => bytes.push(byte),
                        Key::Help => HELP.lines().for_each(say),
                        Key::Quit => return quit(),
                    }
                }
                if to_guest.write_all(&bytes).is_err() {
                    return;
                }
            }
        })?;
    Ok(File::from(input))
}

/// Its name is told; whoever opens it is the guest's terminal. Our own descriptor of its far end
/// keeps it alive while nobody does.
fn pty() -> io::Result<Console> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let near = openpt(flags)?;
    grantpt(&near)?;
    unlockpt(&near)?;
    let name = ptsname(&near, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let far = open(name.as_c_str(), flags, Mode::empty())?;
    let mut settings = tcgetattr(&far)?;
    settings.make_raw();
    tcsetattr(&far, OptionalActions::Now, &settings)?;
    say(&format!("the console is {}", name.to_string_lossy()));
    let input = near.try_clone()?.into();
    Ok(Console {
        input: Some(input),
        output: Box::new(Unread {
            near: near.into(),
            _far: far,
        }),
        terminal: None,
    })
}

/// A pseudoterminal that perhaps nobody reads: what it has no room for is dropped.
struct Unread {
    near: File,
    _far: OwnedFd,
}

impl Write for Unread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some((first, _)) = bytes.split_first() else {
            return Ok(0);
        };
        let mut room = [PollFd::new(&self.near, PollFlags::OUT)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        match poll(&mut room, Some(&at_once))? {
            0 => Ok(1),
            _ => self.near.write(std::slice::from_ref(first)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consoles_are_written_as_in_the_documentation() {
        assert_eq!("stdio".parse(), Ok(Choice::Stdio));
        assert_eq!("file=a=b".parse(), Ok(Choice::File("a=b".into())));
        assert_eq!("pty".parse(), Ok(Choice::Pty));
        assert_eq!("none".parse(), Ok(Choice::None));
        for wrong in ["", "file", "file=", "tty", "STDIO"] {
            assert!(wrong.parse::<Choice>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pseudoterminal_that_nobody_reads_takes_whatever_is_written() {
        let mut console = pty().unwrap();
        console.output.write_all(&[b'x'; 100_000]).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let choice = Choice::File("/nowhere/at/all".into());
        let Err(failure) = choice.open(|| ()) else {
            panic!("it was made");
        };
        assert!(failure.message().contains("`/nowhere/at/all`"));
    }
}
