//! `cargo xtask build`: the host program, the arm64 program, the one at EL2 and the guests.
//!
//! A call of cargo for each, not one for all: features are unified within a call, and what is right
//! for a hosted program is wrong for a bare-metal one.

use anyhow::Result;

use crate::process;
use crate::workspace::{
    AARCH32_GUEST_TARGET, GUEST_TARGET, HOST_PROGRAM_TARGET, SOFTFLOAT_TARGET, Workspace,
};

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    host_program(workspace)?;
    arm64_program(workspace)?;
    el2_program(workspace)?;
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

/// What runs with no operating system below it.
fn el2_program(workspace: &Workspace) -> Result<()> {
    process::show(workspace.cargo(&format!(
        "build --release --package vambrace-el2 --target {SOFTFLOAT_TARGET}"
    )))
}

/// The bare-metal guest tests, for both execution states.
fn guests(workspace: &Workspace) -> Result<()> {
    let form = format!("--bins --examples --target {GUEST_TARGET}");
    process::show(workspace.cargo(&format!(
        "build --release --package vambrace-guest-tests {form}"
    )))?;
    let form = format!("--bins --target {AARCH32_GUEST_TARGET}");
    process::show(workspace.cargo(&format!(
        "build --release --package vambrace-guest-tests-aarch32 {form}"
    )))
}

/// What `matrix` runs inside its hosts.
pub(crate) fn matrix_program(workspace: &Workspace) -> Result<()> {
    process::show(workspace.cargo(&format!(
        "build --release --package vambrace-conformance --bin matrix_inside \
         --target {HOST_PROGRAM_TARGET}"
    )))
}

/// The first process of the guests that `linux` boots, and what boots some of them inside a host.
pub(crate) fn linux_program(workspace: &Workspace) -> Result<()> {
    process::show(workspace.cargo(&format!(
        "build --release --package vambrace-conformance --bin linux_init \
         --bin linux_other_end --target {HOST_PROGRAM_TARGET}"
    )))
}

/// What `bench` runs beside the guests: core alone on the bare machine, and the bare loop on KVM.
pub(crate) fn counting_programs(workspace: &Workspace) -> Result<()> {
    process::show(workspace.cargo(&format!(
        "build --release --package vambrace-image --target {GUEST_TARGET}"
    )))?;
    process::show(workspace.cargo(&format!(
        "build --release --package vambrace-kvm --example floor --target {HOST_PROGRAM_TARGET}"
    )))
}
