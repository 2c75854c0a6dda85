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
mod terminal;
mod test;
mod under_contract;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

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
    fn run(self) -> Result<u8, Failure> {
        match self {
            Self::Test(arguments) => test::run(&arguments),
            Self::Run(arguments) => run::run(&arguments),
            Self::Boot(arguments) => boot::run(arguments),
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
    env_logger::Builder::from_env("VAMBRACE_LOG")
        .format_timestamp_millis()
        .init();
    let outcome = match Arguments::try_parse() {
        Ok(arguments) => arguments.command.run(),
        Err(error) => Err(Failure::Usage(error)),
    };
    outcome.unwrap_or_else(|failure| failure.report()).into()
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
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
