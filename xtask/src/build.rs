//! `cargo xtask build`: the host program, the arm64 program and the guests.
//!
//! Three calls of cargo, not one: features are unified within a call, and what is right for a
//! hosted program is wrong for a bare-metal one.

use anyhow::Result;

use crate::process;
use crate::workspace::{GUEST_TARGET, HOST_PROGRAM_TARGET, Workspace};

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    host_program(workspace)?;
    arm64_program(workspace)?;
    guests(workspace)
}

/// `vambrace` for the machine that builds.
pub(crate) fn host_program(workspace: &Workspace) -> Result<()> {
    process::show(workspace.cargo("build --release --package vambrace"))
}

/// The static `vambrace` that runs inside a lab host.
fn arm64_program(workspace: &Workspace) -> Result<()> {
    let build = format!("build --release --package vambrace --target {HOST_PROGRAM_TARGET}");
    process::show(workspace.cargo(&build))
}

/// The bare-metal guest tests.
fn guests(workspace: &Workspace) -> Result<()> {
    let form = format!("--bins --examples --target {GUEST_TARGET}");
    process::show(workspace.cargo(&format!(
        "build --release --package vambrace-guest-tests {form}"
    )))
}
