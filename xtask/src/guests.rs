//! The guest tests: which there are, how they are run, and what counts as passing.
//!
//! `vambrace test --json` writes a record a line. Its verdicts are believed, its completeness is
//! not: every claim must have a verdict under every firmware, or the run has failed.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use crate::process::{self, Separate};
use crate::report::Tally;
use crate::workspace::Workspace;

/// Where guest tests run, and who answers them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// As `vambrace test --host` takes it.
    pub(crate) host: &'static str,
    pub(crate) firmware: &'static [&'static str],
    pub(crate) skips: Skips,
}

/// Whether a claim may say by its header that it cannot hold here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skips {
    /// The kernel is older than what some claims need.
    Allowed,
    /// Every claim holds on this kernel.
    Refused,
}

/// Runs every claim on this terminal.
pub(crate) fn show(workspace: &Workspace, setting: Setting) -> Result<ExitStatus> {
    let images = images(workspace)?;
    let mut test = command(workspace, setting);
    let line = format!(
        "{} IMAGE…  ({} guest tests)",
        process::shell_line(&test),
        images.len()
    );
    test.args(images);
    process::show_as(&line, test)
}

/// Runs every claim and counts each verdict, and each comparison of transcripts, as one test.
pub(crate) fn run(workspace: &Workspace, setting: Setting) -> Result<Tally> {
    let images = images(workspace)?;
    let expected = images.len() * setting.firmware.len();
    let mut test = command(workspace, setting);
    test.arg("--json").args(images);
    Ok(tally(&process::separate(test)?, expected, setting.skips))
}

/// `vambrace test` without images.
fn command(workspace: &Workspace, setting: Setting) -> Command {
    let mut test = workspace.command(workspace.host_program());
    test.args([
        "test",
        "--host",
        setting.host,
        "--firmware",
        &setting.firmware.join(","),
    ]);
    test
}

/// The built image of every claim, in the order of their names.
fn images(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let sources = workspace.root.join("guest-tests/src/bin");
    let unreadable = || format!("cannot read {}", sources.display());
    let mut images = Vec::new();
    for entry in std::fs::read_dir(&sources).with_context(unreadable)? {
        let source = entry.with_context(unreadable)?.path();
        if source.extension().is_some_and(|form| form == "rs") {
            images.extend(
                source
                    .file_stem()
                    .map(|claim| workspace.guest_programs().join(claim)),
            );
        }
    }
    images.sort();
    ensure!(
        !images.is_empty(),
        "{} has no guest tests",
        sources.display()
    );
    Ok(images)
}

fn tally(run: &Separate, expected: usize, skips: Skips) -> Tally {
    let mut tally = Tally {
        passed: 0,
        failed: 0,
        notes: Vec::new(),
        output: run.errors.clone(),
    };
    let (mut verdicts, mut comparisons, mut complete) = (0, 0, false);
    let mut runs = BTreeMap::<String, usize>::new();
    for line in run.output.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_default();
        match record["record"].as_str() {
            Some("host") => {}
            Some("test") => {
                verdicts += 1;
                if record["verdict"] != "skip" {
                    let name = record["name"].as_str().unwrap_or_default();
                    *runs.entry(name.to_owned()).or_default() += 1;
                }
                count_test(&record, &mut tally);
            }
            Some("comparison") => {
                comparisons += 1;
                count_comparison(&record, &mut tally);
            }
            Some("summary") => complete = true,
            _ => tally.fail_because(&format!("no record of a test: {line}")),
        }
    }
    if !complete {
        tally.fail_because("the run ended before its summary");
    }
    if verdicts != expected {
        tally.fail_because(&format!(
            "{expected} verdicts were expected, and {verdicts} came"
        ));
    }
    if skips == Skips::Refused && !tally.notes.is_empty() {
        let skipped = tally.notes.join("; ");
        tally.fail_because(&format!(
            "every claim holds on this host, and some did not run: {skipped}"
        ));
    }
    let pairs = runs.values().filter(|runs| **runs == 2).count();
    if comparisons != pairs {
        tally.fail_because(&format!(
            "{pairs} claims ran under both firmwares, and {comparisons} were compared"
        ));
    }
    if tally.failed == 0 && !run.status.success() {
        tally.fail_because(&format!(
            "nothing failed, but the process did ({})",
            run.status
        ));
    }
    tally
}

fn count_test(record: &Value, tally: &mut Tally) {
    let text = |field: &str| record[field].as_str().unwrap_or("?").to_owned();
    let test = format!("{} ({})", text("name"), text("firmware"));
    match (record["verdict"].as_str(), record["reason"].as_str()) {
        (Some("pass"), _) => tally.passed += 1,
        (Some("skip"), Some(reason)) => tally.notes.push(format!("skipped {test}: {reason}")),
        (Some("skip"), None) => tally.fail_because(&format!("{test} was skipped for no reason")),
        (verdict, reason) => {
            let verdict = verdict.unwrap_or("no verdict");
            tally.fail_because(&format!(
                "{test}: {verdict}: {}",
                reason.unwrap_or("no reason")
            ));
            for line in record["transcript"].as_array().into_iter().flatten() {
                tally.output += &format!("  | {}\n", line.as_str().unwrap_or_default());
            }
        }
    }
}

fn count_comparison(record: &Value, tally: &mut Tally) {
    if record["difference"].is_null() {
        tally.passed += 1;
        return;
    }
    let name = record["name"].as_str().unwrap_or("?");
    tally.fail_because(&format!(
        "{name}: the transcripts differ: {}",
        record["difference"]
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(expected: usize, lines: &[&str]) -> Tally {
        ended("exit 0", expected, lines)
    }

    fn ended(exit: &str, expected: usize, lines: &[&str]) -> Tally {
        let mut shell = process::command("sh");
        let lines: String = lines
            .iter()
            .map(|line| format!("echo '{line}'\n"))
            .collect();
        shell.args(["-c", &format!("{lines}{exit}")]);
        tally(&process::separate(shell).unwrap(), expected, Skips::Allowed)
    }

    const PASS: &str = r#"{"record":"test","name":"a","firmware":"kernel","verdict":"pass"}"#;
    const SUMMARY: &str = r#"{"record":"summary","passed":1}"#;

    #[test]
    fn verdicts_and_equal_transcripts_are_counted() {
        let equal = r#"{"record":"comparison","name":"a","difference":null}"#;
        let tally = judged(2, &[PASS, PASS, equal, SUMMARY]);
        assert_eq!((tally.passed, tally.failed), (3, 0));
    }

    #[test]
    fn a_failed_claim_is_shown_with_its_reason_and_transcript() {
        let fail = r#"{"record":"test","name":"a","firmware":"core","verdict":"fail","reason":"x0 is 1","transcript":["cpu_on -> 1"]}"#;
        let tally = judged(1, &[fail, SUMMARY]);
        assert_eq!((tally.passed, tally.failed), (0, 1));
        assert_eq!(tally.output, "a (core): fail: x0 is 1\n  | cpu_on -> 1\n");
    }

    #[test]
    fn different_transcripts_are_a_failure() {
        let different = r#"{"record":"comparison","name":"a","difference":{"line":3}}"#;
        assert_eq!(judged(2, &[PASS, PASS, different, SUMMARY]).failed, 1);
    }

    #[test]
    fn two_runs_that_nobody_compared_are_a_failure() {
        let tally = judged(2, &[PASS, PASS, SUMMARY]);
        assert_eq!((tally.passed, tally.failed), (2, 1));
    }

    #[test]
    fn a_claim_without_a_verdict_is_a_failure() {
        assert_eq!(judged(2, &[PASS, SUMMARY]).failed, 1);
    }

    #[test]
    fn a_run_that_breaks_off_is_a_failure() {
        assert_eq!(judged(1, &[PASS]).failed, 1);
        assert_eq!(ended("exit 125", 1, &[PASS, SUMMARY]).failed, 1);
    }

    #[test]
    fn a_skip_with_its_reason_is_noted_and_one_without_is_a_failure() {
        let skip = r#"{"record":"test","name":"a","firmware":"kernel","verdict":"skip","reason":"needs PSCI 1.1"}"#;
        let tally = judged(1, &[skip, SUMMARY]);
        assert_eq!((tally.passed, tally.failed), (0, 0));
        assert_eq!(tally.notes, ["skipped a (kernel): needs PSCI 1.1"]);
        let mut shell = process::command("sh");
        shell.args(["-c", &format!("echo '{skip}'\necho '{SUMMARY}'")]);
        let refused = super::tally(&process::separate(shell).unwrap(), 1, Skips::Refused);
        assert_eq!(refused.failed, 1);
        let silent = r#"{"record":"test","name":"a","firmware":"kernel","verdict":"skip"}"#;
        assert_eq!(judged(1, &[silent, SUMMARY]).failed, 1);
    }

    #[test]
    fn a_line_that_is_no_record_is_a_failure() {
        assert_eq!(judged(1, &[PASS, "stray", SUMMARY]).failed, 1);
    }
}
