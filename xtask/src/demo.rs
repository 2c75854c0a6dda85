//! `cargo xtask demo`: from a fresh clone to every guest test on real KVM.

use anyhow::Result;
use std::process::ExitCode;

use crate::build;
use crate::guests::{self, Images, Setting};
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    setup::tools(workspace, Purpose::Demo)?;
    build::run(workspace)?;
    setup::kernels(workspace, Purpose::Demo)?;
    let host = if setup::has_own_kvm() {
        "auto"
    } else {
        "lab:6.12"
    };
    let setting = Setting {
        host,
        firmware: &["kernel", "core", "el2"],
        images: Images::All,
        offers: None,
    };
    let status = guests::show(workspace, setting)?;
    // A process that a signal ended has no code; 1 says that the demo did not pass.
    let code = status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1);
    Ok(ExitCode::from(code))
}
