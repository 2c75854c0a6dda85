//! A terminal: a pseudoterminal whose user is a test.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{self, Mode, OFlags};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::started::Started;

/// A terminal with one program on it.
#[derive(Debug)]
pub struct Terminal {
    /// The end that the user types at.
    keyboard: File,
    /// The end that programs have.
    line: OwnedFd,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    /// Opens a terminal.
    ///
    /// # Panics
    /// If the system has none left.
    #[must_use]
    pub fn open() -> Self {
        let (keyboard, line) = open().expect("a pseudoterminal can be opened");
        let screen = Arc::new(Mutex::new(String::new()));
        let (reader, shown) = (
            keyboard.try_clone().expect("it can be shared"),
            Arc::clone(&screen),
        );
        thread::spawn(move || show(reader, &shown));
        Self {
            keyboard,
            line,
            screen,
        }
    }

    /// Starts a program as the one that the terminal belongs to: Ctrl-C reaches it.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn start(&self, program: &Command) -> Started {
        let mut command = Command::new("setsid");
        command
            .arg("--ctty")
            .arg(program.get_program())
            .args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let end = || Stdio::from(fcntl_dupfd_cloexec(&self.line, 0).expect("it can be shared"));
        Started::new(command.stdin(end()).stdout(end()).stderr(end()))
    }

    /// Types.
    ///
    /// # Panics
    /// If the terminal is gone.
    pub fn type_text(&mut self, text: &str) {
        self.keyboard
            .write_all(text.as_bytes())
            .expect("the terminal is there");
    }

    /// Waits until `text` is on the screen.
    ///
    /// # Panics
    /// If it does not come within two minutes.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        self.wait_for_behind(0, text);
    }

    /// The same behind so many bytes of what has been on the screen.
    ///
    /// # Panics
    /// If it does not come.
    pub fn wait_for_behind(&self, length: usize, text: &str) {
        let deadline = Instant::now() + LIMIT;
        while !self.screen()[length..].contains(text) {
            assert!(
                Instant::now() < deadline,
                "no `{text}` came:\n{}",
                self.screen()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// All that has been on the screen.
    #[must_use]
    pub fn screen(&self) -> String {
        self.screen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Its settings, as `stty` tells them.
    ///
    /// # Panics
    /// If `stty` cannot.
    #[must_use]
    pub fn settings(&self) -> String {
        let end = fcntl_dupfd_cloexec(&self.line, 0).expect("it can be shared");
        let stty = Command::new("stty")
            .arg("-g")
            .stdin(end)
            .output()
            .expect("stty runs");
        String::from_utf8(stty.stdout).expect("settings are ASCII")
    }
}

/// A pseudoterminal: the end that a user types at, and the one that programs have.
pub(crate) fn open() -> io::Result<(File, OwnedFd)> {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&user)?;
    unlockpt(&user)?;
    let name = ptsname(&user, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let line = fs::open(name.as_c_str(), flags, Mode::empty())?;
    Ok((File::from(user), line))
}

fn show(mut from: File, screen: &Mutex<String>) {
    let mut bytes = [0; 4096];
    // Ends with the last program's end of the line.
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let mut screen = screen.lock().unwrap_or_else(PoisonError::into_inner);
        // A string takes whatever is written to it.
        let _ = write!(screen, "{}", String::from_utf8_lossy(&bytes[..count]));
    }
}

const LIMIT: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ending;

    #[test]
    fn ctrl_c_reaches_the_program_on_the_terminal() {
        let mut terminal = Terminal::open();
        let mut program = Command::new("sh");
        program.args(["-c", "echo ready; exec sleep 60"]);
        let started = terminal.start(&program);
        terminal.wait_for("ready");
        terminal.type_text("\x03");
        started.finish().ends(Ending::Signal(2));
    }

    #[test]
    fn changed_settings_are_noticed() {
        let terminal = Terminal::open();
        let before = terminal.settings();
        let mut stty = Command::new("stty");
        terminal.start(stty.arg("-echo")).finish().exits(0);
        assert_ne!(terminal.settings(), before);
    }
}
