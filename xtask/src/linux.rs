//! `cargo xtask linux`: guests of others, or one of Debian's kernels on this terminal.
//!
//! The program of that name in `conformance` boots and judges; its exit code is believed, and that it
//! has booted everything is not taken for granted.

use anyhow::Result;
use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::build;
use crate::process::{self, Separate};
use crate::report::Tally;
use crate::setup::{self, Purpose};
use crate::test::Depth;
use crate::workspace::Workspace;

/// What is booted; where nothing is said, one kernel on this terminal.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Selection {
    /// This kernel: 6.1, 6.12 or 7.3
    #[arg(long, value_name = "KERNEL", default_value = "6.12")]
    kernel: String,
    /// What `test` boots instead, and judge it
    #[arg(long)]
    test: bool,
    /// What `test --all` boots instead, and judge it
    #[arg(long, conflicts_with = "test")]
    all: bool,
    /// Further options of `vambrace boot`
    #[arg(last = true, conflicts_with_all = ["test", "all"])]
    options: Vec<String>,
}

/// Sets up, builds, and boots on this terminal.
pub(crate) fn show(workspace: &Workspace, selection: &Selection) -> Result<ExitCode> {
    setup::tools(workspace, Purpose::Test)?;
    build::run(workspace)?;
    build::linux_program(workspace)?;
    setup::kernels(workspace, Purpose::Test)?;
    let command = match (selection.test, selection.all) {
        (true, _) => command(workspace, Depth::EveryDay),
        (_, true) => command(workspace, Depth::All),
        _ => {
            let mut command = program(workspace);
            command.args(["--show", &selection.kernel, "--"]);
            command.args(&selection.options);
            command
        }
    };
    let status = process::show_as(&process::shell_line(&command), command)?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Boots and counts each machine as one test.
pub(crate) fn run(workspace: &Workspace, depth: Depth) -> Result<Tally> {
    let (limit, machines) = match depth {
        Depth::EveryDay => (Duration::from_secs(30 * 60), 7),
        Depth::All => (Duration::from_secs(4 * 60 * 60), 52),
    };
    let run = process::separate_within(command(workspace, depth), limit)?;
    Ok(tally(&run, machines))
}

fn command(workspace: &Workspace, depth: Depth) -> Command {
    let mut command = program(workspace);
    if depth == Depth::All {
        command.arg("--all");
    }
    command
}

fn program(workspace: &Workspace) -> Command {
    workspace.cargo("run --quiet --package vambrace-conformance --bin linux --")
}

fn tally(run: &Separate, machines: u64) -> Tally {
    let mut tally = Tally {
        output: format!("{}{}", run.output, run.errors),
        ..Tally::default()
    };
    // What a guest said stands indented below its line.
    for line in run.output.lines().filter(|line| !line.starts_with(' ')) {
        if line.contains(": ok, ") {
            tally.passed += 1;
            tally.notes.push(line.to_owned());
        } else if line.contains(": FAILED: ") {
            tally.fail_because(line);
        }
    }
    let booted = tally.passed + tally.failed;
    if booted != machines {
        tally.fail_because(&format!("{booted} machines were booted, not {machines}"));
    }
    if tally.failed == 0 && !run.status.success() {
        tally.fail_because(&format!(
            "every machine booted, but the program failed ({})",
            run.status
        ));
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Linux 6.12, firmware kernel, 4 vCPUs: ok, 30 s
Linux 6.12, firmware core, 4 vCPUs: ok, 31 s
2 machines booted, failed: 0";

    fn judged(lines: &str, exit: &str) -> Tally {
        let mut shell = process::command("sh");
        shell.args(["-c", &format!("cat <<'END'\n{lines}\nEND\n{exit}")]);
        tally(&process::separate(shell).unwrap(), 2)
    }

    #[test]
    fn each_machine_that_booted_passes_and_is_noted() {
        let tally = judged(GOOD, "exit 0");
        assert_eq!((tally.passed, tally.failed), (2, 0));
        assert_eq!(tally.notes.len(), 2);
    }

    #[test]
    fn a_machine_that_failed_fails() {
        let tally = judged(&GOOD.replacen("ok, 30 s", "FAILED: no end", 1), "exit 1");
        assert_eq!((tally.passed, tally.failed), (1, 1));
    }

    #[test]
    fn what_a_guest_said_is_no_machine() {
        let guest = "    Linux 6.12: ok, 3 s\n    init: FAILED: x";
        assert_eq!(judged(&format!("{GOOD}\n{guest}"), "exit 0").passed, 2);
    }

    #[test]
    fn another_number_of_machines_fails_and_so_does_a_program_that_fails() {
        assert_eq!(judged("nothing", "exit 0").failed, 1);
        let more = format!("{GOOD}\nU-Boot, firmware core: ok, 3 s");
        assert_eq!(judged(&more, "exit 0").failed, 1);
        assert_eq!(judged(GOOD, "exit 1").failed, 1);
    }
}
