//! Where the guest's console leads: `--console`.
//!
//! Whatever it is, it comes down to a descriptor that the guest's input is read from, and a writer
//! for its output. On a terminal a thread stands between the keyboard and the guest and takes out
//! the keys that are ours. It never waits for the guest: what a guest that does not read has no
//! room for is dropped, with a beep, so that the keys work at any time.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::str::FromStr;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_setfl, open};
use rustix::io::{Errno, ioctl_fionbio, ioctl_fionread, read};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, QueueSelector, isatty, tcflush, tcgetattr, tcsetattr};
use vambrace_kvm::threads;

use super::escape::{Escape, HELP, Key};
use crate::failure::{Failure, OWN_ERROR};
use crate::progress::say;
use crate::terminal::{self, Raw};

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

/// What a key asks for, that is not the guest's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// The end of the machine.
    End,
    /// The power button.
    PressPower,
}

impl Choice {
    /// Does a person sit at it?
    pub(super) fn is_terminal(&self) -> bool {
        *self == Self::Stdio && isatty(io::stdin())
    }

    /// Opens it. `act` does what keys ask for.
    pub(super) fn open(&self, act: impl FnMut(Wish) + Send + 'static) -> Result<Console, Failure> {
        match self {
            Self::Stdio => stdio(act),
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
            _ => match text.strip_prefix(FILE) {
                Some(path) if !path.is_empty() => Ok(Self::File(path.into())),
                _ => Err("write stdio, file=PATH, pty or none".into()),
            },
        }
    }
}

/// Reads what there is, waiting for it; 0 at the end. A descriptor that does not wait by itself is
/// waited for.
pub(super) fn read_some(input: &File, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match read(input, &mut *bytes) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(input, PollFlags::IN)], None).or_else(interrupted)?;
            }
            result => return Ok(result?),
        }
    }
}

fn interrupted(error: Errno) -> Result<usize, Errno> {
    match error {
        Errno::INTR => Ok(0),
        other => Err(other),
    }
}

fn stdio(act: impl FnMut(Wish) + Send + 'static) -> Result<Console, Failure> {
    let failed = |error: io::Error| Failure::new(format!("cannot set up the console: {error}"));
    let terminal = Raw::enter()?;
    let own = |fd: &dyn AsFd| fd.as_fd().try_clone_to_owned().map(File::from);
    // Beneath the standard library's buffer, which holds back what has no end of line yet.
    let output = own(&io::stdout()).map_err(failed)?;
    let keyboard = own(&io::stdin()).map_err(failed)?;
    let input = match terminal {
        None => keyboard,
        Some(_) => keys_of(keyboard, act).map_err(failed)?,
    };
    Ok(Console {
        input: Some(input),
        output: Box::new(output),
        terminal,
    })
}

/// What is typed there, without the keys that are ours.
fn keys_of(mut keyboard: File, act: impl FnMut(Wish) + Send + 'static) -> io::Result<File> {
    let (input, to_guest) = pipe_with(PipeFlags::CLOEXEC)?;
    let mut keys = Keys {
        escape: Escape::default(),
        to_guest: without_waiting(to_guest)?,
        act,
        is_ending: false,
    };
    threads::named("keyboard").spawn(move || {
        let mut typed = [0; 256];
        // A terminal that is gone types no more.
        while let Ok(count @ 1..) = keyboard.read(&mut typed) {
            match keys.take(&typed[..count]) {
                Typed::Passed => {}
                Typed::Dropped => beep(),
                Typed::CutOff => cut_off(),
            }
        }
    })?;
    Ok(File::from(input))
}

/// Takes apart what is typed.
struct Keys<A> {
    escape: Escape,
    to_guest: File,
    act: A,
    is_ending: bool,
}

/// What came of what was typed.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    /// It was passed on, or was ours.
    Passed,
    /// The guest had no room for all of it.
    Dropped,
    /// The end was asked for a second time.
    CutOff,
}

impl<A: FnMut(Wish)> Keys<A> {
    fn take(&mut self, typed: &[u8]) -> Typed {
        let mut bytes = Vec::with_capacity(typed.len());
        for byte in typed {
            match self.escape.take(*byte) {
                None => {}
                Some(Key::Guest(byte)) => bytes.push(byte),
                Some(Key::Help) => HELP.lines().for_each(say),
                Some(Key::Power) => (self.act)(Wish::PressPower),
                Some(Key::Quit) if self.is_ending => return Typed::CutOff,
                Some(Key::Quit) => {
                    self.is_ending = true;
                    (self.act)(Wish::End);
                }
            }
        }
        match self.to_guest.write(&bytes) {
            Ok(count) if count == bytes.len() => Typed::Passed,
            // A guest that is gone reads nothing either.
            Ok(_) | Err(_) => Typed::Dropped,
        }
    }
}

fn without_waiting(fd: OwnedFd) -> io::Result<File> {
    fcntl_setfl(&fd, OFlags::NONBLOCK)?;
    Ok(File::from(fd))
}

fn beep() {
    let _ = io::stderr().lock().write_all(b"\x07");
}

/// The process ends, and with it whatever keeps the machine from its end.
fn cut_off() -> ! {
    terminal::restore();
    say("cut off before its end: what the guest had not flushed to its disks may be missing there");
    std::process::exit(OWN_ERROR.into());
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
    let far = open(&*name, flags, Mode::empty())?;
    let mut settings = tcgetattr(&far)?;
    settings.make_raw();
    tcsetattr(&far, OptionalActions::Now, &settings)?;
    ioctl_fionbio(&near, true)?;
    say(&format!("the console is {}", name.to_string_lossy()));
    let input = near.try_clone()?.into();
    Ok(Console {
        input: Some(input),
        output: Box::new(Unread {
            near: near.into(),
            far,
            is_unread: false,
        }),
        terminal: None,
    })
}

/// A pseudoterminal that perhaps nobody reads: what waits there gives way to what is newer, so that
/// whoever comes later sees what there was last.
struct Unread {
    near: File,
    far: OwnedFd,
    /// Has nobody read since room was missing?
    is_unread: bool,
}

impl Write for Unread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.is_unread &= ioctl_fionread(&self.far)? != 0;
        loop {
            match self.near.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if self.is_unread || !self.has_room_soon()? {
                self.is_unread = true;
                tcflush(&self.far, QueueSelector::IFlush)?;
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Unread {
    /// A reader who is only slow is given a moment.
    fn has_room_soon(&self) -> io::Result<bool> {
        let moment = Timespec {
            tv_sec: 0,
            tv_nsec: 200_000_000,
        };
        let mut room = [PollFd::new(&self.near, PollFlags::OUT)];
        Ok(poll(&mut room, Some(&moment)).or_else(interrupted)? != 0)
    }
}

/// What stands before the path of a file.
pub(super) const FILE: &str = "file=";

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::thread;

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
    fn a_pseudoterminal_that_nobody_reads_keeps_what_came_last() {
        let mut console = pty().unwrap();
        for number in 0..20_000 {
            writeln!(console.output, "{number:05}").unwrap();
        }
        // Through our own end of the far side: a reader who comes late.
        let input = console.input.unwrap();
        let name = ptsname(&input, Vec::new()).unwrap();
        let late = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let mut seen = Vec::new();
        let moment = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        while poll(&mut [PollFd::new(&late, PollFlags::IN)], Some(&moment)).unwrap() != 0 {
            let mut bytes = [0; 4096];
            let count = read(&late, &mut bytes).unwrap();
            seen.extend_from_slice(&bytes[..count]);
        }
        assert!(seen.ends_with(b"19999\n"), "{}", seen.len());
    }

    #[test]
    fn input_that_does_not_wait_by_itself_is_waited_for() {
        let (input, mut typed) = io::pipe().unwrap();
        let input = without_waiting(input.into()).unwrap();
        let reader = thread::spawn(move || {
            let mut bytes = [0; 8];
            let first = read_some(&input, &mut bytes).unwrap();
            (first, read_some(&input, &mut bytes).unwrap())
        });
        typed.write_all(b"abc").unwrap();
        drop(typed);
        assert_eq!(reader.join().unwrap(), (3, 0));
    }

    #[test]
    fn a_file_that_cannot_be_made_is_named() {
        let choice = Choice::File("/nowhere/at/all".into());
        let Err(failure) = choice.open(|_| ()) else {
            panic!("it was made");
        };
        assert!(failure.message().contains("`/nowhere/at/all`"));
    }

    /// Keys whose guest reads at the other end.
    fn keys() -> (Keys<impl FnMut(Wish)>, OwnedFd, Receiver<Wish>) {
        let (input, to_guest) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let (wish, wishes) = channel();
        let keys = Keys {
            escape: Escape::default(),
            to_guest: without_waiting(to_guest).unwrap(),
            act: move |asked| wish.send(asked).unwrap(),
            is_ending: false,
        };
        (keys, input, wishes)
    }

    #[test]
    fn the_stop_key_works_behind_pasted_input_that_nobody_reads() {
        let (mut keys, _input, wishes) = keys();
        let pasted = [b'x'; 256];
        let dropped = (0..1000).filter(|_| keys.take(&pasted) == Typed::Dropped);
        assert!(dropped.count() > 0);
        keys.take(b"\x01x");
        assert_eq!(wishes.try_recv(), Ok(Wish::End));
    }

    #[test]
    fn the_second_stop_cuts_off_and_keys_go_on_in_between() {
        let (mut keys, input, wishes) = keys();
        assert_eq!(keys.take(b"a\x01x"), Typed::Passed);
        assert_eq!(keys.take(b"b\x01p"), Typed::Passed);
        assert_eq!(keys.take(b"\x01"), Typed::Passed);
        assert_eq!(keys.take(b"x"), Typed::CutOff);
        assert_eq!(
            wishes.try_iter().collect::<Vec<_>>(),
            [Wish::End, Wish::PressPower]
        );
        let mut bytes = [0; 8];
        assert_eq!(read(&input, &mut bytes), Ok(2));
        assert_eq!(&bytes[..2], b"ab");
    }
}
