//! What the program at EL2 costs: calls, its way to the guest, its weight.
//!
//! The board's clock counts instructions, its only guest is the benching one, and nothing else runs
//! on it: the same numbers come on every machine, in every run.

use anyhow::{Context, Result, ensure};
use elf::ElfBytes;
use elf::abi::PT_LOAD;
use elf::endian::LittleEndian;

use super::counts;
use super::figure::{Figure, Group, Worth};
use super::guest_to_guest::{self, Call};
use crate::process;
use crate::workspace::{SOFTFLOAT_TARGET, Workspace};

/// What each call takes.
pub(super) fn count(workspace: &Workspace) -> Result<Vec<Call>> {
    let mut all = Vec::new();
    for guest in guest_to_guest::guests(workspace)? {
        all.extend(calls(&run(workspace, &guest)?)?);
    }
    Ok(all)
}

/// The program itself: its way to the guest, and its weight.
pub(super) fn measure(workspace: &Workspace) -> Result<Vec<Group>> {
    Ok(vec![
        boot(&run(workspace, "counts_boot")?)?,
        weight(workspace)?,
    ])
}

/// What a guest prints on a board whose clock counts instructions.
fn run(workspace: &Workspace, guest: &str) -> Result<String> {
    let mut run = workspace.command(workspace.host_program());
    run.args(["run", "--host", HOST, "--dialect", "kvm"]);
    run.args(["--timeout", "300"]);
    run.arg(workspace.guest_programs().join("examples").join(guest));
    let run = process::separate(run)?;
    ensure!(
        run.status.success(),
        "counting with {guest} at {HOST} ended with {}: {}",
        run.status,
        run.errors.trim_end()
    );
    Ok(run.output)
}

fn calls(output: &str) -> Result<Vec<Call>> {
    let counts = counts(output);
    ensure!(!counts.is_empty(), "the guest at {HOST} counted nothing");
    let calls = counts.into_iter().map(|(kind, count)| {
        let goal = GOALS.iter().find(|(of, _)| *of == kind);
        Call {
            count,
            goal: goal.map(|(_, goal)| *goal),
            floor: None,
            answered_by: "el2",
            kind,
        }
    });
    Ok(calls.collect())
}

fn boot(output: &str) -> Result<Group> {
    let counts = counts(output);
    let found = counts.iter().find(|(kind, _)| kind == "boot");
    let (_, counter) = found.context("the guest did not tell when it began")?;
    let value = counter
        .checked_sub(BEFORE_ENTRY)
        .context("the guest began before the program did")?;
    Ok(Group {
        key: "el2-boot",
        title: format!("from the first instruction at EL2 to the guest's on {HOST}, instructions"),
        worth: Worth::Lasting,
        figures: vec![Figure::new("boot, one vCPU", value)],
    })
}

fn weight(workspace: &Workspace) -> Result<Group> {
    let programs = workspace.target.join(SOFTFLOAT_TARGET).join("release");
    let path = programs.join("vambrace-el2");
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let image = ElfBytes::<LittleEndian>::minimal_parse(&bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let segments = image.segments().context("it has no segments")?;
    let loaded = segments.iter().filter(|segment| segment.p_type == PT_LOAD);
    let value = loaded.map(|segment| segment.p_filesz).sum();
    Ok(Group {
        key: "el2-image",
        title: format!("the program at EL2, {SOFTFLOAT_TARGET}, bytes that are loaded"),
        worth: Worth::Lasting,
        figures: vec![Figure::new("code, constants and data", value).with_goal(Some(96 << 10))],
    })
}

pub(super) const HOST: &str = "el2:max:icount";

/// What a call shall not exceed there and back.
const GOALS: [(&str, u64); 2] = [("psci-version", 300), ("unknown", 300)];
/// What the counter is at the program's first instruction if that one reads it: QEMU's own way there
/// from reset is six instructions, and a reading counts itself.
const BEFORE_ENTRY: u64 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_belongs_to_its_kind() {
        let output = "bench: psci-version 4000 1184016\nbench: affinity-info 4000 4000\n";
        let calls = calls(output).unwrap();
        assert_eq!((calls[0].count, calls[0].goal), (296, Some(300)));
        assert_eq!((calls[1].count, calls[1].goal), (1, None));
    }

    #[test]
    fn a_guest_that_counts_nothing_is_an_error() {
        assert!(calls("claim: x\n").is_err());
    }

    #[test]
    fn qemus_own_instructions_are_not_the_programs() {
        let group = boot("claim: x\nbench: boot 1 551555\n").unwrap();
        assert_eq!(group.figures, [Figure::new("boot, one vCPU", 551_548)]);
        assert!(boot("bench: boot 1 6\n").is_err());
    }
}
