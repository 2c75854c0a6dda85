//! A conversation with a guest: what is waited for, and what is typed then.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::terminal;

/// Something that the console is to say, and what is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// What is waited for, behind what was waited for before.
    pub(super) wait: String,
    /// What is done then.
    pub(super) then: Then,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    /// A line is typed.
    Type(String),
    /// The power button is pressed, by the key that `boot` has for it on a terminal.
    Press,
    /// The same after five seconds, for what the guest says last before it is where it is going.
    PressLater,
    /// Nothing.
    Nothing,
    /// The machine is ended from outside.
    Stop,
}

/// What was said, and how it ended.
#[derive(Debug)]
pub(super) struct Talk {
    /// How the command ended.
    pub(super) status: ExitStatus,
    /// The guest's console.
    pub(super) console: String,
    /// What the command said itself.
    pub(super) messages: String,
    /// What was still waited for when it ended.
    pub(super) unheard: Option<String>,
}

/// When this is heard, type that.
pub(super) fn answer(wait: &str, line: &str) -> Step {
    Step {
        wait: wait.into(),
        then: Then::Type(line.into()),
    }
}

/// This is to be heard, before anything later is.
pub(super) fn hear(wait: &str) -> Step {
    Step {
        wait: wait.into(),
        then: Then::Nothing,
    }
}

/// When this is heard, that was it.
pub(super) fn stop_at(wait: &str) -> Step {
    Step {
        wait: wait.into(),
        then: Then::Stop,
    }
}

/// When this is heard, the power button is pressed.
pub(super) fn press(wait: &str) -> Step {
    Step {
        wait: wait.into(),
        then: Then::Press,
    }
}

/// When this is heard, it is pressed a little later.
pub(super) fn press_later(wait: &str) -> Step {
    Step {
        wait: wait.into(),
        then: Then::PressLater,
    }
}

/// Runs a command that ends by itself, or at a step that stops it. Where a key is pressed that is
/// not the guest's, it is typed at a terminal.
pub(super) fn talk(command: &mut Command, steps: &[Step]) -> Result<Talk, String> {
    let program = format!("{:?}", command.get_program());
    let failed = |error: io::Error| format!("cannot run {program}: {error}");
    let presses = |step: &Step| matches!(step.then, Then::Press | Then::PressLater);
    let (keyboard, input) = match steps.iter().any(presses) {
        true => terminal::open().map(|(keyboard, line)| (keyboard, Stdio::from(line))),
        false => io::pipe().map(|(read, write)| (File::from(OwnedFd::from(write)), read.into())),
    }
    .map_err(failed)?;
    let mut child = command
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    // Our copy of the child's end.
    command.stdin(Stdio::null());
    let (Some(mut stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        unreachable!("both were asked for as pipes");
    };
    let messages = thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = stderr.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let mut listener = Listener {
        keyboard,
        console: Vec::new(),
        heard: 0,
        steps: steps.iter(),
        next: None,
    };
    listener.next = listener.steps.next();
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stdout.read(&mut chunk) {
        listener.hear(&chunk[..count], &child);
    }
    let Listener { console, next, .. } = listener;
    Ok(Talk {
        status: child.wait().map_err(failed)?,
        console: String::from_utf8_lossy(&console).into_owned(),
        messages: messages.join().expect("reading does not panic"),
        unheard: next.map(|step| step.wait.clone()),
    })
}

/// Whoever sits at the console.
struct Listener<'a> {
    keyboard: File,
    console: Vec<u8>,
    /// Where what is waited for can still begin.
    heard: usize,
    steps: std::slice::Iter<'a, Step>,
    next: Option<&'a Step>,
}

impl Listener<'_> {
    fn hear(&mut self, bytes: &[u8], child: &Child) {
        self.console.extend_from_slice(bytes);
        while let Some(step) = self.next {
            let wait = step.wait.as_bytes();
            let new = &self.console[self.heard..];
            let Some(at) = new.windows(wait.len()).position(|window| window == wait) else {
                // It can have begun already.
                self.heard += (new.len() + 1).saturating_sub(wait.len());
                return;
            };
            self.heard += at + wait.len();
            self.next = self.steps.next();
            match &step.then {
                Then::Type(line) => self.type_text(&format!("{line}\n")),
                Then::Press => self.type_text(POWER_BUTTON),
                Then::PressLater => {
                    thread::sleep(LATER);
                    self.type_text(POWER_BUTTON);
                }
                Then::Nothing => {}
                Then::Stop => {
                    let _ = kill_process(Pid::from_child(child), Signal::TERM);
                }
            }
        }
    }

    /// A guest that is gone is seen by its end.
    fn type_text(&mut self, text: &str) {
        let _ = self.keyboard.write_all(text.as_bytes());
    }
}

/// Ctrl-a p.
const POWER_BUTTON: &str = "\x01p";
const LATER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn shell(script: &str, steps: &[Step]) -> Talk {
        talk(Command::new("sh").args(["-c", script]), steps).unwrap()
    }

    #[test]
    fn each_question_has_its_answer() {
        let script =
            "echo ready; read one; echo ready; read two; echo $two $one; echo b >&2; exit 3";
        let talk = shell(script, &[answer("ready\n", "1"), answer("ready\n", "2")]);
        assert_eq!(talk.console, "ready\nready\n2 1\n");
        assert_eq!(talk.messages, "b\n");
        assert_eq!((talk.status.code(), talk.unheard), (Some(3), None));
    }

    #[test]
    fn what_is_heard_in_pieces_is_heard() {
        let script = "printf rea; sleep 0.2; printf 'dy'; read one; echo $one";
        let talk = shell(script, &[answer("ready", "1"), hear("1\n")]);
        assert_eq!((talk.console.as_str(), talk.unheard), ("ready1\n", None));
    }

    #[test]
    fn what_was_not_heard_in_this_order_is_told() {
        let talk = shell("echo b; echo a", &[hear("a"), hear("b")]);
        assert_eq!(talk.unheard.as_deref(), Some("b"));
        assert_eq!(talk.status.code(), Some(0));
    }

    #[test]
    fn who_presses_a_button_sits_at_a_terminal() {
        let script = "stty raw -echo; tty -s && echo ready; head --bytes=2 | od -An -tx1";
        let talk = shell(script, &[press("ready")]);
        assert_eq!(talk.console, "ready\n 01 70\n");
        let script = "tty -s || echo ready; read one";
        assert_eq!(shell(script, &[answer("ready", "")]).unheard, None);
    }

    #[test]
    fn a_step_can_end_it() {
        let talk = shell("echo ready; exec sleep 60", &[stop_at("ready")]);
        assert_eq!(talk.status.signal(), Some(15));
    }
}
