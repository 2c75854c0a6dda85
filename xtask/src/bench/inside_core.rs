//! Instructions from entering core to leaving it, on a bare machine that counts them.

use anyhow::{Context, Result, ensure};
use std::process::Command;
use std::time::Duration;

use super::counts;
use super::figure::{Figure, Group, Worth};
use crate::process;
use crate::workspace::Workspace;

pub(super) fn count(workspace: &Workspace) -> Result<Vec<Group>> {
    let run = process::separate_within(emulator(workspace), LIMIT)?;
    ensure!(
        run.status.success(),
        "the image that counts core's instructions ended with {}: {}{}",
        run.status,
        run.output,
        run.errors
    );
    Ok(vec![sizes(&run.output), calls(&run.output)?])
}

fn emulator(workspace: &Workspace) -> Command {
    let mut qemu = workspace.command("qemu-system-aarch64");
    qemu.args(["-nodefaults", "-no-user-config", "-display", "none"]);
    qemu.args(["-M", "virt", "-cpu", "max", "-accel", "tcg,thread=single"]);
    qemu.args(["-icount", "shift=0,sleep=off", "-chardev", "stdio,id=out"]);
    qemu.args(["-semihosting-config", "enable=on,target=native,chardev=out"]);
    qemu.arg("-kernel");
    qemu.arg(workspace.guest_programs().join("counts_core"));
    qemu
}

/// The lines `size: NAME BYTES`.
fn sizes(output: &str) -> Group {
    let figure = |line: &str| {
        let (name, bytes) = line.strip_prefix("size: ")?.trim_end().split_once(' ')?;
        Some(Figure::new(name, bytes.parse().ok()?).with_goal(goal_of(name)))
    };
    Group {
        key: "machine",
        title: "what core keeps in memory, bytes".to_owned(),
        worth: Worth::Lasting,
        figures: output.lines().filter_map(figure).collect(),
    }
}

fn calls(output: &str) -> Result<Group> {
    let mut counts = counts(output);
    let empty = counts.iter().position(|(kind, _)| kind == EMPTY);
    let (_, empty) = counts.remove(empty.context("nothing tells what the counting costs")?);
    let figure = |(kind, count): (String, u64)| {
        let goal = goal_of(&kind);
        Figure::new(kind, count.saturating_sub(empty)).with_goal(goal)
    };
    Ok(Group {
        key: "inside-core",
        title: "inside core, instructions a call".to_owned(),
        worth: Worth::Lasting,
        figures: counts.into_iter().map(figure).collect(),
    })
}

fn goal_of(name: &str) -> Option<u64> {
    let goal = GOALS.iter().find(|(known, _)| *known == name);
    goal.map(|(_, goal)| *goal)
}

/// The call that enters nothing.
const EMPTY: &str = "empty";
const GOALS: [(&str, u64); 2] = [("psci-version", 150), ("vm-512", 64 << 10)];
/// It takes a fraction of a second.
const LIMIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counting_costs_is_not_cores() {
        let group = calls("bench: empty 10 150\nbench: psci-version 10 1000\n").unwrap();
        let expected = Figure::new("psci-version", 85).with_goal(Some(150));
        assert_eq!(group.figures, [expected]);
    }

    #[test]
    fn sizes_are_read_as_bytes() {
        let group = sizes("size: vm-512 29400\nbench: empty 10 150\n");
        let expected = Figure::new("vm-512", 29_400).with_goal(Some(65_536));
        assert_eq!(group.figures, [expected]);
    }

    #[test]
    fn without_the_empty_call_nothing_is_believed() {
        assert!(calls("bench: psci-version 10 1000\n").is_err());
    }
}
