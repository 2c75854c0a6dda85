//! `vambrace lab fetch`: puts kernels into the cache.

use std::io::Write as _;

use vambrace_lab::kernels::{SERIES, Series};
use vambrace_lab::{Cache, FetchOptions, Refetch};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::ready::fetch_one;

/// Fetch kernels from Debian into the cache
///
/// The newest kernel of each named series is fetched through apt, from the mirror that this system's
/// own package sources name, and checked by the signatures of Debian's archive. The system's own apt
/// state is not touched. A fetched kernel needs no network later.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The series: 5.10, 6.1, 6.12, 7.3, or `all` [default: 6.12]
    #[arg(value_name = "KERNEL")]
    kernels: Vec<String>,
    /// Fetch even what is there, in its newest version
    #[arg(long)]
    force: bool,
    /// A mirror of Debian's archive instead of this system's
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Print the records of the fetched kernels as JSON
    #[arg(long)]
    json: bool,
}

/// Does what was asked.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let wanted = wanted(&arguments.kernels)?;
    let cache = Cache::of_user()?;
    let interrupt = Interrupt::watch()?;
    let refetch = if arguments.force {
        Refetch::Always
    } else {
        Refetch::IfDamaged
    };
    let options = FetchOptions {
        refetch,
        mirror: arguments.mirror.clone(),
    };
    let mut records = Vec::new();
    for series in wanted {
        let record = fetch_one(&cache, series, &options, &interrupt)?;
        if !arguments.json {
            let (version, digest) = (&record.version, &record.kernel.sha256);
            let mut stdout = std::io::stdout().lock();
            writeln!(stdout, "{}: Linux {}", series.name, record.release)?;
            writeln!(
                stdout,
                "  {} {version}, Debian {}",
                record.package, record.suite
            )?;
            writeln!(stdout, "  sha256 {digest}")?;
        }
        records.push(record);
    }
    if arguments.json {
        let text = serde_json::to_string_pretty(&records).map_err(std::io::Error::from)?;
        writeln!(std::io::stdout().lock(), "{text}")?;
    }
    Ok(0)
}

fn wanted(names: &[String]) -> Result<Vec<&'static Series>, vambrace_lab::Error> {
    if names.is_empty() {
        return Ok(vec![Series::default_series()]);
    }
    if names.iter().any(|name| name == "all") {
        return Ok(SERIES.iter().collect());
    }
    names
        .iter()
        .map(|name| {
            Series::named(name).ok_or_else(|| vambrace_lab::Error::UnknownKernel(name.clone()))
        })
        .collect()
}

const EXAMPLES: &str = "\
Examples:
  vambrace lab fetch                     the default
  vambrace lab fetch 5.10 6.1            two others
  vambrace lab fetch --force 6.12        the newest 6.12 there is, or a damaged one again

The cache is $VAMBRACE_CACHE, else $XDG_CACHE_HOME/vambrace, else ~/.cache/vambrace.
Exit codes: 0, or 125 if a kernel could not be fetched; the cache is unchanged then.";

#[cfg(test)]
mod tests {
    use super::*;

    fn names(arguments: &[&str]) -> Vec<&'static str> {
        let arguments: Vec<String> = arguments.iter().map(|name| (*name).to_owned()).collect();
        wanted(&arguments)
            .unwrap()
            .iter()
            .map(|series| series.name)
            .collect()
    }

    #[test]
    fn what_is_wanted_follows_the_command_line() {
        assert_eq!(names(&[]), ["6.12"]);
        assert_eq!(names(&["7.3", "5.10"]), ["7.3", "5.10"]);
        assert_eq!(names(&["6.1", "all"]), ["5.10", "6.1", "6.12", "7.3"]);
    }

    #[test]
    fn an_unknown_series_is_refused_before_anything_is_fetched() {
        assert!(wanted(&["6.12".into(), "6.13".into()]).is_err());
    }
}
