//! The guest tests: which there are, how they are run, and what counts as passing.
//!
//! `vambrace test --json` writes a record a line. Its verdicts are believed, its completeness is
//! not: every claim must have a verdict under every firmware, or the run has failed. A claim may be
//! skipped where its own header rules the place out; so that this means something, what the place
//! offers must be what is known of it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::claim_table::{Cell, ClaimTable};
use crate::process::{self, Separate};
use crate::report::Tally;
use crate::workspace::Workspace;

/// Where guest tests run, and who answers them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// As `vambrace test --host` takes it.
    pub(crate) host: &'static str,
    pub(crate) firmware: &'static [&'static str],
    pub(crate) images: Images,
    /// What a host must offer, if it is a known one.
    pub(crate) offers: Option<Offers>,
}

/// Which guest tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Images {
    All,
    /// Those of 32-bit code.
    Aarch32,
}

/// What is known of a host: what its KVM has decides which claims can hold there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offers {
    /// How its kernel's release begins.
    pub(crate) kernel: &'static str,
    /// The newest PSCI version.
    pub(crate) psci: &'static str,
    /// What its firmware has, by the names of `--with`.
    pub(crate) features: &'static [&'static str],
    /// Whether guests execute AArch32 at EL1.
    pub(crate) aarch32: bool,
}

impl Setting {
    /// The host as a column of the table of claims: its kernel, or a CPU of its own.
    fn place(&self) -> &'static str {
        let name = self.host.strip_prefix("lab:").unwrap_or(self.host);
        name.split_once(':').map_or(name, |(_, cpu)| cpu)
    }
}

/// Runs every claim on this terminal.
pub(crate) fn show(workspace: &Workspace, setting: Setting) -> Result<ExitStatus> {
    let images = images(workspace, setting.images)?;
    let mut test = command(workspace, setting);
    let line = format!(
        "{} IMAGE…  ({} guest tests)",
        process::shell_line(&test),
        images.len()
    );
    test.args(images);
    process::show_as(&line, test)
}

/// Runs every claim, counts each verdict, and each comparison of transcripts, as one test, and notes
/// each verdict in the table of claims.
pub(crate) fn run(
    workspace: &Workspace,
    setting: Setting,
    claims: &mut ClaimTable,
) -> Result<Tally> {
    let images = images(workspace, setting.images)?;
    let expected = images.len() * setting.firmware.len();
    let mut test = command(workspace, setting);
    test.arg("--json").args(images);
    Ok(tally(&process::separate(test)?, expected, setting, claims))
}

/// Runs every claim at EL2, on machines with so many CPUs. A claim that needs more is skipped.
pub(crate) fn run_at_el2(
    workspace: &Workspace,
    cpus: &str,
    claims: &mut ClaimTable,
) -> Result<Tally> {
    let setting = Setting {
        host: "el2",
        firmware: &["el2"],
        images: Images::All,
        offers: None,
    };
    let images = images(workspace, setting.images)?;
    let expected = images.len();
    let mut test = command(workspace, setting);
    test.args(["--json", "--cpus", cpus]).args(images);
    Ok(tally(&process::separate(test)?, expected, setting, claims))
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
fn images(workspace: &Workspace, which: Images) -> Result<Vec<PathBuf>> {
    let mut images = claims_in(
        workspace,
        AARCH32_CLAIMS,
        &workspace.aarch32_guest_programs(),
    )?;
    if which == Images::All {
        images.extend(claims_in(
            workspace,
            AARCH64_CLAIMS,
            &workspace.guest_programs(),
        )?);
    }
    images.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    Ok(images)
}

/// The built image of every claim whose source is in one folder.
fn claims_in(workspace: &Workspace, folder: &str, programs: &Path) -> Result<Vec<PathBuf>> {
    let sources = workspace.root.join(folder);
    let unreadable = || format!("cannot read {}", sources.display());
    let mut images = Vec::new();
    for entry in std::fs::read_dir(&sources).with_context(unreadable)? {
        let source = entry.with_context(unreadable)?.path();
        if source.extension().is_some_and(|form| form == "rs") {
            images.extend(source.file_stem().map(|claim| programs.join(claim)));
        }
    }
    ensure!(
        !images.is_empty(),
        "{} has no guest tests",
        sources.display()
    );
    Ok(images)
}

fn tally(run: &Separate, expected: usize, setting: Setting, claims: &mut ClaimTable) -> Tally {
    let mut tally = Tally {
        passed: 0,
        failed: 0,
        notes: Vec::new(),
        output: run.errors.clone(),
    };
    let mut seen = Seen::default();
    for line in run.output.lines() {
        let record: Value = serde_json::from_str(line).unwrap_or_default();
        match record["record"].as_str() {
            Some("host") => check_offer(&record, setting.offers, &mut tally),
            Some("test") => {
                seen.test(&record);
                count_test(&record, setting, claims, &mut tally);
            }
            Some("comparison") => {
                seen.comparisons += 1;
                count_comparison(&record, &mut tally);
            }
            Some("summary") => seen.complete = true,
            _ => tally.fail_because(&format!("no record of a test: {line}")),
        }
    }
    seen.check(expected, &mut tally);
    tally.notes.extend(seen.skips());
    if tally.failed == 0 && !run.status.success() {
        tally.fail_because(&format!(
            "nothing failed, but the process did ({})",
            run.status
        ));
    }
    tally
}

/// What a run has told so far, to see whether it has told everything.
#[derive(Debug, Default)]
struct Seen {
    verdicts: usize,
    comparisons: usize,
    complete: bool,
    /// How often each claim ran.
    runs: BTreeMap<String, usize>,
    /// How many were skipped for each reason under each firmware.
    skipped: BTreeMap<(String, String), usize>,
}

impl Seen {
    fn test(&mut self, record: &Value) {
        self.verdicts += 1;
        let text = |field: &str| record[field].as_str().unwrap_or("?").to_owned();
        if record["verdict"] == "skip" {
            *self
                .skipped
                .entry((text("firmware"), text("reason")))
                .or_default() += 1;
        } else if record["verdict"] != "error" {
            *self.runs.entry(text("name")).or_default() += 1;
        }
    }

    fn check(&self, expected: usize, tally: &mut Tally) {
        if !self.complete {
            tally.fail_because("the run ended before its summary");
        }
        if self.verdicts != expected {
            tally.fail_because(&format!(
                "{expected} verdicts were expected, and {} came",
                self.verdicts
            ));
        }
        let several = self.runs.values().filter(|runs| **runs >= 2).count();
        if self.comparisons != several {
            tally.fail_because(&format!(
                "{several} claims ran under several firmwares, and {} were compared",
                self.comparisons
            ));
        }
    }

    /// A line for each reason; the table of claims tells which they were.
    fn skips(&self) -> impl Iterator<Item = String> {
        self.skipped
            .iter()
            .map(|((firmware, reason), count)| format!("skipped {count} ({firmware}): {reason}"))
    }
}

/// A skip means something only on a host that is what it should be.
fn check_offer(record: &Value, offers: Option<Offers>, tally: &mut Tally) {
    let Some(expected) = offers else { return };
    let text = |field: &str| record[field].as_str().unwrap_or_default();
    let features: Vec<&str> = record["features"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    // 6.1 is not the beginning of 6.12.
    let release = text("kernel")
        .strip_prefix(expected.kernel)
        .filter(|rest| !rest.starts_with(|digit: char| digit.is_ascii_digit()));
    if release.is_none()
        || text("psci") != expected.psci
        || features != expected.features
        || record["aarch32"] != expected.aarch32
    {
        tally.fail_because(&format!(
            "this host is expected to be {expected:?}, and is {record}: what is skipped there says \
             nothing"
        ));
    }
}

fn count_test(record: &Value, setting: Setting, claims: &mut ClaimTable, tally: &mut Tally) {
    let text = |field: &str| record[field].as_str().unwrap_or("?").to_owned();
    let test = format!("{} ({})", text("name"), text("firmware"));
    let cell = match (record["verdict"].as_str(), record["reason"].as_str()) {
        (Some("pass"), _) => {
            tally.passed += 1;
            Cell::Pass
        }
        (Some("skip"), Some(_)) if record["ruled_out_by"].is_string() => Cell::NotHere,
        (Some("skip"), reason) => {
            let reason = reason.unwrap_or("no reason");
            tally.fail_because(&format!(
                "{test} was skipped, and not by its own header: {reason}"
            ));
            Cell::Fail
        }
        (verdict, reason) => {
            let verdict = verdict.unwrap_or("no verdict");
            tally.fail_because(&format!(
                "{test}: {verdict}: {}",
                reason.unwrap_or("no reason")
            ));
            for line in record["transcript"].as_array().into_iter().flatten() {
                tally.output += &format!("  | {}\n", line.as_str().unwrap_or_default());
            }
            Cell::Fail
        }
    };
    let place = format!("{} {}", setting.place(), text("firmware"));
    claims.add(&text("name"), &place, cell);
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

/// The sources of the claims, a file each.
const AARCH64_CLAIMS: &str = "guest-tests/src/bin";
const AARCH32_CLAIMS: &str = "guest-tests/aarch32/src/bin";

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
        let run = process::separate(shell).unwrap();
        tally(&run, expected, SETTING, &mut ClaimTable::default())
    }

    const SETTING: Setting = Setting {
        host: "lab:6.1",
        firmware: &["kernel", "core"],
        images: Images::All,
        offers: Some(Offers {
            kernel: "6.1",
            psci: "1.1",
            features: &["trng", "ptp"],
            aarch32: true,
        }),
    };

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
    fn a_skip_by_a_claim_s_own_header_is_noted_and_any_other_is_a_failure() {
        let skip = r#"{"record":"test","name":"a","firmware":"kernel","verdict":"skip","reason":"needs PSCI 1.1","ruled_out_by":"psci"}"#;
        let tally = judged(2, &[skip, skip, SUMMARY]);
        assert_eq!((tally.passed, tally.failed), (0, 0));
        assert_eq!(tally.notes, ["skipped 2 (kernel): needs PSCI 1.1"]);
        let unruled = r#"{"record":"test","name":"a","firmware":"kernel","verdict":"skip","reason":"no time","ruled_out_by":null}"#;
        assert_eq!(judged(1, &[unruled, SUMMARY]).failed, 1);
        let silent = r#"{"record":"test","name":"a","firmware":"kernel","verdict":"skip"}"#;
        assert_eq!(judged(1, &[silent, SUMMARY]).failed, 1);
    }

    #[test]
    fn a_host_must_be_what_is_known_of_it() {
        let host = r#"{"record":"host","name":"lab:6.1:max","kernel":"6.1.0-50-cloud-arm64","psci":"1.1","features":["trng","ptp"],"aarch32":true}"#;
        assert_eq!(judged(1, &[host, PASS, SUMMARY]).failed, 0);
        for (right, wrong) in [
            ("6.1.0-50", "6.12.0-50"),
            (r#""psci":"1.1""#, r#""psci":"1.0""#),
            (r#""trng","#, ""),
            (r#""aarch32":true"#, r#""aarch32":false"#),
        ] {
            let host = host.replace(right, wrong);
            assert_eq!(judged(1, &[&host, PASS, SUMMARY]).failed, 1, "{host}");
        }
    }

    #[test]
    fn each_verdict_goes_into_the_table_of_claims() {
        let mut shell = process::command("sh");
        let skip = r#"{"record":"test","name":"b","firmware":"core","verdict":"skip","reason":"x","ruled_out_by":"with"}"#;
        shell.args([
            "-c",
            &format!("echo '{PASS}'; echo '{skip}'; echo '{SUMMARY}'"),
        ]);
        let mut claims = ClaimTable::default();
        tally(&process::separate(shell).unwrap(), 2, SETTING, &mut claims);
        let text = claims.render();
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines[1], ["claim", "6.1", "kernel", "6.1", "core"]);
        assert_eq!(lines[2], ["a", "pass"]);
        assert_eq!(lines[3], ["b", "–"]);
    }

    #[test]
    fn a_place_is_a_kernel_or_a_cpu_of_its_own() {
        let place = |host| Setting { host, ..SETTING }.place();
        assert_eq!(place("lab:6.12"), "6.12");
        assert_eq!(place("lab:6.12:cortex-a57"), "cortex-a57");
        assert_eq!(place("local"), "local");
    }

    #[test]
    fn a_line_that_is_no_record_is_a_failure() {
        assert_eq!(judged(1, &[PASS, "stray", SUMMARY]).failed, 1);
    }
}
