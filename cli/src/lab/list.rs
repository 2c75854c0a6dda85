//! `vambrace lab list`: which kernels and CPUs there are.

use std::io::Write as _;

use comfy_table::{Table, presets};
use serde::Serialize;
use vambrace_lab::kernels::{SERIES, Series};
use vambrace_lab::{Cache, Qemu, Record};

use crate::failure::Failure;

/// List the kernels, fetched or not, and the CPUs of lab hosts
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// Everything there is to choose from.
#[derive(Debug, Serialize)]
struct List {
    cache: String,
    kernels: Vec<Kernel>,
    qemu: Option<Emulator>,
    cpus: Vec<String>,
    /// Why there are no CPUs to list.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct Kernel {
    name: &'static str,
    suite: &'static str,
    default: bool,
    fetched: Option<Record>,
    /// Why a fetched kernel cannot be used.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct Emulator {
    program: String,
    version: String,
}

/// Does what was asked.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let cache = Cache::of_user()?;
    let list = List::gather(&cache);
    let mut stdout = std::io::stdout().lock();
    if arguments.json {
        let text = serde_json::to_string_pretty(&list).map_err(std::io::Error::from)?;
        writeln!(stdout, "{text}")?;
        return Ok(0);
    }
    writeln!(stdout, "{}", table(&list.kernels))?;
    for kernel in &list.kernels {
        if let Some(problem) = &kernel.problem {
            writeln!(stdout, "{}: {problem}", kernel.name)?;
        }
    }
    writeln!(stdout, "kept in {}", cache.kernels().display())?;
    match (&list.qemu, &list.problem) {
        (Some(qemu), _) => writeln!(
            stdout,
            "\nCPUs (QEMU {}): {}",
            qemu.version,
            list.cpus.join(" ")
        )?,
        (None, problem) => writeln!(
            stdout,
            "\nno CPUs: {}",
            problem.as_deref().unwrap_or_default()
        )?,
    }
    Ok(0)
}

impl List {
    fn gather(cache: &Cache) -> Self {
        let qemu = Qemu::locate().and_then(|qemu| Ok((qemu.cpu_models()?, qemu)));
        let (emulator, cpus, problem) = match qemu {
            Ok((cpus, qemu)) => {
                let program = qemu.program().display().to_string();
                (
                    Some(Emulator {
                        program,
                        version: qemu.version().to_string(),
                    }),
                    cpus,
                    None,
                )
            }
            Err(error) => (None, Vec::new(), Some(explain(&error))),
        };
        Self {
            cache: cache.kernels().display().to_string(),
            kernels: SERIES
                .iter()
                .map(|series| Kernel::look_up(cache, series))
                .collect(),
            qemu: emulator,
            cpus,
            problem,
        }
    }
}

impl Kernel {
    fn look_up(cache: &Cache, series: &'static Series) -> Self {
        let problem = cache.verify(series).err().map(|error| explain(&error));
        Self {
            name: series.name,
            suite: series.suite,
            default: series == Series::default_series(),
            // A record that cannot be read is the problem that was just found.
            fetched: cache.record(series).ok().flatten(),
            problem,
        }
    }
}

fn table(kernels: &[Kernel]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "KERNEL",
        "LINUX",
        "PACKAGE VERSION",
        "DEBIAN",
        "SHA-256",
        "FETCHED",
    ]);
    for kernel in kernels {
        let name = format!(
            "{}{}",
            kernel.name,
            if kernel.default { " (default)" } else { "" }
        );
        let [linux, version, digest, fetched] = match (&kernel.fetched, &kernel.problem) {
            (Some(record), problem) => [
                record.release.clone(),
                record.version.clone(),
                record.kernel.sha256.chars().take(12).collect(),
                problem
                    .as_ref()
                    .map_or_else(|| date(record.fetched), |_| "damaged".into()),
            ],
            (None, Some(_)) => ["-".into(), "-".into(), "-".into(), "damaged".into()],
            (None, None) => ["-".into(), "-".into(), "-".into(), "no".into()],
        };
        table.add_row([
            name,
            linux,
            version,
            kernel.suite.to_owned(),
            digest,
            fetched,
        ]);
    }
    table
}

fn explain(error: &vambrace_lab::Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\n  {hint}"),
        None => error.to_string(),
    }
}

/// The day, in the Gregorian calendar, of `seconds` since 1970.
fn date(seconds: u64) -> String {
    // Counted from 0000-03-01 a leap day ends its year, and 400 years have 146097 days.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (1_735_689_600, "2025-01-01"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(seconds), text);
        }
    }

    #[test]
    fn an_empty_cache_lists_every_series_as_not_fetched() {
        let directory = tempfile::tempdir().unwrap();
        let list = List::gather(&Cache::in_directory(directory.path()));
        assert_eq!(list.kernels.len(), 4);
        assert!(list.kernels.iter().all(|kernel| kernel.fetched.is_none()));
        assert!(list.kernels.iter().all(|kernel| kernel.problem.is_none()));
    }
}
