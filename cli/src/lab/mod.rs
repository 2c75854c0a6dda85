//! `vambrace lab`: emulated arm64 hosts.

mod fetch;
mod list;
mod run;

use clap::Subcommand;

use crate::failure::Failure;

/// Emulated arm64 hosts: real Linux, real KVM, no Arm hardware
///
/// A lab host is a stock Debian arm64 kernel in a machine that QEMU emulates. It starts in seconds,
/// needs no privileges, runs one command and is gone. Inside, /dev/kvm is that kernel's own KVM.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fetch(fetch::Arguments),
    List(list::Arguments),
    Run(Box<run::Arguments>),
}

/// Does what was asked.
pub(crate) fn run(arguments: Arguments) -> Result<u8, Failure> {
    match arguments.command {
        Command::Fetch(arguments) => fetch::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Run(arguments) => run::run(*arguments),
    }
}

const EXAMPLES: &str = "\
Examples:
  vambrace lab fetch                     put the default kernel (6.12) into the cache
  vambrace lab list                      which kernels and CPUs there are
  vambrace lab run -- ./program a b      run a static arm64 program where there is KVM";
