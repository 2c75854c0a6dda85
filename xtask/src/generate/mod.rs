//! `cargo xtask generate`: what is in the tree twice, written from where it is in it once.
//!
//! Core's table of ID register fields is a file for people, who review it row by row, and Rust for
//! the compiler. The second is made from the first by a function of its text alone, so that
//! `cargo xtask tidy` can hold one against the other without writing anything.

mod id_registers;
mod row;
mod rust;

use anyhow::{Context, Result};
use std::fs;

use crate::workspace::Workspace;
use id_registers::IdRegisters;

/// A file of the tree that is made from another.
pub(crate) struct Generated {
    /// What a person changes.
    pub(crate) source: &'static str,
    /// What is written.
    pub(crate) target: &'static str,
    /// The target's text, from the source's.
    pub(crate) text: fn(&str) -> Result<String, Refusal>,
}

/// A source that nothing can be made from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) reason: String,
}

/// Everything that is generated.
pub(crate) const GENERATED: [Generated; 1] = [Generated {
    source: "core/id-registers.csv",
    target: "core/src/cpu/table.rs",
    text: |csv| Ok(rust::table(&IdRegisters::parse(csv)?)),
}];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for generated in &GENERATED {
        let Generated { source, target, .. } = generated;
        let read = fs::read_to_string(workspace.root.join(source))
            .with_context(|| format!("cannot read {source}"))?;
        let text = (generated.text)(&read)
            .map_err(|refusal| anyhow::anyhow!("{source}:{}: {}", refusal.line, refusal.reason))?;
        let path = workspace.root.join(target);
        // What is up to date is left alone: cargo builds by the time of the file.
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            println!("{target} is what {source} says");
            continue;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {target}"))?;
        println!("{target} written from {source}");
    }
    Ok(())
}
