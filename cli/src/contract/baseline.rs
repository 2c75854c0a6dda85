//! `vambrace contract baseline`: the most capable contract that several hosts accept.

use std::io::Write as _;
use std::path::PathBuf;

use vambrace_formats::contract::to_toml;

use super::record::{BaselineRecord, Report};
use super::wish::Wish;
use super::{ALL_ACCEPT, SOME_REFUSE, conflict, launch};
use crate::failure::Failure;
use crate::files::{self, Destination};

/// Print the most capable contract that all hosts accept, or what makes one impossible
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// Profiles of the hosts
    #[arg(required = true, value_name = "HOST")]
    hosts: Vec<PathBuf>,

    #[command(flatten)]
    wish: Wish,

    /// Where to write the contract; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-", value_parser = Destination::parser())]
    output: Destination,

    /// Print the result, conflicts too, as JSON
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

/// Does what was asked; 1 if there is none.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    arguments.output.check()?;
    let hosts = files::hosts(&arguments.hosts)?;
    let profiles: Vec<_> = hosts.iter().map(|host| &host.value).collect();
    let names = hosts.iter().map(|host| host.name.clone()).collect();
    let found = arguments.wish.contract(&profiles);
    let code = if found.is_ok() {
        ALL_ACCEPT
    } else {
        SOME_REFUSE
    };
    if let Ok(contract) = &found {
        launch::warn(contract, &hosts);
    }
    let record = match &found {
        Ok(contract) => BaselineRecord {
            hosts: names,
            possible: true,
            digest: Some(contract.digest().to_string()),
            contract: Some(to_toml(contract)),
            conflicts: Vec::new(),
        },
        Err(conflicts) => BaselineRecord {
            hosts: names,
            possible: false,
            digest: None,
            contract: None,
            conflicts: conflict::records(conflicts, &hosts, arguments.wish),
        },
    };
    if arguments.json {
        let report = Report {
            baselines: vec![record],
            ..Report::new("baseline")
        };
        report.print()?;
        return Ok(code);
    }
    match &record.contract {
        Some(toml) => arguments.output.write(toml)?,
        // Standard output is the contract's, or nobody's.
        None => {
            let told = conflict::text(&record.conflicts, hosts.len());
            let _ = std::io::stderr().lock().write_all(told.as_bytes());
        }
    }
    Ok(code)
}

const EXIT_CODES: &str = "\
The contract is on standard output; conflicts are on standard error, with the hosts grouped by what
they accept.

Exit codes: 0 there is one, 1 there is none, 125 usage, an unusable file, or an error of ours.";
