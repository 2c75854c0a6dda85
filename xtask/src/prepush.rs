//! `cargo xtask prepush`: the half of `test` that starts no emulated host.

use anyhow::Result;
use std::process::ExitCode;

use crate::checks;
use crate::report::{Report, Verdict};
use crate::rust_tests::{self, Scope};
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut report = Report::new(workspace.scratch("logs"));
    if report.open_part("setup", || setup::tools(workspace, Purpose::Test)) == Verdict::Passed {
        checks::run(workspace, &mut report);
        rust_tests::run(workspace, &mut report, Scope::WithoutLabHosts);
    }
    Ok(report.conclude())
}
