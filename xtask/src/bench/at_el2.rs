//! Instructions from guest to guest at EL2, and what the program there weighs.
//!
//! Nothing is between a guest's call and core but that program. The board's clock counts instructions, its only guest is the benching one, and nothing else runs
//! on it: the same numbers come on every machine. KVM's own are in the group beside.

use anyhow::{Context, Result, ensure};
use elf::ElfBytes;
use elf::abi::PT_LOAD;
use elf::endian::LittleEndian;

use super::counts;
use super::figure::{Figure, Group, Worth};
use crate::process;
use crate::workspace::{SOFTFLOAT_TARGET, Workspace};

pub(super) fn count(workspace: &Workspace) -> Result<Vec<Group>> {
    let mut run = workspace.command(workspace.host_program());
    run.args(["run", "--host", HOST, "--dialect", "kvm"]);
    run.args(["--timeout", "300"]);
    run.arg(workspace.guest_programs().join("examples/bench_calls"));
    let run = process::separate(run)?;
    ensure!(
        run.status.success(),
        "counting at {HOST} ended with {}: {}",
        run.status,
        run.errors.trim_end()
    );
    Ok(vec![calls(&run.output)?, weight(workspace)?])
}

fn calls(output: &str) -> Result<Group> {
    let counts = counts(output);
    ensure!(!counts.is_empty(), "the guest at {HOST} counted nothing");
    let figures = counts.into_iter().map(|(kind, count)| {
        let goal = GOALS.iter().find(|(of, _)| *of == kind);
        Figure::new(kind, count).with_goal(goal.map(|(_, goal)| *goal))
    });
    Ok(Group {
        key: "at-el2",
        title: format!("from guest to guest on {HOST}, instructions a call"),
        worth: Worth::Lasting,
        figures: figures.collect(),
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
        figures: vec![Figure::new("code, constants and tables", value).with_goal(Some(96 << 10))],
    })
}

const HOST: &str = "el2:max:icount";

/// What a call shall not exceed there and back.
const GOALS: [(&str, u64); 2] = [("psci-version", 300), ("unknown", 300)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_belongs_to_its_kind() {
        let group = calls("bench: psci-version 4000 1184016\nbench: affinity-info 4000 4000\n");
        let figures = group.unwrap().figures;
        assert_eq!((figures[0].value, figures[0].goal), (296, Some(300)));
        assert_eq!((figures[1].value, figures[1].goal), (1, None));
    }

    #[test]
    fn a_guest_that_counts_nothing_is_an_error() {
        assert!(calls("claim: x\n").is_err());
    }
}
