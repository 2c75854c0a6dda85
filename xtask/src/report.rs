//! Parts of a run: announced, timed, counted, and shown in full when they fail.
//!
//! A part is either one check, which counts as one, or a run of tests, which counts each of them.
//! A part that fails does not stop the others. On a terminal a part has one line; elsewhere it has
//! one when it starts and one when it ends, so that a log shows what a stuck run is stuck in.

use anyhow::Result;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::process::Captured;

/// What a part found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Shown in any case: what did not run, and why.
    pub(crate) notes: Vec<String>,
    /// Shown if something failed.
    pub(crate) output: String,
}

impl Tally {
    /// One check, judged by the exit status of its process.
    pub(crate) fn check(captured: Captured) -> Self {
        let passed = captured.status.success();
        let (passed, failed) = (u64::from(passed), u64::from(!passed));
        Self {
            passed,
            failed,
            output: captured.text,
            ..Self::default()
        }
    }

    /// One check that went well.
    pub(crate) fn pass() -> Self {
        Self {
            passed: 1,
            ..Self::default()
        }
    }

    /// One check that did not.
    pub(crate) fn fail(output: String) -> Self {
        Self {
            failed: 1,
            output,
            ..Self::default()
        }
    }

    /// Counts one more failure and says what it is.
    pub(crate) fn fail_because(&mut self, reason: &str) {
        self.failed += 1;
        self.output += reason;
        self.output.push('\n');
    }
}

/// Whether a part may be built upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    Failed,
}

/// The parts of one run.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<Row>,
    /// Where the whole output of a failed part is kept.
    logs: PathBuf,
}

#[derive(Debug)]
struct Row {
    name: String,
    time: Duration,
    passed: u64,
    failed: u64,
}

impl Report {
    pub(crate) fn new(logs: PathBuf) -> Self {
        Self {
            rows: Vec::new(),
            logs,
        }
    }

    /// Runs a part that keeps its output to itself.
    pub(crate) fn part(&mut self, name: &str, run: impl FnOnce() -> Result<Tally>) -> Verdict {
        let one_line = std::io::stdout().is_terminal();
        if one_line {
            print!("  ....  {name}");
            // A terminal that cannot be written to shows nothing, which fails no part.
            drop(std::io::stdout().flush());
        } else {
            println!("  ....  {name}");
        }
        self.finish(name, run, if one_line { "\r" } else { "" })
    }

    /// Runs a part whose progress is worth watching: its processes write to this terminal.
    pub(crate) fn open_part(&mut self, name: &str, run: impl FnOnce() -> Result<()>) -> Verdict {
        println!("  ....  {name}");
        self.finish(name, || run().map(|()| Tally::pass()), "")
    }

    fn finish(&mut self, name: &str, run: impl FnOnce() -> Result<Tally>, lead: &str) -> Verdict {
        let start = Instant::now();
        let tally = run().unwrap_or_else(|error| Tally::fail(format!("{error:#}\n")));
        let time = start.elapsed();
        let verdict = if tally.failed == 0 {
            Verdict::Passed
        } else {
            Verdict::Failed
        };
        let word = if verdict == Verdict::Passed {
            "pass"
        } else {
            "FAIL"
        };
        println!(
            "{lead}  {word}  {name}  {}{}",
            seconds(time),
            counts(tally.passed, tally.failed)
        );
        for note in &tally.notes {
            println!("        {note}");
        }
        if verdict == Verdict::Failed {
            self.show_failure(name, &tally.output);
        }
        let (passed, failed) = (tally.passed, tally.failed);
        self.rows.push(Row {
            name: name.to_owned(),
            time,
            passed,
            failed,
        });
        verdict
    }

    fn show_failure(&self, name: &str, output: &str) {
        let file = self.logs.join(format!("{}.log", file_name(name)));
        let kept = std::fs::create_dir_all(&self.logs).and_then(|()| std::fs::write(&file, output));
        println!("{}", tail(output, SHOWN_LINES));
        if kept.is_ok() {
            println!(
                "        the whole output of this part is in {}",
                file.display()
            );
        }
    }

    /// Prints the slowest parts and what failed, and as the last line how many passed and failed.
    pub(crate) fn conclude(&self) -> ExitCode {
        print!("{}", self.summary());
        if self.rows.iter().all(|row| row.failed == 0) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn summary(&self) -> String {
        let mut slowest: Vec<&Row> = self.rows.iter().collect();
        slowest.sort_by_key(|row| std::cmp::Reverse(row.time));
        let total: Duration = self.rows.iter().map(|row| row.time).sum();
        let mut text = format!("\nslowest parts of {}:\n", seconds(total));
        for row in slowest.iter().take(SLOWEST) {
            text += &format!("  {:>8}  {}\n", seconds(row.time), row.name);
        }
        let failed: Vec<&Row> = self.rows.iter().filter(|row| row.failed > 0).collect();
        if !failed.is_empty() {
            text += "\nfailed:\n";
        }
        for row in failed {
            text += &format!("  {}{}\n", row.name, counts(row.passed, row.failed));
        }
        let passed: u64 = self.rows.iter().map(|row| row.passed).sum();
        let failed: u64 = self.rows.iter().map(|row| row.failed).sum();
        text + &format!("\n{passed} passed, {failed} failed\n")
    }
}

/// ` (12 passed, 1 failed)` for a run of tests, nothing for a single check.
fn counts(passed: u64, failed: u64) -> String {
    match (passed, failed) {
        (1, 0) | (0, 1) => String::new(),
        (passed, 0) => format!("  ({passed} passed)"),
        (passed, failed) => format!("  ({passed} passed, {failed} failed)"),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn file_name(part: &str) -> String {
    part.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect()
}

/// The last lines of a text, with a note of how many came before.
fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    let hidden = all.len().saturating_sub(lines);
    let shown = all[hidden..].join("\n");
    if hidden == 0 {
        shown
    } else {
        format!("({hidden} earlier lines are not shown)\n{shown}")
    }
}

/// Enough for a dozen compiler errors.
const SHOWN_LINES: usize = 300;
const SLOWEST: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str) -> Report {
        let logs = std::env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
        Report::new(logs)
    }

    #[test]
    fn the_last_line_counts_tests_and_checks() {
        let mut report = report("count");
        report.part("check", || Ok(Tally::pass()));
        report.part("tests", || {
            Ok(Tally {
                passed: 12,
                failed: 2,
                ..Tally::default()
            })
        });
        assert_eq!(report.summary().lines().last(), Some("13 passed, 2 failed"));
        std::fs::remove_dir_all(&report.logs).unwrap();
    }

    #[test]
    fn a_part_that_cannot_run_is_a_failure_and_is_named() {
        let mut report = report("error");
        let verdict = report.part("broken", || anyhow::bail!("no such program"));
        assert_eq!(verdict, Verdict::Failed);
        assert!(report.summary().contains("failed:\n  broken\n"));
        let log = std::fs::read_to_string(report.logs.join("broken.log")).unwrap();
        assert_eq!(log, "no such program\n");
        std::fs::remove_dir_all(&report.logs).unwrap();
    }

    #[test]
    fn only_the_ten_slowest_parts_are_listed_longest_first() {
        let mut report = report("slow");
        report.rows = (1..=12_u64)
            .map(|n| Row {
                name: format!("part {n}"),
                time: Duration::from_secs(n),
                passed: 1,
                failed: 0,
            })
            .collect();
        let summary = report.summary();
        let listed: Vec<&str> = summary
            .lines()
            .filter(|line| line.contains("part "))
            .collect();
        assert_eq!(listed.len(), 10);
        assert_eq!(listed[0], "    12.0 s  part 12");
        assert_eq!(listed[9], "     3.0 s  part 3");
    }

    #[test]
    fn a_long_output_is_cut_at_its_beginning() {
        assert_eq!(
            tail("a\nb\nc\n", 2),
            "(1 earlier lines are not shown)\nb\nc"
        );
        assert_eq!(tail("a\nb\n", 2), "a\nb");
    }
}
