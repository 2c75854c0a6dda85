//! `cargo xtask differential`: the same calls to KVM's firmware and to core, on four real kernels.
//!
//! The program of that name in `conformance` makes the calls and judges the answers; its exit code
//! is believed, and that it has said what it compared is not taken for granted.

use anyhow::Result;
use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::build;
use crate::process::{self, Separate};
use crate::report::Tally;
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;

/// What is compared; where nothing is named, everything with the program's own seed.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Selection {
    /// On this kernel only: 5.10, 6.1, 6.12 or 7.3
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<String>,
    /// Which calls are made: another number makes others
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Sets up, builds, and compares on this terminal.
pub(crate) fn show(workspace: &Workspace, selection: &Selection) -> Result<ExitCode> {
    setup::tools(workspace, Purpose::Test)?;
    build::run(workspace)?;
    setup::kernels(workspace, Purpose::Test)?;
    let command = command(workspace, selection);
    let status = process::show_as(&process::shell_line(&command), command)?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Compares everything and counts each run that was compared as one test.
pub(crate) fn run(workspace: &Workspace) -> Result<Tally> {
    let comparison = command(workspace, &Selection::default());
    Ok(tally(&process::separate_within(comparison, LIMIT)?))
}

fn command(workspace: &Workspace, selection: &Selection) -> Command {
    let program = "run --quiet --package vambrace-conformance --bin differential --";
    let mut command = workspace.cargo(program);
    let seed = selection.seed.map(|seed| seed.to_string());
    for (option, value) in [("--kernel", &selection.kernel), ("--seed", &seed)] {
        if let Some(value) = value {
            command.args([option, value]);
        }
    }
    command
}

fn tally(run: &Separate) -> Tally {
    let mut tally = Tally {
        output: format!("{}{}", run.output, run.errors),
        ..Tally::default()
    };
    let mut seen = Seen::default();
    let mut kernel = "";
    for line in run.output.lines() {
        if line.contains(COMPARED) {
            let result = format!("{kernel}, {}", line.trim());
            seen.run(kernel, line);
            match line.ends_with(", unexplained: 0") {
                true => tally.passed += 1,
                false => tally.fail_because(&result),
            }
            tally.notes.push(result);
        } else if !line.starts_with(' ') {
            kernel = line.split(':').next().unwrap_or_default();
        }
    }
    seen.check(&mut tally);
    if tally.failed == 0 && !run.status.success() {
        tally.fail_because(&format!(
            "nothing differs, but the program failed ({})",
            run.status
        ));
    }
    tally
}

/// What was compared, to see whether that is everything.
#[derive(Debug, Default)]
struct Seen<'a> {
    /// How many runs there were on each kernel under each firmware, and how many calls in them.
    runs: BTreeMap<(&'a str, &'a str), (usize, usize)>,
}

impl<'a> Seen<'a> {
    /// `  kernel 12000 calls compared, …`
    fn run(&mut self, kernel: &'a str, line: &'a str) {
        let mut words = line.split_whitespace();
        let firmware = words.next().unwrap_or_default();
        let calls = words.next().and_then(|calls| calls.parse::<usize>().ok());
        let so_far = self.runs.entry((kernel, firmware)).or_default();
        *so_far = (so_far.0 + 1, so_far.1 + calls.unwrap_or(0));
    }

    fn check(&self, tally: &mut Tally) {
        let places = EXPECTED.iter().flat_map(|(kernel, firmware)| {
            firmware.iter().map(move |firmware| (*kernel, *firmware))
        });
        for place in places {
            let (kernel, firmware) = place;
            let (runs, calls) = self.runs.get(&place).copied().unwrap_or_default();
            if runs != MACHINES || calls < LEAST_CALLS {
                tally.fail_because(&format!(
                    "{kernel}, {firmware}: {calls} calls on {runs} machines were compared, and \
                     {LEAST_CALLS} on {MACHINES} are the least"
                ));
            }
        }
    }
}

/// Every kernel, and who answers on it.
const EXPECTED: &[(&str, &[&str])] = &[
    ("5.10", &["kernel"]),
    ("6.1", &["kernel"]),
    ("6.12", &["kernel", "core"]),
    ("7.3", &["kernel", "core"]),
];
/// On each kernel: one with everything that it has, one with nothing.
const MACHINES: usize = 2;
/// On each kernel under each firmware.
const LEAST_CALLS: usize = 10_000;
/// Twelve runs in hosts of their own; several times what they take on a busy machine.
const LIMIT: Duration = Duration::from_secs(45 * 60);
/// In the line of every run that was compared.
const COMPARED: &str = " calls compared, explained: ";

#[cfg(test)]
mod tests {
    use super::*;

    /// What the program prints of everything, with `calls` in each run.
    fn everything(calls: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for (kernel, firmware) in EXPECTED {
            for services in ["trng", "no services"] {
                lines.push(format!(
                    "{kernel}: PSCI 1.1, {services}, {calls} calls, seed 1"
                ));
                lines.extend(firmware.iter().map(|firmware| {
                    format!("  {firmware:<6} {calls} calls compared, explained: 0, unexplained: 0")
                }));
            }
        }
        lines.push(format!("{calls} calls compared, unexplained: 0"));
        lines
    }

    fn judged(exit: &str, lines: &[String]) -> Tally {
        let mut shell = process::command("sh");
        let lines: String = lines
            .iter()
            .map(|line| format!("echo '{line}'\n"))
            .collect();
        shell.args(["-c", &format!("{lines}{exit}")]);
        tally(&process::separate(shell).unwrap())
    }

    #[test]
    fn each_run_without_an_unexplained_difference_passes_and_is_noted() {
        let tally = judged("exit 0", &everything(12_000));
        assert_eq!((tally.passed, tally.failed), (12, 0));
        assert_eq!(
            tally.notes[0],
            "5.10, kernel 12000 calls compared, explained: 0, unexplained: 0"
        );
        assert_eq!(tally.notes.len(), 12);
    }

    #[test]
    fn a_run_with_an_unexplained_difference_fails() {
        let mut lines = everything(12_000);
        lines[1] = lines[1].replace("unexplained: 0", "unexplained: 10");
        let tally = judged("exit 1", &lines);
        assert_eq!((tally.passed, tally.failed), (11, 1));
    }

    #[test]
    fn a_run_that_is_not_there_fails() {
        let all = everything(12_000);
        let of_runs = |line: &&String| line.contains(COMPARED);
        for missing in all.iter().filter(of_runs).take(3) {
            let at = all.iter().position(|line| line == missing).unwrap();
            let rest = [&all[..at], &all[at + 1..]].concat();
            let tally = judged("exit 0", &rest);
            assert_eq!((tally.passed, tally.failed), (11, 1), "{missing}");
        }
    }

    #[test]
    fn a_kernel_on_which_little_was_compared_fails() {
        assert_eq!(judged("exit 0", &everything(4_999)).failed, 6);
        assert_eq!(judged("exit 0", &everything(5_000)).failed, 0);
    }

    #[test]
    fn a_program_that_fails_or_compares_nothing_fails() {
        assert_eq!(judged("exit 1", &everything(12_000)).failed, 1);
        assert_eq!(judged("exit 0", &["nothing".to_owned()]).failed, 6);
    }
}
