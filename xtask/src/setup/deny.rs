//! cargo-deny, which checks licences, bans and sources of the crates we depend on.

use anyhow::{Context, Result};

use super::say;
use crate::process;
use crate::workspace::Workspace;

/// The version that deny.toml is written for.
const VERSION: &str = "0.20.2";

pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    let found = process::output(workspace.cargo("deny --version")).ok();
    if let Some(version) = found.as_deref().and_then(usable) {
        say("cargo-deny", version);
        return Ok(());
    }
    say(
        "cargo-deny",
        format_args!("installing {VERSION}; this is done once and takes about three minutes"),
    );
    let mut install = workspace.cargo(&format!("install --locked cargo-deny@{VERSION}"));
    // What is compiled for this tool alone is of no further use.
    let folder = workspace.scratch("cargo-deny");
    install.arg("--target-dir").arg(&folder);
    process::show(install)?;
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("cannot remove {}", folder.display()))?;
    say("cargo-deny", VERSION);
    Ok(())
}

/// The version in cargo-deny's answer, if it reads the same configuration as ours.
fn usable(answer: &str) -> Option<&str> {
    let version = answer.trim().strip_prefix("cargo-deny ")?;
    let series = |version: &str| {
        version
            .rsplit_once('.')
            .map(|(series, _)| series.to_owned())
    };
    (series(version) == series(VERSION)).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_patch_level_of_the_same_series_will_do() {
        assert_eq!(usable("cargo-deny 0.20.7\n"), Some("0.20.7"));
    }

    #[test]
    fn another_series_is_replaced() {
        assert_eq!(usable("cargo-deny 0.19.2\n"), None);
        assert_eq!(usable("error: no such command: `deny`"), None);
    }
}
