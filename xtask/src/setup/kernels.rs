//! The kernels of the lab, fetched by `vambrace` itself.

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// The kernel that `vambrace` uses unless told otherwise.
pub(crate) const DEFAULT: &str = "6.12";

/// Every kernel that `cargo xtask test` runs guests on.
pub(crate) const ALL: [&str; 4] = [DEFAULT, "7.3", "6.1", "5.10"];

pub(super) fn ensure(workspace: &Workspace, kernels: &[&str]) -> Result<()> {
    for kernel in kernels {
        let mut fetch = workspace.command(workspace.host_program());
        fetch.args(["lab", "fetch", kernel]);
        process::show(fetch).with_context(|| format!("the lab has no Linux {kernel}"))?;
    }
    Ok(())
}
