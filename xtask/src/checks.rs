//! What a tree must satisfy before any of its programs runs.

use anyhow::Result;

use crate::report::{Report, Tally};
use crate::workspace::{GUEST_TARGET, HOST_PROGRAM_TARGET, HOSTED, Workspace};
use crate::{panics, process, tidy};

pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.part("fmt", || cargo(workspace, &FORMAT));
    report.part("tidy", || tidy::tally(workspace));
    for (name, scope) in CLIPPY {
        report.part(name, || {
            cargo(workspace, &[&["clippy"], scope, &DENY_WARNINGS].concat())
        });
    }
    report.part("docs, hosted packages", || document(workspace, &HOSTED));
    report.part("docs, guest tests", || document(workspace, &GUEST_DOCS));
    report.part("deny", || cargo(workspace, &DENY));
    report.part("no panic in core", || panics::check(workspace));
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Result<Tally> {
    Ok(Tally::check(process::capture(workspace.cargo(arguments))?))
}

fn document(workspace: &Workspace, scope: &[&str]) -> Result<Tally> {
    let mut doc = workspace.cargo(&[&["doc", "--no-deps"], scope].concat());
    doc.env("RUSTDOCFLAGS", "-D warnings");
    Ok(Tally::check(process::capture(doc)?))
}

/// Names the files that are not formatted; how they would be is what `cargo fmt` shows best.
const FORMAT: [&str; 5] = ["fmt", "--all", "--check", "--", "-l"];
/// Each package is held to the lints in every form that it is built in; core also where there is
/// neither std nor alloc.
const CLIPPY: [(&str, &[&str]); 4] = [
    (
        "clippy, hosted packages",
        &[
            HOSTED[0],
            HOSTED[1],
            HOSTED[2],
            HOSTED[3],
            HOSTED[4],
            "--all-targets",
        ],
    ),
    (
        "clippy, arm64 program",
        &[
            "--package",
            "vambrace",
            "--package",
            "vambrace-kvm",
            "--package",
            "vambrace-lab",
            "--package",
            "vambrace-core",
            "--all-targets",
            "--target",
            HOST_PROGRAM_TARGET,
        ],
    ),
    (
        "clippy, guest tests",
        &[
            "--package",
            "vambrace-guest-tests",
            "--lib",
            "--bins",
            "--examples",
            "--target",
            GUEST_TARGET,
        ],
    ),
    (
        "clippy, core without std",
        &[
            "--package",
            "vambrace-core",
            "--package",
            "vambrace-image",
            "--target",
            GUEST_TARGET,
        ],
    ),
];
const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];
const GUEST_DOCS: [&str; 5] = [
    "--package",
    "vambrace-guest-tests",
    "--lib",
    "--target",
    GUEST_TARGET,
];
const DENY: [&str; 6] = ["deny", "--offline", "check", "licenses", "bans", "sources"];
