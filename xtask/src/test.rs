//! `cargo xtask test`: the only definition of a passing tree.
//!
//! Every part runs, whatever failed before it; only what is missing altogether stops what needs it.
//! The last line counts tests and checks.

use anyhow::Result;
use std::process::ExitCode;

use crate::guests::{self, Setting, Skips};
use crate::report::{Report, Verdict};
use crate::rust_tests::{self, Scope};
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;
use crate::{build, checks};

/// How much is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Under 45 minutes on two cores from a clean clone.
    EveryDay,
    All,
}

pub(crate) fn run(workspace: &Workspace, depth: Depth) -> Result<ExitCode> {
    let mut report = Report::new(workspace.scratch("logs"));
    if report.open_part("setup", || setup::tools(workspace, Purpose::Test)) == Verdict::Failed {
        return Ok(report.conclude());
    }
    let built = report.open_part("build", || build::run(workspace));
    let fetched = match built {
        Verdict::Passed => report.open_part("kernels", || setup::kernels(workspace, Purpose::Test)),
        Verdict::Failed => Verdict::Failed,
    };
    checks::run(workspace, &mut report);
    rust_tests::run(workspace, &mut report, Scope::All);
    match fetched {
        Verdict::Passed => guest_tests(workspace, &mut report, depth),
        Verdict::Failed => println!("  ----  guest tests: nothing to run them with"),
    }
    Ok(report.conclude())
}

fn guest_tests(workspace: &Workspace, report: &mut Report, depth: Depth) {
    let more = if depth == Depth::All {
        &EVERY_CPU[..]
    } else {
        &[]
    };
    for setting in EVERY_KERNEL.iter().chain(more) {
        let firmware = setting.firmware.join(" and ");
        let part = format!("guest tests on {}, {firmware}", setting.host);
        report.part(&part, || guests::run(workspace, *setting));
    }
}

const BOTH: &[&str] = &["kernel", "core"];

/// Core needs the SMCCC filter of Linux 6.4.
const EVERY_KERNEL: [Setting; 4] = [
    Setting {
        host: "lab:6.12",
        firmware: BOTH,
        skips: Skips::Refused,
    },
    Setting {
        host: "lab:7.3",
        firmware: BOTH,
        skips: Skips::Refused,
    },
    Setting {
        host: "lab:6.1",
        firmware: &["kernel"],
        skips: Skips::Allowed,
    },
    Setting {
        host: "lab:5.10",
        firmware: &["kernel"],
        skips: Skips::Allowed,
    },
];

/// The CPUs other than `max`, on the default kernel.
const EVERY_CPU: [Setting; 8] = [
    Setting {
        host: "lab:6.12:cortex-a57",
        firmware: BOTH,
        skips: Skips::Refused,
    },
    Setting {
        host: "lab:6.12:cortex-a72",
        firmware: BOTH,
        skips: Skips::Refused,
    },
    Setting {
        host: "lab:6.12:cortex-a76",
        firmware: BOTH,
        skips: Skips::Refused,
    },
    Setting {
        host: "lab:6.12:cortex-a710",
        firmware: BOTH,
        skips: Skips::Refused,
    },
    Setting {
        host: "lab:6.12:neoverse-n1",
        firmware: BOTH,
        skips: Skips::Refused,
    },
    Setting {
        host: "lab:6.12:neoverse-v1",
        firmware: BOTH,
        skips: Skips::Refused,
    },
    Setting {
        host: "lab:6.12:neoverse-n2",
        firmware: BOTH,
        skips: Skips::Refused,
    },
    Setting {
        host: "lab:6.12:a64fx",
        firmware: BOTH,
        skips: Skips::Refused,
    },
];
