//! `vambrace contract`: what a guest was promised, and which hosts honour it.
//!
//! All of it is decided from files, by core's `preflight` and `baseline`; `confirm` alone asks a
//! kernel. Contracts and hosts are called by the names of their files.

mod adjustments;
mod advice;
mod baseline;
mod check;
mod confirm;
mod conflict;
mod describe;
mod diff;
mod drift;
mod explain;
mod launch;
mod matrix;
mod meaning;
mod new;
mod record;
#[cfg(test)]
pub(crate) mod samples;
mod show;
mod wish;
mod words;

use clap::Subcommand;

pub(crate) use describe::id_registers;
pub(crate) use words::{or_none, services};

use crate::failure::Failure;

/// Contracts: what a guest was promised, and which hosts honour it
///
/// A contract says everything that a guest can see of a machine and rely on, value by value. It is
/// made before the guest starts (new, baseline) and held against host profiles (vambrace host
/// probe) before the guest moves (check, explain, matrix) or its host changes (drift). Nothing but
/// confirm needs a host: two files answer.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(Box<new::Arguments>),
    Show(show::Arguments),
    Check(check::Arguments),
    Explain(explain::Arguments),
    Diff(diff::Arguments),
    Baseline(baseline::Arguments),
    Matrix(matrix::Arguments),
    Drift(drift::Arguments),
    Confirm(confirm::Arguments),
}

/// Does what was asked.
pub(crate) fn run(arguments: Arguments) -> Result<u8, Failure> {
    match arguments.command {
        Command::New(arguments) => new::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Baseline(arguments) => baseline::run(&arguments),
        Command::Matrix(arguments) => matrix::run(&arguments),
        Command::Drift(arguments) => drift::run(&arguments),
        Command::Confirm(arguments) => confirm::run(&arguments),
    }
}

/// The exit code where every host accepts.
const ALL_ACCEPT: u8 = 0;
/// The exit code where some host refuses, or there is no such contract.
const SOME_REFUSE: u8 = 1;

const EXAMPLES: &str = "\
Can this guest move there?                        vambrace contract check guest.toml there.json
If not, why, and what should it have been given?  vambrace contract explain guest.toml there.json
What can I launch it with that both honour?       vambrace contract baseline here.json there.json

Exit codes: 0 every host accepts, 1 some refuse or no such contract exists, 125 usage, an unusable
file, or an error of ours.";
