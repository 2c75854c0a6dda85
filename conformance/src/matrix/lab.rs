//! Real hosts: `vambrace host probe`, and the program with the questions in `vambrace lab run`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::{Answer, Place, Question};
use crate::built;
use crate::within::{output_within, told_by};

/// Probes a host and leaves its profile in `file`.
///
/// # Errors
///
/// In words, why there is none.
pub fn probe(place: &Place, file: &Path) -> Result<(), String> {
    let mut command = built::find_vambrace()?;
    command.args(["host", "probe"]);
    command.arg(format!("--host={}", place.host()));
    command.arg("--output").arg(file);
    run(command).map(drop)
}

/// Starts a host, asks it everything and returns its answers, one for each question.
///
/// # Errors
///
/// In words, why there are none.
pub fn ask(place: &Place, questions: &[Question]) -> Result<Vec<Answer>, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no folder for a run: {error}"))?;
    let [asked, answered] = [QUESTIONS, ANSWERS].map(|name| folder.path().join(name));
    let lines = questions.iter().map(|question| {
        let line = serde_json::to_string(question).map_err(|error| error.to_string())?;
        Ok(line + "\n")
    });
    let lines: String = lines.collect::<Result<_, String>>()?;
    fs::write(&asked, lines).map_err(|error| format!("{}: {error}", asked.display()))?;
    let mut command = built::find_vambrace()?;
    command.args(["lab", "run", "--no-input"]);
    command.arg(format!("--host={}", place.host()));
    for file in [&asked, &built::find_example(GUEST)?] {
        command.arg("--file").arg(file);
    }
    let output = format!("{ANSWERS}:{}", answered.display());
    command.args(["--output", &output, "--"]);
    command.arg(built::find_arm64(INSIDE)?);
    command.args([GUEST, QUESTIONS, ANSWERS]);
    run(command)?;
    let text = fs::read_to_string(&answered)
        .map_err(|error| format!("{}: {error}", answered.display()))?;
    read(&text, questions.len())
}

fn read(text: &str, expected: usize) -> Result<Vec<Answer>, String> {
    let answers: Vec<Answer> = text
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("`{line}`: {error}")))
        .collect::<Result<_, String>>()?;
    match answers.len() {
        found if found == expected => Ok(answers),
        found => Err(format!("{found} answers to {expected} questions")),
    }
}

/// The emulator of the hosts, with its version.
///
/// # Errors
///
/// In words, why it cannot be asked.
pub fn emulator() -> Result<String, String> {
    let mut command = built::find_vambrace()?;
    command.args(["lab", "list", "--json"]);
    let list: serde_json::Value =
        serde_json::from_slice(&run(command)?.stdout).map_err(|error| error.to_string())?;
    match list["qemu"]["version"].as_str() {
        Some(version) => Ok(format!("QEMU {version}")),
        None => Err(format!("there is no emulator: {}", list["problem"])),
    }
}

/// Does something with every host, `jobs` at a time, and says how far it is: `said` is called
/// with how many are done, of how many, and the host.
///
/// # Errors
///
/// For each host where it could not be done, why.
pub fn with_each<T: Send>(
    places: &[Place],
    jobs: usize,
    work: impl Fn(&Place) -> Result<T, String> + Sync,
    said: impl Fn(usize, &Place) + Sync,
) -> Result<BTreeMap<Place, T>, String> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results = Mutex::new(BTreeMap::new());
    let worker = || {
        while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = work(place);
            said(done.fetch_add(1, Ordering::Relaxed) + 1, place);
            let mut results = results.lock().expect("no other worker has panicked");
            results.insert(place.clone(), result);
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(worker);
        }
    });
    let results = results.into_inner().expect("no worker has panicked");
    let (mut good, mut bad) = (BTreeMap::new(), Vec::new());
    for (place, result) in results {
        match result {
            Ok(value) => drop(good.insert(place, value)),
            Err(reason) => bad.push(format!("{place}: {reason}")),
        }
    }
    match bad.as_slice() {
        [] => Ok(good),
        _ => Err(bad.join("\n")),
    }
}

/// Runs a command that has to succeed.
fn run(command: Command) -> Result<Output, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no folder for a run: {error}"))?;
    let output = output_within(command, folder.path(), LIMIT)?;
    match output.status.success() {
        true => Ok(output),
        false => Err(told_by(&output)),
    }
}

const QUESTIONS: &str = "questions";
const ANSWERS: &str = "answers";
const GUEST: &str = "what_a_guest_sees";
const INSIDE: &str = "matrix_inside";
/// Several times what a host takes beside others.
const LIMIT: Duration = Duration::from_secs(900);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_missing_is_an_error() {
        let line = serde_json::to_string(&Answer::Failed("why".into())).unwrap();
        assert_eq!(read(&line, 1), Ok(vec![Answer::Failed("why".into())]));
        assert_eq!(read(&line, 2), Err("1 answers to 2 questions".into()));
        assert!(read("{}", 1).is_err());
    }

    #[test]
    fn each_host_is_worked_on_once_and_those_that_fail_are_all_named() {
        let places = Place::few();
        let names = |place: &Place| Ok(place.to_string());
        let done = with_each(&places, 3, names, |_, _| {}).unwrap();
        assert_eq!(done.len(), places.len());
        let fails = |place: &Place| match place.kernel() {
            "5.10" => Err("no".to_owned()),
            _ => Ok(()),
        };
        assert_eq!(
            with_each(&places, 2, fails, |_, _| {}),
            Err("5.10:cortex-a57: no\n5.10:neoverse-n1: no".into())
        );
    }
}
