//! `cargo xtask setup`: what the other commands need.
//!
//! Each thing comes by its ordinary package manager. Looking is cheap and comes first, so a second
//! run does nothing and takes no time. Nothing asks for more rights than it was given: without
//! root, the command to run as root is the answer.

mod crates;
mod debian;
mod deny;
mod kernels;
mod qemu;
mod rust;

use anyhow::Result;
use clap::ValueEnum;
use std::fmt::Display;

use crate::build;
use crate::workspace::Workspace;

/// What is to be done with the machine that is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Purpose {
    /// Building and running the guest tests on the default kernel
    Demo,
    /// Everything that `cargo xtask test` does
    Test,
}

/// Sets up everything, including what only a built `vambrace` can fetch.
pub(crate) fn run(workspace: &Workspace, purpose: Purpose) -> Result<()> {
    tools(workspace, purpose)?;
    build::host_program(workspace)?;
    kernels(workspace, purpose)
}

/// What has to be there before anything is built.
pub(crate) fn tools(workspace: &Workspace, purpose: Purpose) -> Result<()> {
    rust::ensure(workspace)?;
    crates::ensure(workspace)?;
    if purpose == Purpose::Test || !has_own_kvm() {
        qemu::ensure(workspace)?;
    }
    if purpose == Purpose::Test {
        deny::ensure(workspace)?;
    }
    Ok(())
}

/// The kernels of the lab; `vambrace` itself knows where they come from.
pub(crate) fn kernels(workspace: &Workspace, purpose: Purpose) -> Result<()> {
    match purpose {
        Purpose::Demo if has_own_kvm() => Ok(()),
        Purpose::Demo => kernels::ensure(workspace, &[kernels::DEFAULT]),
        Purpose::Test => kernels::ensure(workspace, &kernels::ALL),
    }
}

/// Whether this machine is an arm64 one whose KVM this user may use, so that no lab is needed.
pub(crate) fn has_own_kvm() -> bool {
    let kvm = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm");
    cfg!(target_arch = "aarch64") && kvm.is_ok()
}

/// One line about one prerequisite.
fn say(what: &str, state: impl Display) {
    println!("setup   {what}: {state}");
}
