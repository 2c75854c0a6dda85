//! `vambrace`: runs bare-metal arm64 guests as tests, on real KVM, from any Linux machine.
//!
//! One file per command. Everything but the reading of command lines, the finding of this
//! program's arm64 half and the words of errors lives in the other packages.
//!
//! The same program is the init of a lab host: as process 1 there it never reads a command line.

mod boot;
mod build_id;
mod contract;
mod device_options;
mod el2;
mod ending;
mod failure;
mod files;
mod gic_options;
mod host;
mod host_choice;
mod interrupt;
mod lab;
mod lab_host;
mod last_line;
mod machine_options;
mod memory_files;
mod program;
mod progress;
mod ready;
mod run;
mod shared_options;
mod terminal;
mod test;
mod under_contract;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::{ArgMatches, Args as _, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use failure::Failure;

/// What a machine takes to start is mostly small pieces that live shortly: musl's own allocator maps and
/// unmaps pages for them again and again.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// Runs bare-metal arm64 guests as tests, on real KVM, from any Linux machine.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES, infer_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Test(test::Arguments),
    Run(run::Arguments),
    Boot(boot::Arguments),
    Contract(contract::Arguments),
    Host(host::Arguments),
    Lab(lab::Arguments),
}

impl Command {
    /// `line` is what was said to this command.
    fn run(self, line: &ArgMatches) -> Result<u8, Failure> {
        match self {
            Self::Test(arguments) => test::run(&arguments),
            Self::Run(arguments) => run::run(&arguments),
            Self::Boot(arguments) => boot::run(arguments, line),
            Self::Contract(arguments) => contract::run(arguments),
            Self::Host(arguments) => host::run(arguments),
            Self::Lab(arguments) => lab::run(arguments),
        }
    }
}

fn main() -> ExitCode {
    if vambrace_lab::init::is_requested() {
        vambrace_lab::init::main(build_id::BUILD_ID);
    }
    logger(std::env::var("VAMBRACE_LOG").ok().as_deref()).init();
    outcome().unwrap_or_else(|failure| failure.report()).into()
}

fn outcome() -> Result<u8, Failure> {
    let line = command(std::env::args_os().nth(1).as_deref())
        .try_get_matches()
        .map_err(Failure::Usage)?;
    let arguments = Arguments::from_arg_matches(&line).map_err(Failure::Usage)?;
    let (_, of_command) = line
        .subcommand()
        .expect("there is no call without a command");
    arguments.command.run(of_command)
}

/// What is understood where `first` is the first word. All options of all commands take longer to think of
/// than a machine takes to start, so those that start one have to do with their own.
fn command(first: Option<&OsStr>) -> clap::Command {
    let command = match first.and_then(OsStr::to_str) {
        Some("run") => run::Arguments::augment_args(clap::Command::new("run")),
        Some("boot") => boot::Arguments::augment_args(clap::Command::new("boot")),
        _ => return Arguments::command(),
    };
    clap::Command::new("vambrace")
        .subcommand_required(true)
        .subcommand(command)
}

/// What goes wrong is told once unless `filters` say otherwise. virtio-queue is not heard: a guest can
/// have it repeat itself without end, and what matters of it is told by our own devices.
fn logger(filters: Option<&str>) -> env_logger::Builder {
    let mut builder = env_logger::Builder::new();
    builder
        .filter_level(log::LevelFilter::Warn)
        .filter_module("virtio_queue", log::LevelFilter::Off)
        .format_timestamp_millis();
    if let Some(filters) = filters {
        builder.parse_filters(filters);
    }
    builder
}

const EXIT_CODES: &str = "\
Examples:
  vambrace test --firmware kernel,core tests/   run a directory of test programs
  vambrace run hello.elf                        run one guest, its console here
  vambrace boot --kernel vmlinuz --initrd i.img boot Linux, its console here
  vambrace host probe -o here.json              what this host can promise a guest
  vambrace contract check guest.toml there.json whether that host honours what a guest was promised
  vambrace lab list                             what can be emulated

Exit codes: 125 is an error of the command line or of vambrace's own; each command says what else
it returns. VAMBRACE_LOG=debug shows what is being done.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_shown_and_what_a_guest_can_repeat_is_not() {
        use log::{Level, Log as _, Metadata};
        let shows = |filters: Option<&str>, target, level| {
            let record = Metadata::builder().target(target).level(level).build();
            logger(filters).build().enabled(&record)
        };
        assert!(shows(None, "vambrace_kvm::devices", Level::Warn));
        assert!(!shows(None, "vambrace_kvm::devices", Level::Info));
        assert!(!shows(None, "virtio_queue::queue", Level::Error));
        assert!(shows(Some("debug"), "vambrace_kvm", Level::Debug));
        assert!(!shows(Some("debug"), "virtio_queue::queue", Level::Error));
        assert!(shows(
            Some("virtio_queue=debug"),
            "virtio_queue::queue",
            Level::Debug
        ));
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_command_is_the_same_among_all_and_alone() {
        let told = |command: clap::Command, words: &[&str]| {
            let words = ["vambrace"].iter().chain(words);
            let line = command.try_get_matches_from(words);
            match line.and_then(|line| Arguments::from_arg_matches(&line)) {
                Ok(arguments) => format!("{arguments:?}"),
                Err(error) => error.to_string(),
            }
        };
        for words in [
            &["run", "guest", "--vcpus=2"][..],
            &["run"],
            &["run", "--help"],
            &["boot", "--kernel=k", "--cpus=4"],
            &["boot", "--kernel=k", "--unknown"],
            &["boot", "-h"],
        ] {
            let alone = command(Some(OsStr::new(words[0])));
            assert_eq!(alone.get_subcommands().count(), 1);
            assert_eq!(told(alone, words), told(Arguments::command(), words));
        }
        assert!(command(Some(OsStr::new("bo"))).get_subcommands().count() > 1);
    }
}
