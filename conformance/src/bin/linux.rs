//! `linux`: boots Debian's kernels as guests and tells how each went; or one, on this terminal.
//!
//! A line for each machine, and as the last one how many failed; the exit code is 1 if one did.

use std::os::unix::process::CommandExt as _;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use vambrace_conformance::linux::{Kernel, boot, every_day, everything, write_initramfs};

/// Boots Linux in machines of ours
#[derive(Debug, Parser)]
#[command(name = "linux")]
struct Arguments {
    /// Every kernel, number of vCPUs and size, not only what is tested every day
    #[arg(long)]
    all: bool,
    /// Boot this kernel on this terminal instead: 5.10, 6.1, 6.12 or 7.3
    #[arg(long, value_name = "KERNEL", conflicts_with = "all")]
    show: Option<String>,
    /// Further options of `vambrace boot`
    #[arg(last = true, requires = "show")]
    options: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.show {
        Some(series) => show(series, &arguments.options),
        None => test(&arguments),
    };
    outcome.unwrap_or_else(|reason| {
        eprintln!("linux: {reason}");
        ExitCode::FAILURE
    })
}

fn test(arguments: &Arguments) -> Result<ExitCode, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
    let initramfs = folder.path().join("initramfs");
    write_initramfs(&initramfs)?;
    let trials = if arguments.all {
        everything()
    } else {
        every_day()
    };
    let mut failed = 0;
    for trial in &trials {
        let begun = Instant::now();
        match trial.run(&initramfs) {
            Ok(()) => println!("{trial}: ok, {} s", begun.elapsed().as_secs()),
            Err(reason) => {
                println!("{trial}: FAILED: {}", reason.replace('\n', "\n    "));
                failed += 1;
            }
        }
    }
    println!("{} machines booted, failed: {failed}", trials.len());
    Ok(ExitCode::from(u8::from(failed != 0)))
}

/// The initramfs stays: it is the booted command's for as long as that reboots.
fn show(series: &str, options: &[String]) -> Result<ExitCode, String> {
    let initramfs = std::env::temp_dir().join(format!("vambrace-linux-{}", std::process::id()));
    write_initramfs(&initramfs)?;
    let mut command = boot(&Kernel::of(series)?, &initramfs)?;
    command.args(["--append", "-- report ask"]).args(options);
    let error = command.exec();
    Err(format!("cannot run {:?}: {error}", command.get_program()))
}
