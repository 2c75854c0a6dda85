//! `cargo xtask fuzz`: libFuzzer on every target of `fuzz`, for as long as one likes.
//!
//! What is found lies below the target folder: the tree changes only by what somebody copies into
//! `fuzz/corpus`. The committed inputs are replayed by `cargo xtask test`, which needs none of this.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::process;
use crate::workspace::Workspace;

/// Which targets, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Selection {
    /// One target; all of them, one after the other, if none is named
    target: Option<String>,
    /// For how long each target runs
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    time: u32,
}

pub(crate) fn run(workspace: &Workspace, selection: &Selection) -> Result<ExitCode> {
    let targets = chosen(targets(&workspace.root)?, selection.target.as_deref())?;
    ensure_tools(workspace)?;
    let mut failed = Vec::new();
    for target in &targets {
        let status = process::show_as(
            &format!("fuzz {target} for {} s", selection.time),
            fuzz(workspace, target, selection.time)?,
        )?;
        if !status.success() {
            failed.push(target.as_str());
        }
    }
    println!(
        "{} passed, {} failed",
        targets.len() - failed.len(),
        failed.len()
    );
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "failed: {}; the inputs are below {}. Mend the cause, and copy them to fuzz/corpus/<target>.",
        failed.join(", "),
        workspace.scratch("fuzz").display()
    );
    Ok(ExitCode::FAILURE)
}

/// Every target has a program of its name.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("fuzz/fuzz_targets");
    let entries = folder
        .read_dir()
        .with_context(|| format!("cannot read {}", folder.display()))?;
    let mut targets = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read {}", folder.display()))?
            .path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        targets.extend(stem.map(String::from));
    }
    targets.sort();
    Ok(targets)
}

fn chosen(targets: Vec<String>, name: Option<&str>) -> Result<Vec<String>> {
    match name {
        None => Ok(targets),
        Some(name) if targets.iter().any(|target| target == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!(
            "nothing is called `{name}`: there are {}",
            targets.join(", ")
        ),
    }
}

fn ensure_tools(workspace: &Workspace) -> Result<()> {
    let answers = |line: &str| {
        let mut words = line.split_whitespace();
        let mut command = workspace.command(words.next().unwrap_or_default());
        command.args(words);
        process::output(command).is_ok()
    };
    let missing: Vec<&str> = TOOLS
        .into_iter()
        .filter(|(question, _)| !answers(question))
        .map(|(_, install)| install)
        .collect();
    if !missing.is_empty() {
        bail!(
            "fuzzing needs a nightly toolchain and cargo-fuzz; get what is missing with\n  {}",
            missing.join("\n  ")
        );
    }
    Ok(())
}

fn fuzz(workspace: &Workspace, target: &str, seconds: u32) -> Result<Command> {
    let found = workspace.scratch("fuzz").join(target);
    let new_inputs = found.join("corpus");
    std::fs::create_dir_all(&new_inputs)
        .with_context(|| format!("cannot make {}", new_inputs.display()))?;
    let mut command = workspace.command("rustup");
    command.args([
        "run",
        "nightly",
        "cargo",
        "fuzz",
        "run",
        "--fuzz-dir",
        "fuzz",
    ]);
    command
        .arg("--target-dir")
        .arg(workspace.target.join("fuzz"));
    // libFuzzer writes to the first of its folders and only reads the others.
    command.arg(target).arg(&new_inputs);
    command.arg(workspace.root.join("fuzz/corpus").join(target));
    command.args(["--", &format!("-max_total_time={seconds}")]);
    command.arg(format!("-artifact_prefix={}/", found.display()));
    Ok(command)
}

/// What must answer, and what makes it.
const TOOLS: [(&str, &str); 2] = [
    (
        "rustup run nightly rustc --version",
        "rustup toolchain install nightly",
    ),
    ("cargo fuzz --version", "cargo install cargo-fuzz"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    #[test]
    fn every_target_has_inputs_to_begin_with() {
        let targets = targets(root()).unwrap();
        assert!(targets.iter().any(|target| target == "profile_json"));
        for target in targets {
            let corpus = root().join("fuzz/corpus").join(&target);
            assert!(corpus.read_dir().unwrap().next().is_some(), "{target}");
        }
    }

    #[test]
    fn a_target_that_there_is_not_is_answered_with_those_there_are() {
        let targets = || vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(chosen(targets(), None).unwrap(), ["a", "b"]);
        assert_eq!(chosen(targets(), Some("b")).unwrap(), ["b"]);
        assert_eq!(
            chosen(targets(), Some("c")).unwrap_err().to_string(),
            "nothing is called `c`: there are a, b"
        );
    }
}
