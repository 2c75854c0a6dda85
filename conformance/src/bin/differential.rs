//! The differential run: the same calls to KVM's firmware, to core under KVM, and to core here.
//!
//! For each kernel a line for each run, every difference that no rule explains, and as the last
//! line how many there are in all. The exit code is 1 if there is one, or if a run has failed.

use std::process::ExitCode;
use std::thread;

use clap::Parser;
use vambrace_conformance::differential::{
    Comparison, Firmware, HostShape, Kernel, Machine, Record, Run, compare, entry_point, list,
};

/// Holds core against real kernels, call by call
#[derive(Debug, Parser)]
#[command(name = "differential")]
struct Arguments {
    /// On this kernel only: 5.10, 6.1, 6.12 or 7.3
    #[arg(long, value_name = "KERNEL", value_parser = parse_kernel)]
    kernel: Option<Kernel>,
    /// Which calls: another number makes others
    #[arg(long, value_name = "N", default_value_t = SEED)]
    seed: u64,
}

fn parse_kernel(name: &str) -> Result<Kernel, String> {
    let names = Kernel::ALL.map(|kernel| kernel.name).join(", ");
    Kernel::named(name).ok_or_else(|| format!("there are {names}"))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let kernels = match arguments.kernel {
        Some(kernel) => vec![kernel],
        None => Kernel::ALL.to_vec(),
    };
    let mut total = Total::default();
    for kernel in kernels {
        let mut host = HostShape::default();
        for machine in [kernel.fullest(), kernel.barest()] {
            if let Err(reason) = total.add(&machine, arguments.seed, &mut host) {
                eprintln!("differential: {}: {reason}", kernel.name);
                total.failed += 1;
            }
        }
    }
    println!(
        "{} calls compared, unexplained: {}",
        total.compared, total.unexplained
    );
    match (total.unexplained, total.failed) {
        (0, 0) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// What all runs together have come to.
#[derive(Debug, Default)]
struct Total {
    compared: usize,
    unexplained: usize,
    failed: usize,
}

/// A run against core here, and how it ended.
type Compared = (Comparison, Result<(), String>);

impl Total {
    /// Makes the calls of one machine under each firmware that its kernel can have.
    fn add(&mut self, machine: &Machine, seed: u64, host: &mut HostShape) -> Result<(), String> {
        let records = list(machine, seed, entry_point()?).map_err(|error| error.to_string())?;
        println!("{}, {} calls, seed {seed}", title(machine), records.len());
        for (firmware, run) in runs(machine, &records) {
            let compared = run.and_then(|run| {
                let comparison = compare(machine, &records, &run.log, host);
                let comparison = comparison.map_err(|error| error.to_string())?;
                Ok((comparison, run.end))
            });
            self.take(firmware, compared);
        }
        Ok(())
    }

    /// A run that could not be compared says nothing of the others.
    fn take(&mut self, firmware: Firmware, compared: Result<Compared, String>) {
        match compared {
            Ok((comparison, end)) => self.tell(firmware, &comparison, &end),
            Err(reason) => {
                let reason = reason.replace('\n', "\n    ");
                println!("  {:<6} not compared: {reason}", firmware.name());
                self.failed += 1;
            }
        }
    }

    fn tell(&mut self, firmware: Firmware, comparison: &Comparison, end: &Result<(), String>) {
        println!("  {:<6} {comparison}", firmware.name());
        for difference in comparison.unexplained.iter().take(SHOWN) {
            println!("    {}", difference.to_string().replace('\n', "\n    "));
        }
        if let Some(more) = comparison.unexplained.len().checked_sub(SHOWN + 1) {
            println!("    … and {} more", more + 1);
        }
        if let Err(reason) = end {
            println!("    {}", reason.replace('\n', "\n    "));
            self.failed += 1;
        }
        self.compared += comparison.compared;
        self.unexplained += comparison.unexplained.len();
    }
}

fn title(machine: &Machine) -> String {
    let services = match machine.features {
        [] => "no services".into(),
        features => features.join(", "),
    };
    format!("{}: PSCI {}, {services}", machine.kernel.name, machine.psci)
}

/// The runs, at the same time: most of it is waiting for a host to start.
fn runs(machine: &Machine, records: &[Record]) -> Vec<(Firmware, Result<Run, String>)> {
    let firmware = match machine.kernel.carries_core {
        true => &[Firmware::Kernel, Firmware::Core][..],
        false => &[Firmware::Kernel],
    };
    thread::scope(|scope| {
        let runs: Vec<_> = firmware
            .iter()
            .map(|firmware| {
                (
                    *firmware,
                    scope.spawn(|| Run::of(machine, *firmware, records)),
                )
            })
            .collect();
        let ended = runs.into_iter().map(|(firmware, run)| {
            let run = run
                .join()
                .unwrap_or_else(|_| Err("its thread panicked".into()));
            (firmware, run)
        });
        ended.collect()
    })
}

const SEED: u64 = 1;
/// So many differences are shown of a run: they often have one cause.
const SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_a_log_fails_and_the_other_still_counts() {
        let mut total = Total::default();
        total.take(Firmware::Kernel, Err("the run ended\nbadly".into()));
        let comparison = Comparison {
            compared: 7,
            ..Comparison::default()
        };
        total.take(Firmware::Core, Ok((comparison, Ok(()))));
        assert_eq!((total.failed, total.compared, total.unexplained), (1, 7, 0));
    }

    #[test]
    fn a_run_that_ended_badly_fails_though_nothing_differs() {
        let mut total = Total::default();
        let end = Err("record 5 did not return".into());
        total.take(Firmware::Core, Ok((Comparison::default(), end)));
        assert_eq!((total.failed, total.unexplained), (1, 0));
    }
}
