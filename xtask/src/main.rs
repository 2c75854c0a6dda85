//! `cargo xtask`: everything this repository is set up, built and checked with.
//!
//! One command is one file. The commands run the other programs of the house as processes and
//! share no code with them, so that a broken room can still be built, tested and diagnosed.

mod bench;
mod build;
mod checks;
mod claim_table;
mod demo;
mod differential;
mod fuzz;
mod generate;
mod guests;
mod linux;
mod matrix;
mod panics;
mod prepush;
mod process;
mod process_group;
mod report;
mod rust_tests;
mod setup;
mod test;
mod tidy;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

use bench::Keep;
use setup::Purpose;
use test::Depth;
use workspace::Workspace;

/// Sets up, builds, shows and tests Vambrace.
///
/// Start with `cargo xtask demo`: it installs what is missing, builds everything and runs each
/// guest test on real arm64 KVM. `cargo xtask test` is what decides whether a tree is good.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what is missing: rustup targets, QEMU, cargo-deny, the lab's kernels
    ///
    /// Each comes by its ordinary package manager, nothing is done twice, and without root the
    /// exact command to run as root is printed. `demo` and `test` do this by themselves.
    Setup {
        /// What the set-up is for
        #[arg(long = "for", value_enum, default_value_t = Purpose::Test)]
        purpose: Purpose,
    },
    /// Build the host program, the arm64 program and the guest tests
    Build,
    /// Set up, build, and run every guest test on real KVM under both firmwares
    Demo,
    /// Set up, build, and run every check and test; the last line is `N passed, N failed`
    Test {
        /// Also what takes too long for every day: the guest tests on every CPU of the lab, every
        /// function id in KVM's dialect, and every Linux in every size of machine
        #[arg(long)]
        all: bool,
    },
    /// Make the same calls to KVM's firmware and to core on four real kernels, and compare
    ///
    /// Prints the calls compared, the differences that a row of docs/abi.md explains, and every
    /// other one. `test` does this too.
    Differential(differential::Selection),
    /// Probe every host, predict what it does with every contract, and see whether it does
    ///
    /// Prints wrong accepts and wrong refusals, every disagreement in full, and from where to where a
    /// guest can move. `test` does this with eleven hosts.
    Matrix(matrix::Selection),
    /// Boot Linux in a machine of ours, on this terminal; with --test, what `test` boots
    ///
    /// The kernel is Debian's, the one that a host of the lab runs; its first process is ours and
    /// says `init: ready`: it understands report, dmesg, show:PATH, reboot and poweroff.
    Linux(linux::Selection),
    /// Measure what core weighs and what a call costs, in bytes and counted instructions
    ///
    /// Prints one table: measured, goal, floor, baseline. Nothing fails because a number has grown.
    Bench {
        /// Make the figures the baseline in the tree
        #[arg(long)]
        record: bool,
    },
    /// Write what is in the tree twice from where it is once: core's table of ID register fields
    ///
    /// The file to change is core/id-registers.csv; `tidy` fails while the table is another.
    Generate,
    /// Feed parsers, and what a guest can reach, with inputs that find new paths
    ///
    /// Needs a nightly toolchain and cargo-fuzz, and says so where they are missing. `test` gives
    /// the committed inputs, and some made from them, to the same functions without either.
    Fuzz(fuzz::Selection),
    /// Check the rules of the house that no compiler knows
    Tidy,
    /// The fast half of `test`: formatting, tidy, clippy, documentation and unit tests
    Prepush,
}

fn main() -> ExitCode {
    let task = Arguments::parse().task;
    match Workspace::find().and_then(|workspace| perform(&task, &workspace)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: &Task, workspace: &Workspace) -> anyhow::Result<ExitCode> {
    match task {
        Task::Setup { purpose } => setup::run(workspace, *purpose).map(|()| ExitCode::SUCCESS),
        Task::Build => build::run(workspace).map(|()| ExitCode::SUCCESS),
        Task::Demo => demo::run(workspace),
        Task::Test { all: false } => test::run(workspace, Depth::EveryDay),
        Task::Test { all: true } => test::run(workspace, Depth::All),
        Task::Differential(selection) => differential::show(workspace, selection),
        Task::Matrix(selection) => matrix::show(workspace, selection),
        Task::Linux(selection) => linux::show(workspace, selection),
        Task::Bench { record: false } => bench::run(workspace, Keep::Nothing),
        Task::Bench { record: true } => bench::run(workspace, Keep::AsBaseline),
        Task::Generate => generate::run(workspace).map(|()| ExitCode::SUCCESS),
        Task::Fuzz(selection) => fuzz::run(workspace, selection),
        Task::Tidy => tidy::run(workspace),
        Task::Prepush => prepush::run(workspace),
    }
}
