//! The sources of every crate in Cargo.lock, for every platform.
//!
//! A build would fetch what it needs by itself; the licence check reads the manifests of all of
//! them, also of those that only other platforms use.

use anyhow::Result;

use super::say;
use crate::process;
use crate::workspace::Workspace;

pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    let offline = process::capture(workspace.cargo("fetch --locked --offline --quiet"))?;
    if !offline.status.success() {
        say("crates", "fetching what Cargo.lock names");
        process::show(workspace.cargo("fetch --locked"))?;
    }
    say("crates", "present");
    Ok(())
}
