//! `cargo xtask bench`: what core weighs, what a call costs, what contracts and fleets cost.
//!
//! Bytes are read off a linked image, instructions are counted by emulated machines whose clock
//! counts them: the same on every machine, however loaded. Only what a user waits for is timed,
//! and what is timed is never kept. Nothing here fails because a number has
//! grown; the table shows it beside its goal, its floor and the baseline that is in the tree.

mod at_el2;
mod baseline;
mod contracts;
mod figure;
mod guest_to_guest;
mod inside_core;
mod size;
mod stack;
mod table;
mod under_kvm;
mod whole;

use anyhow::Result;
use std::process::ExitCode;

use crate::build;
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;
use baseline::Baseline;
use figure::Group;

/// What becomes of the figures beyond being shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Nothing,
    /// They are the baseline from now on.
    AsBaseline,
}

pub(crate) fn run(workspace: &Workspace, keep: Keep) -> Result<ExitCode> {
    setup::tools(workspace, Purpose::Demo)?;
    build::run(workspace)?;
    build::counting_programs(workspace)?;
    build::linux_program(workspace)?;
    setup::kernels(workspace, Purpose::Demo)?;
    let mut groups = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for part in PARTS {
        match part(workspace) {
            Ok(measured) => groups.extend(measured),
            Err(error) => {
                eprintln!("cargo xtask bench: {error:#}");
                code = ExitCode::FAILURE;
            }
        }
    }
    print!("\n{}", table::of(&groups, &Baseline::load(workspace)?));
    if keep == Keep::AsBaseline {
        if code == ExitCode::FAILURE {
            eprintln!("the baseline stays as it was: not everything could be measured");
        } else {
            Baseline::of(&groups).save(workspace)?;
            println!("\nthe baseline is now {}", baseline::PATH);
        }
    }
    Ok(code)
}

type Part = fn(&Workspace) -> Result<Vec<Group>>;

const PARTS: [Part; 6] = [
    size::measure,
    inside_core::count,
    at_el2::measure,
    contracts::measure,
    guest_to_guest::count,
    whole::count,
];

/// The lines `bench: KIND ROUNDS TICKS` of a counting program, as instructions a round. Other lines
/// are not for us.
fn counts(output: &str) -> Vec<(String, u64)> {
    let mut counts = Vec::new();
    for line in output.lines() {
        let Some(rest) = line.trim_end().strip_prefix("bench: ") else {
            continue;
        };
        let words: Vec<&str> = rest.split(' ').collect();
        if let [kind, rounds, ticks] = words[..]
            && let (Ok(rounds @ 1..), Ok(ticks)) = (rounds.parse::<u64>(), ticks.parse::<u64>())
        {
            counts.push((kind.to_owned(), ticks.saturating_add(rounds / 2) / rounds));
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_rounded_to_whole_instructions() {
        let output = "claim: x.\nbench: a 1000 1499\nbench: b 1000 1500\r\nverdict: pass\n";
        assert_eq!(counts(output), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    }

    #[test]
    fn what_is_no_count_is_passed_over() {
        for line in [
            "bench: a 0 5",
            "bench: a 1",
            "bench: a 1 -5",
            "bench: a 1 5 6",
            "a 1 5",
        ] {
            assert!(counts(line).is_empty(), "{line}");
        }
    }
}
