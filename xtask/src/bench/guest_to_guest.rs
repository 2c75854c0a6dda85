//! Instructions from a guest's call to its next instruction: at EL2, and under KVM beside it.
//!
//! Each benching guest runs at EL2, where nothing is between its call and core but one program, and
//! under KVM with the kernel's own firmware and with core's, on the same CPU model; each kind of call
//! has its three numbers in adjacent lines. Both clocks count the instructions of all CPUs, one CPU at
//! a time. So `cpu-on`, from CPU_ON to the started CPU's first instruction, is what both CPUs do,
//! one after the other: the caller's way there, back, and to sleep, then the other's way from its
//! sleep into the guest; the median of many starts, because a host has work of its own. Two runs
//! agree exactly at EL2. Under KVM they agree within 0.5 % for calls that core answers, 0.2 % for
//! starts by KVM's firmware, and 4 % for starts by core, whose threads wake each other, and for calls
//! that KVM answers, which are so short that a tick of the host in a sum of them counts.

use anyhow::{Context, Result, ensure};

use super::figure::{Figure, Group, Worth};
use super::{at_el2, under_kvm};
use crate::workspace::Workspace;

pub(super) fn count(workspace: &Workspace) -> Result<Vec<Group>> {
    let mut calls = at_el2::count(workspace)?;
    let (floors, under_kvm) = under_kvm::count(workspace)?;
    calls.extend(under_kvm);
    Ok(vec![beside(calls), floors])
}

/// The built image of every `guest-tests/examples/bench_*.rs`.
pub(super) fn guests(workspace: &Workspace) -> Result<Vec<String>> {
    let sources = workspace.root.join("guest-tests/examples");
    let mut guests = Vec::new();
    for entry in sources.read_dir().context("no guest-tests/examples")? {
        let source = entry?.path();
        let name = source.file_stem().and_then(|name| name.to_str());
        guests.extend(
            name.filter(|name| name.starts_with("bench_"))
                .map(str::to_owned),
        );
    }
    guests.sort();
    ensure!(
        !guests.is_empty(),
        "{} has no bench_*.rs",
        sources.display()
    );
    Ok(guests)
}

/// What one kind of call took in one place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// As the benching guest names it.
    pub(super) kind: String,
    /// Who answered: the program at EL2, KVM's own firmware, or core above KVM.
    pub(super) answered_by: &'static str,
    pub(super) count: u64,
    pub(super) goal: Option<u64>,
    pub(super) floor: Option<u64>,
}

/// Kinds in the order in which they were counted first, and each kind's places together.
fn beside(calls: Vec<Call>) -> Group {
    let mut kinds: Vec<&str> = Vec::new();
    for call in &calls {
        if !kinds.contains(&call.kind.as_str()) {
            kinds.push(&call.kind);
        }
    }
    let of = |kind| calls.iter().filter(move |call| call.kind == kind);
    let figures = kinds.iter().copied().flat_map(of).map(|call| {
        Figure::new(format!("{}: {}", call.kind, call.answered_by), call.count)
            .with_goal(call.goal)
            .with_floor(call.floor)
    });
    Group {
        key: "guest-to-guest",
        title: format!(
            "from guest to guest, instructions a call: el2 on {}, kernel and core on {}",
            at_el2::HOST,
            under_kvm::HOST
        ),
        worth: Worth::Lasting,
        figures: figures.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(kind: &str, answered_by: &'static str, count: u64) -> Call {
        Call {
            kind: kind.to_owned(),
            answered_by,
            count,
            goal: None,
            floor: None,
        }
    }

    #[test]
    fn who_answers_the_same_call_is_told_in_adjacent_lines() {
        let group = beside(vec![
            call("psci-version", "el2", 296),
            call("cpu-on", "el2", 2_622),
            call("cpu-on", "kernel", 9_000),
            call("psci-version", "kernel", 1_344),
        ]);
        let expected = [
            Figure::new("psci-version: el2", 296),
            Figure::new("psci-version: kernel", 1_344),
            Figure::new("cpu-on: el2", 2_622),
            Figure::new("cpu-on: kernel", 9_000),
        ];
        assert_eq!(group.figures, expected);
    }
}
