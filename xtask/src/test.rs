//! `cargo xtask test`: the only definition of a passing tree.
//!
//! Every part runs, whatever failed before it; only what is missing altogether stops what needs it.
//! The last line counts tests and checks.

use anyhow::Result;
use std::process::ExitCode;

use crate::claim_table::ClaimTable;
use crate::guests::{self, Images, Offers, Setting};
use crate::report::{Report, Tally, Verdict};
use crate::rust_tests::{self, Scope};
use crate::setup::{self, Purpose};
use crate::workspace::Workspace;
use crate::{build, checks, differential, linux, matrix, process};

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
    let built = report.open_part("build", || {
        build::run(workspace)?;
        build::matrix_program(workspace)?;
        build::linux_program(workspace)
    });
    let fetched = match built {
        Verdict::Passed => report.open_part("kernels", || setup::kernels(workspace, Purpose::Test)),
        Verdict::Failed => Verdict::Failed,
    };
    checks::run(workspace, &mut report);
    let on_the_host = rust_tests::run(workspace, &mut report, Scope::All);
    report.part("all function ids", || every_function_id(workspace, depth));
    match fetched {
        Verdict::Passed => guest_tests(workspace, &mut report, depth, &on_the_host),
        Verdict::Failed => println!("  ----  guest tests: nothing to run them with"),
    }
    Ok(report.conclude())
}

/// Calls core with all 2^32 function ids, in a release build. The program says what it found on each
/// machine, and its exit code whether that is right.
fn every_function_id(workspace: &Workspace, depth: Depth) -> Result<Tally> {
    let run = "run --release --quiet --package vambrace-conformance --bin every_function_id --";
    let mut command = workspace.cargo(run);
    if depth == Depth::All {
        command.arg("--all");
    }
    let run = process::separate(command)?;
    let notes = run.output.lines().map(String::from).collect();
    let passed = run.status.success();
    Ok(Tally {
        passed: u64::from(passed),
        failed: u64::from(!passed),
        notes,
        output: run.errors,
    })
}

/// Every claim in every place, and the table of them. `on_the_host` is what the claims' test program
/// printed that drives core without KVM.
fn guest_tests(workspace: &Workspace, report: &mut Report, depth: Depth, on_the_host: &str) {
    let more = if depth == Depth::All {
        &EVERY_CPU[..]
    } else {
        &[]
    };
    let mut claims = ClaimTable::default();
    for setting in EVERY_KERNEL.iter().chain([&AARCH32]).chain(more) {
        let firmware = setting.firmware.join(" and ");
        let which = match setting.images {
            Images::All => "guest tests",
            Images::Aarch32 => "AArch32 guest tests",
        };
        let part = format!("{which} on {}, {firmware}", setting.host);
        report.part(&part, || guests::run(workspace, *setting, &mut claims));
    }
    for cpus in ["1", "2", "4", "8"] {
        let part = format!("guest tests at EL2, {cpus} vCPUs");
        report.part(&part, || guests::run_at_el2(workspace, cpus, &mut claims));
    }
    claims.add_libtest(on_the_host, "host");
    print!("{}", claims.render());
    report.part("Linux in machines", || linux::run(workspace, depth));
    report.part("calls compared on every kernel", || {
        differential::run(workspace)
    });
    report.part("verdicts on eleven hosts", || matrix::run(workspace));
}

const BOTH: &[&str] = &["kernel", "core"];

/// The same, and core at EL2, promised what the host's guests are.
const ALL_THREE: &[&str] = &["kernel", "core", "el2"];

/// Core needs the SMCCC filter of Linux 6.4.
const EVERY_KERNEL: [Setting; 4] = [
    Setting {
        host: "lab:5.10",
        firmware: &["kernel"],
        images: Images::All,
        offers: Some(Offers {
            kernel: "5.10",
            psci: "1.0",
            features: &["pv-time"],
            aarch32: true,
        }),
    },
    Setting {
        host: "lab:6.1",
        firmware: &["kernel"],
        images: Images::All,
        offers: Some(Offers {
            kernel: "6.1",
            ..LINUX_6_12
        }),
    },
    Setting {
        host: "lab:6.12",
        firmware: ALL_THREE,
        images: Images::All,
        offers: Some(LINUX_6_12),
    },
    Setting {
        host: "lab:7.3",
        firmware: BOTH,
        images: Images::All,
        offers: Some(Offers {
            kernel: "7.3",
            psci: "1.3",
            features: &[
                "trng",
                "pv-time",
                "vendor-hyp",
                "ptp",
                "discover-impl",
                "system-suspend",
            ],
            aarch32: true,
        }),
    },
];

/// 32-bit code on a CPU that has it at every exception level.
const AARCH32: Setting = Setting {
    host: "lab:6.12:cortex-a57",
    firmware: BOTH,
    images: Images::Aarch32,
    offers: Some(LINUX_6_12),
};

/// The CPUs other than `max`, on the default kernel, and a host that can only give a GICv2.
const EVERY_CPU: [Setting; 9] = [
    with_aarch32("lab:6.12:cortex-a57"),
    with_aarch32("lab:6.12:cortex-a72"),
    without_aarch32("lab:6.12:cortex-a76"),
    without_aarch32("lab:6.12:cortex-a710"),
    without_aarch32("lab:6.12:neoverse-n1"),
    without_aarch32("lab:6.12:neoverse-v1"),
    without_aarch32("lab:6.12:neoverse-n2"),
    without_aarch32("lab:6.12:a64fx"),
    Setting {
        host: "lab:6.12:max:gic2",
        firmware: BOTH,
        images: Images::All,
        offers: Some(LINUX_6_12),
    },
];

const LINUX_6_12: Offers = Offers {
    kernel: "6.12",
    psci: "1.1",
    features: &["trng", "pv-time", "vendor-hyp", "ptp", "system-suspend"],
    aarch32: true,
};

/// A CPU whose EL1 executes both.
const fn with_aarch32(host: &'static str) -> Setting {
    Setting {
        host,
        firmware: ALL_THREE,
        images: Images::All,
        offers: Some(LINUX_6_12),
    }
}

/// A CPU whose EL1 is AArch64 alone.
const fn without_aarch32(host: &'static str) -> Setting {
    Setting {
        host,
        firmware: ALL_THREE,
        images: Images::All,
        offers: Some(Offers {
            aarch32: false,
            ..LINUX_6_12
        }),
    }
}
