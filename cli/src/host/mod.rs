//! `vambrace host`: what a host's hardware and kernel together can promise a guest.

mod probe;
mod show;

use clap::Subcommand;

use crate::failure::Failure;

/// Host profiles: what a host's CPU and kernel together can promise a guest
///
/// A profile is found out by trying on virtual machines that never run; nothing in it is looked up
/// by the name of a CPU. `vambrace contract` holds contracts against profiles.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Probe(probe::Arguments),
    Show(show::Arguments),
}

/// Does what was asked.
pub(crate) fn run(arguments: Arguments) -> Result<u8, Failure> {
    match arguments.command {
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Show(arguments) => show::run(&arguments),
    }
}

const EXAMPLES: &str = "\
Examples:
  vambrace host probe -o here.json                          this machine, or an emulated host
  vambrace host probe --host lab:7.3:neoverse-n1 -o n1.json an emulated one
  vambrace host show here.json                              a profile for a person";
