//! What a tree must satisfy before any of its programs runs.

use anyhow::Result;

use crate::report::{Report, Tally};
use crate::workspace::{
    AARCH32_GUEST_TARGET, GUEST_TARGET, HOST_PROGRAM_TARGET, HOSTED, SOFTFLOAT_TARGET, Workspace,
};
use crate::{panics, process, tidy};

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    // The files that are not formatted; how they would be is what `cargo fmt` shows best.
    report.part("fmt", || cargo(workspace, "fmt --all --check -- -l"));
    report.part("tidy", || tidy::tally(workspace));
    clippy(workspace, report);
    report.part("docs, hosted packages", || document(workspace, HOSTED));
    report.part("docs, guest tests", || {
        document(
            workspace,
            &format!("--package vambrace-guest-tests --lib --target {GUEST_TARGET}"),
        )
    });
    report.part("docs, A32 guest tests", || {
        document(
            workspace,
            &format!(
                "--package vambrace-guest-tests-aarch32 --lib --target {AARCH32_GUEST_TARGET}"
            ),
        )
    });
    report.part("docs, program at EL2", || {
        document(
            workspace,
            &format!(
                "--package vambrace-el2 --lib --document-private-items --target {SOFTFLOAT_TARGET}"
            ),
        )
    });
    report.part("deny", || {
        cargo(workspace, "deny --offline check licenses bans sources")
    });
    report.part("no panic in core", || panics::check(workspace));
}

/// Each package is held to the lints in every form that it is built in, core also where there is
/// neither std nor alloc.
fn clippy(workspace: &Workspace, report: &mut Report) {
    let arm64 = "--package vambrace --package vambrace-kvm --package vambrace-lab";
    let guests = "--package vambrace-guest-tests --lib --bins --examples";
    let a32 = "--package vambrace-guest-tests-aarch32 --lib --bins";
    let core = "--package vambrace-core --package vambrace-image";
    for (name, scope) in [
        ("clippy, hosted packages", format!("{HOSTED} --all-targets")),
        (
            "clippy, arm64 program",
            format!("{arm64} --all-targets --target {HOST_PROGRAM_TARGET}"),
        ),
        (
            "clippy, guest tests",
            format!("{guests} --target {GUEST_TARGET}"),
        ),
        (
            "clippy, A32 guest tests",
            format!("{a32} --target {AARCH32_GUEST_TARGET}"),
        ),
        (
            "clippy, program at EL2",
            format!("--package vambrace-el2 --target {SOFTFLOAT_TARGET}"),
        ),
        (
            "clippy, core without std",
            format!("{core} --target {GUEST_TARGET}"),
        ),
    ] {
        report.part(name, || {
            cargo(workspace, &format!("clippy {scope} -- -D warnings"))
        });
    }
}

fn document(workspace: &Workspace, scope: &str) -> Result<Tally> {
    let mut doc = workspace.cargo(&format!("doc --no-deps {scope}"));
    doc.env("RUSTDOCFLAGS", "-D warnings");
    Ok(Tally::check(process::capture(doc)?))
}

fn cargo(workspace: &Workspace, arguments: &str) -> Result<Tally> {
    Ok(Tally::check(process::capture(workspace.cargo(arguments))?))
}
