//! `cargo xtask matrix`: preflight's verdicts from files alone, against every host's real kernel.
//!
//! The program of that name in `conformance` probes, predicts, asks and judges; its exit code is
//! believed, and that it has compared everything is not taken for granted.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use crate::build;
use crate::process::{self, Separate};
use crate::report::Tally;
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;

/// What is compared; where nothing is named, everything.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Selection {
    /// These hosts only, each KERNEL:CPU[:OPTION…]
    #[arg(long, value_name = "HOST", num_args = 1.., conflicts_with = "few")]
    hosts: Vec<String>,
    /// The eleven hosts that `test` compares
    #[arg(long)]
    few: bool,
    /// How many hosts are up at a time [default: 2]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Take the profiles of the run before, and probe only hosts without one
    #[arg(long)]
    keep_profiles: bool,
    /// Keep the profiles, the result and its picture in the tree, where tests and documents find them
    #[arg(long, conflicts_with_all = ["hosts", "few"])]
    record: bool,
}

/// Sets up, builds, and compares on this terminal.
pub(crate) fn show(workspace: &Workspace, selection: &Selection) -> Result<ExitCode> {
    setup::tools(workspace, Purpose::Test)?;
    build::run(workspace)?;
    build::matrix_program(workspace)?;
    setup::kernels(workspace, Purpose::Test)?;
    let command = command(workspace, selection);
    let status = process::show_as(&process::shell_line(&command), command)?;
    if !status.success() {
        return Ok(ExitCode::FAILURE);
    }
    if selection.record {
        record(workspace)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Compares a few hosts and counts each figure that has to be so as one test.
pub(crate) fn run(workspace: &Workspace) -> Result<Tally> {
    let few = Selection {
        few: true,
        ..Selection::default()
    };
    let run = process::separate_within(command(workspace, &few), LIMIT)?;
    Ok(tally(&run))
}

fn command(workspace: &Workspace, selection: &Selection) -> Command {
    let program = "run --quiet --release --package vambrace-conformance --bin matrix --";
    let mut command = workspace.cargo(program);
    command.arg("--output").arg(folder(workspace));
    for (flag, set) in [
        ("--few", selection.few),
        ("--keep-profiles", selection.keep_profiles),
    ] {
        if set {
            command.arg(flag);
        }
    }
    if let Some(jobs) = selection.jobs {
        command.args(["--jobs", &jobs.to_string()]);
    }
    if !selection.hosts.is_empty() {
        command.arg("--hosts").args(&selection.hosts);
    }
    command
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("matrix")
}

/// Copies what the program has left into the tree, and draws it.
fn record(workspace: &Workspace) -> Result<()> {
    let kept = workspace.root.join(RECORDED);
    fs::create_dir_all(&kept).with_context(|| format!("cannot make {}", kept.display()))?;
    let folder = folder(workspace);
    let files = fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
    let mut profiles = Vec::new();
    for file in files {
        let file = file?.path();
        let name = file.file_name().context("a file has a name")?;
        let copy = kept.join(name);
        fs::copy(&file, &copy).with_context(|| format!("cannot copy {}", file.display()))?;
        if name != RESULT {
            profiles.push(copy);
        }
    }
    profiles.sort();
    draw(workspace, &profiles)
}

/// That some pairs have no contract is no failure.
fn draw(workspace: &Workspace, profiles: &[PathBuf]) -> Result<()> {
    let mut command = process::command(workspace.target.join("release/vambrace"));
    command.args(["contract", "matrix"]).args(profiles);
    command
        .arg("--svg")
        .arg(workspace.root.join(PICTURE))
        .stdout(Stdio::null());
    let status = command.status().context("cannot draw the matrix")?;
    match status.code() {
        Some(0 | 1) => Ok(()),
        _ => bail!("the matrix was not drawn ({status})"),
    }
}

fn tally(run: &Separate) -> Tally {
    let mut tally = Tally {
        output: format!("{}{}", run.output, run.errors),
        ..Tally::default()
    };
    for expected in EXPECTED {
        match run
            .output
            .lines()
            .find(|line| line.trim_start().starts_with(expected.figure))
        {
            Some(line) if (expected.holds)(number(line)) => {
                tally.passed += 1;
                tally.notes.push(line.trim().to_owned());
            }
            Some(line) => tally.fail_because(line),
            None => tally.fail_because(&format!("`{}` was not counted", expected.figure)),
        }
    }
    if tally.failed == 0 && !run.status.success() {
        tally.fail_because(&format!(
            "nothing disagrees, but the program failed ({})",
            run.status
        ));
    }
    tally
}

/// The first number behind the colon.
fn number(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once(": ")?;
    let digits = rest.split(|character: char| !character.is_ascii_digit());
    digits.into_iter().next()?.parse().ok()
}

/// A line of the program that begins so, and what its number has to be.
struct Expected {
    figure: &'static str,
    holds: fn(Option<u64>) -> bool,
}

const EXPECTED: [Expected; 7] = [
    Expected {
        figure: "pairs: ",
        holds: |pairs| pairs.is_some_and(|pairs| pairs >= 100),
    },
    Expected {
        figure: "wrong accepts: ",
        holds: |wrong| wrong == Some(0),
    },
    Expected {
        figure: "wrong refusals: ",
        holds: |wrong| wrong == Some(0),
    },
    Expected {
        figure: "reasons confirmed by kernels: ",
        holds: |confirmed| confirmed.is_some_and(|confirmed| confirmed > 1_000),
    },
    Expected {
        figure: "guest-visible reasons shown: ",
        holds: |shown| shown.is_some_and(|shown| shown > 50),
    },
    Expected {
        figure: "undecided: ",
        holds: |undecided| undecided == Some(0),
    },
    Expected {
        figure: "disagreements: ",
        holds: |disagreements| disagreements == Some(0),
    },
];

/// Where the profiles and the result are in the tree.
const RECORDED: &str = "conformance/hosts";
/// The result's file.
const RESULT: &str = "result.json";
/// Where the picture is in the tree.
const PICTURE: &str = "docs/matrix.svg";
/// Eleven hosts, each started twice; several times what they take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "pairs: 121, a host's own contract told to each: 14 accepted, 107 refused
wrong accepts: 0
wrong refusals: 0
reasons confirmed by kernels: 2345
guest-visible reasons shown: 345 (CNTFRQ_EL0 345)
  undecided: 0
disagreements: 0";

    fn judged(lines: &str, exit: &str) -> Tally {
        let mut shell = process::command("sh");
        shell.args(["-c", &format!("cat <<'END'\n{lines}\nEND\n{exit}")]);
        tally(&process::separate(shell).unwrap())
    }

    #[test]
    fn each_figure_that_is_as_it_must_be_passes_and_is_noted() {
        let tally = judged(GOOD, "exit 0");
        assert_eq!((tally.passed, tally.failed), (7, 0));
        assert_eq!(tally.notes[1], "wrong accepts: 0");
    }

    #[test]
    fn a_wrong_verdict_too_few_pairs_and_a_figure_that_is_missing_fail() {
        for (good, bad) in [
            ("wrong accepts: 0", "wrong accepts: 10"),
            ("pairs: 121", "pairs: 12"),
            ("undecided: 0", ""),
            ("disagreements: 0", "disagreements: 1"),
        ] {
            let tally = judged(&GOOD.replace(good, bad), "exit 0");
            assert_eq!((tally.passed, tally.failed), (6, 1), "{bad}");
        }
    }

    #[test]
    fn a_program_that_fails_fails_though_every_figure_is_right() {
        assert_eq!(judged(GOOD, "exit 1").failed, 1);
        assert_eq!(judged("", "exit 1").failed, 7);
    }
}
