//! `cargo xtask tidy`: the rules of the house that no compiler knows.
//!
//! A rule is one file: a function from the tree's text to what breaks the rule, with a test that
//! shows it finding something. No rule touches the disk, so a test gives it any tree it likes.

mod attributes;
mod core_purity;
mod dependency_page;
mod dependency_table;
mod edges;
mod file_length;
mod generated;
mod guest_claims;
mod leaks;
mod manifest;
mod markdown;
mod module_docs;
mod readmes;
mod rust_text;
mod text;
mod tree;
mod unsafe_list;
mod used;
mod versions;

use anyhow::Result;
use std::process::ExitCode;

use crate::report::Tally;
use crate::workspace::Workspace;
use tree::{Finding, Tree};

pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let tally = tally(workspace)?;
    print!("{}", tally.output);
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Each rule counts as one test.
pub(crate) fn tally(workspace: &Workspace) -> Result<Tally> {
    Ok(judge(&Tree::load(workspace)?))
}

fn judge(tree: &Tree) -> Tally {
    let mut tally = Tally::default();
    for (name, rule) in RULES {
        let findings = rule(tree);
        if findings.is_empty() {
            tally.passed += 1;
            continue;
        }
        tally.failed += 1;
        tally.output += &format!("{name}:\n");
        for finding in findings {
            tally.output += &format!("  {finding}\n");
        }
    }
    tally
}

type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: [(&str, Rule); 13] = [
    ("rooms know only the rooms they may", edges::check),
    ("versions stand in the root manifest", versions::check),
    (
        "docs/dependencies.md argues every dependency",
        dependency_page::check,
    ),
    ("every dependency is used", used::check),
    ("core is pure", core_purity::check),
    (
        "docs/unsafe.md lists every unsafe module",
        unsafe_list::check,
    ),
    ("no exceptions, no unfinished work", attributes::check),
    ("every file opens with its idea", module_docs::check),
    ("files stay small", file_length::check),
    ("what is generated is up to date", generated::check),
    ("every guest test states its claim", guest_claims::check),
    ("every room has a README", readmes::check),
    ("text is clean", |tree| {
        [text::check(tree), leaks::check(tree)].concat()
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_rule_is_named_with_file_and_line() {
        let tree = Tree::of(&[("lab/src/lib.rs", "//! Emulated hosts.\n\nfn f() {} \n")]);
        let tally = judge(&tree);
        assert!(tally.failed > 0);
        assert!(
            tally
                .output
                .contains("text is clean:\n  lab/src/lib.rs:3: "),
            "{}",
            tally.output
        );
    }
}
