//! `linux`: boots guests of others and tells how each went; or one kernel, on this terminal.
//!
//! A line for each machine, and as the last one how many failed; the exit code is 1 if one did.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use vambrace_conformance::linux::{Kernel, Materials, boot, every_day, everything};

/// Boots Linux, U-Boot and Debian's installer in machines of ours
#[derive(Debug, Parser)]
#[command(name = "linux")]
struct Arguments {
    /// All there are, at full length, not only what is tested every day
    #[arg(long)]
    all: bool,
    /// Only trials that have this in their names
    #[arg(long, value_name = "WORDS", conflicts_with = "show")]
    only: Option<String>,
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
    let materials = Materials::new()?;
    let mut trials = match arguments.all {
        true => everything(),
        false => every_day(),
    };
    if let Some(words) = &arguments.only {
        trials.retain(|trial| trial.to_string().contains(words));
    }
    let mut failed = 0;
    for trial in &trials {
        let begun = Instant::now();
        match trial.run(&materials) {
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

/// Boots one here; what it is booted from goes with its end.
fn show(series: &str, options: &[String]) -> Result<ExitCode, String> {
    let materials = Materials::new()?;
    let mut command = boot(&Kernel::of(series)?, materials.plain_initramfs()?)?;
    command.args(["--append", "-- report ask"]).args(options);
    let program = format!("{:?}", command.get_program());
    let status = command.status();
    let status = status.map_err(|error| format!("cannot run {program}: {error}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
