//! The tests that `cargo test` would run, each program a part of its own.
//!
//! Cargo builds all of them in one call, so that features are unified once and nothing is compiled
//! twice; then each test program is run as cargo runs it, in its package's folder. What libtest
//! says it ran is what counts: a program that says nothing has failed, and so has an ignored test.

use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

use crate::process::{self, Captured};
use crate::report::{Report, Tally};
use crate::workspace::{HOSTED, Workspace};

/// Which test programs are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    /// None of the packages whose tests start emulated hosts.
    WithoutLabHosts,
}

/// Gives what the claims' test program on the host printed, if it ran.
pub(crate) fn run(workspace: &Workspace, report: &mut Report, scope: Scope) -> String {
    let mut claims = String::new();
    let mut programs = Vec::new();
    report.part("build of the tests", || {
        let build = format!("test --no-run {MESSAGES} {HOSTED}");
        let captured = process::capture(workspace.cargo(&build))?;
        programs = TestProgram::all_in(&captured.text, &workspace.root);
        Ok(Tally::check(without_messages(captured)))
    });
    for program in programs.iter().filter(|program| program.is_in(scope)) {
        report.part(&program.part, || {
            let tally = program.run()?;
            if program.part.ends_with(CLAIMS) {
                claims.clone_from(&tally.output);
            }
            Ok(tally)
        });
    }
    report.part("doc tests", || {
        let doc = format!("test --doc --no-fail-fast {HOSTED}");
        process::capture(workspace.cargo(&doc)).map(tally)
    });
    claims
}

/// One program that libtest made.
#[derive(Debug, PartialEq, Eq)]
struct TestProgram {
    part: String,
    /// The package's folder, in which its tests expect to run.
    folder: PathBuf,
    executable: PathBuf,
}

impl TestProgram {
    /// The test programs that cargo's messages name.
    fn all_in(messages: &str, root: &Path) -> Vec<Self> {
        let messages = messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut programs: Vec<Self> = messages
            .filter_map(|message| Self::of(&message, root))
            .collect();
        programs.sort_by(|a, b| a.part.cmp(&b.part));
        programs
    }

    fn of(message: &Value, root: &Path) -> Option<Self> {
        if message["profile"]["test"] != Value::Bool(true) {
            return None;
        }
        let executable = message["executable"].as_str()?.into();
        let folder = Path::new(message["manifest_path"].as_str()?)
            .parent()?
            .to_owned();
        let room = folder
            .strip_prefix(root)
            .unwrap_or(&folder)
            .display()
            .to_string();
        let part = match message["target"]["kind"][0].as_str()? {
            "test" | "example" => {
                format!("tests of {room}: {}", message["target"]["name"].as_str()?)
            }
            _ => format!("tests of {room}"),
        };
        Some(Self {
            part,
            folder,
            executable,
        })
    }

    fn is_in(&self, scope: Scope) -> bool {
        let starts_hosts = WITH_LAB_HOSTS
            .iter()
            .any(|room| self.folder.ends_with(room));
        scope == Scope::All || !starts_hosts
    }

    fn run(&self) -> Result<Tally> {
        let mut program = process::command(&self.executable);
        program
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder);
        process::capture(program)
            .map(tally)
            .with_context(|| format!("{} cannot run", self.part))
    }
}

/// Counts what libtest reports.
fn tally(captured: Captured) -> Tally {
    let lines: Vec<Summary> = captured.text.lines().filter_map(Summary::parse).collect();
    let mut tally = Tally {
        output: captured.text,
        ..Tally::default()
    };
    for line in &lines {
        tally.passed += line.passed;
        tally.failed += line.failed;
        for _ in 0..line.ignored {
            tally.fail_because("a test is ignored: it runs, or it is removed");
        }
    }
    if lines.is_empty() {
        tally.fail_because("no test result: the program ended before libtest could report");
    } else if tally.failed == 0 && !captured.status.success() {
        tally.fail_because(&format!(
            "nothing failed, but the process did ({})",
            captured.status
        ));
    }
    tally
}

/// A line like `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
#[derive(Debug, PartialEq, Eq)]
struct Summary {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Summary {
    fn parse(line: &str) -> Option<Self> {
        let (_, counts) = line
            .trim()
            .strip_prefix("test result: ")?
            .split_once(". ")?;
        let count = |name: &str| {
            counts
                .split(';')
                .find_map(|part| part.trim().strip_suffix(name)?.trim().parse::<u64>().ok())
        };
        Some(Self {
            passed: count(" passed")?,
            failed: count(" failed")?,
            ignored: count(" ignored")?,
        })
    }
}

/// What a person can read of cargo's output.
fn without_messages(mut captured: Captured) -> Captured {
    let readable = captured
        .text
        .lines()
        .filter(|line| !line.starts_with("{\"reason\":"));
    captured.text = readable.collect::<Vec<_>>().join("\n");
    captured
}

const MESSAGES: &str = "--message-format=json-render-diagnostics";
/// The program whose tests are claims, shown by driving core on the host.
const CLAIMS: &str = ": claims_on_the_host";
const WITH_LAB_HOSTS: [&str; 2] = ["cli", "conformance"];

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(script: &str) -> Captured {
        let mut shell = process::command("sh");
        shell.args(["-c", script]);
        process::capture(shell).unwrap()
    }

    #[test]
    fn several_result_lines_are_added_up() {
        let tally = tally(captured(
            "echo 'test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.01s'\n\
             echo 'test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s'\n\
             exit 101",
        ));
        assert_eq!((tally.passed, tally.failed), (13, 2));
    }

    #[test]
    fn a_run_without_a_result_line_is_a_failure_even_if_it_exits_with_0() {
        let tally = tally(captured("echo running 3 tests"));
        assert_eq!((tally.passed, tally.failed), (0, 1));
        assert!(tally.output.contains("no test result"));
    }

    #[test]
    fn an_ignored_test_is_a_failure() {
        let tally = tally(captured(
            "echo 'test result: ok. 5 passed; 0 failed; 2 ignored; 0 measured'",
        ));
        assert_eq!((tally.passed, tally.failed), (5, 2));
    }

    #[test]
    fn a_process_that_dies_after_its_tests_passed_is_a_failure() {
        let tally = tally(captured(
            "echo 'test result: ok. 5 passed; 0 failed; 0 ignored'; exit 7",
        ));
        assert_eq!((tally.passed, tally.failed), (5, 1));
    }

    #[test]
    fn test_programs_are_found_among_cargos_messages_and_others_are_not() {
        let messages = r#"   Compiling vambrace-core v0.1.0
{"reason":"compiler-artifact","manifest_path":"/house/core/Cargo.toml","target":{"kind":["lib"],"name":"vambrace_core"},"profile":{"test":true},"executable":"/t/vambrace_core-1"}
{"reason":"compiler-artifact","manifest_path":"/house/cli/Cargo.toml","target":{"kind":["bin"],"name":"vambrace"},"profile":{"test":false},"executable":"/t/vambrace"}
{"reason":"compiler-artifact","manifest_path":"/house/cli/Cargo.toml","target":{"kind":["test"],"name":"exit_codes"},"profile":{"test":true},"executable":"/t/exit_codes-2"}"#;
        let programs = TestProgram::all_in(messages, Path::new("/house"));
        let parts: Vec<&str> = programs
            .iter()
            .map(|program| program.part.as_str())
            .collect();
        assert_eq!(parts, ["tests of cli: exit_codes", "tests of core"]);
        assert_eq!(programs[1].executable, Path::new("/t/vambrace_core-1"));
        assert!(!programs[0].is_in(Scope::WithoutLabHosts));
        assert!(programs[1].is_in(Scope::WithoutLabHosts));
    }
}
