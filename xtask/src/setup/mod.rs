//! `cargo xtask setup`: what the other commands need.
//!
//! Each thing comes by its ordinary package manager. Looking is cheap and comes first, so a second
//! run does nothing and takes no time. Nothing asks for more rights than it was given: without
//! root, the command to run as root is the answer.

mod crates;
mod debian;
mod deny;
mod images;
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
        images::ensure(workspace)?;
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

/// Whether this machine is an arm64 one whose KVM this user may use and core can sit on: Linux 6.4,
/// which brought the SMCCC filter. Elsewhere the lab's host does.
pub(crate) fn has_own_kvm() -> bool {
    let kvm = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm");
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    cfg!(target_arch = "aarch64") && kvm.is_ok() && has_smccc_filter(&release)
}

fn has_smccc_filter(release: &str) -> bool {
    let mut numbers = release
        .split(['.', '-'])
        .map(|number| number.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= (6, 4)
}

/// One line about one prerequisite.
fn say(what: &str, state: impl Display) {
    println!("setup   {what}: {state}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smccc_filter_came_with_linux_6_4() {
        for release in ["6.4.0", "6.12.107+deb13-arm64", "7.0.4-cloud"] {
            assert!(has_smccc_filter(release), "{release}");
        }
        for release in ["6.1.0-50-arm64", "5.15.0", "6.3.9", ""] {
            assert!(!has_smccc_filter(release), "{release}");
        }
    }
}
