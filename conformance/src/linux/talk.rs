//! A conversation with a guest: each time it asks, it is told the next thing.

use std::io::{self, Read, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

/// What was said, and how it ended.
#[derive(Debug)]
pub(super) struct Talk {
    /// How the command ended.
    pub(super) status: ExitStatus,
    /// The guest's console.
    pub(super) console: String,
    /// What the command said itself.
    pub(super) messages: String,
}

/// Runs a command that ends by itself. Each time `question` is new on its standard output, one of
/// `answers` is written to its standard input; when there are none left, that ends.
pub(super) fn talk(
    command: &mut Command,
    question: &str,
    answers: &[&str],
) -> Result<Talk, String> {
    let program = format!("{:?}", command.get_program());
    let failed = |error: io::Error| format!("cannot run {program}: {error}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) = (stdin, stdout, stderr) else {
        unreachable!("all three were asked for as pipes");
    };
    let messages = thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = stderr.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let mut console = Vec::new();
    let mut answers = answers.iter();
    let mut chunk = [0; 4096];
    let mut asked = 0;
    while let Ok(count @ 1..) = stdout.read(&mut chunk) {
        console.extend_from_slice(&chunk[..count]);
        let questions = String::from_utf8_lossy(&console).matches(question).count();
        for answer in answers.by_ref().take(questions - asked) {
            // A guest that is gone is seen by its end.
            let _ = writeln!(stdin, "{answer}");
        }
        asked = questions;
    }
    drop(stdin);
    Ok(Talk {
        status: child.wait().map_err(failed)?,
        console: String::from_utf8_lossy(&console).into_owned(),
        messages: messages.join().expect("reading does not panic"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, answers: &[&str]) -> Talk {
        let mut shell = Command::new("sh");
        talk(shell.args(["-c", script]), "ready\n", answers).unwrap()
    }

    #[test]
    fn each_question_has_its_answer() {
        let talk = shell(
            "echo ready; read one; echo ready; read two; echo $two $one; echo b >&2; exit 3",
            &["1", "2"],
        );
        assert_eq!(talk.console, "ready\nready\n2 1\n");
        assert_eq!(
            (talk.messages.as_str(), talk.status.code()),
            ("b\n", Some(3))
        );
    }

    #[test]
    fn a_question_without_an_answer_waits_no_longer_than_the_guest() {
        assert_eq!(
            shell("echo ready; echo ready; echo ready", &["1"])
                .status
                .code(),
            Some(0)
        );
    }
}
