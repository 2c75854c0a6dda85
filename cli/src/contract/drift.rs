//! `vambrace contract drift`: what an update of a host does to the guests that it has and takes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use vambrace_core::contract::{Contract, HostProfile};

use super::check::{counted, reasons};
use super::record::{Change, ChangeRecord, ReasonRecord, Report, VerdictRecord};
use super::wish::Wish;
use super::{ALL_ACCEPT, SOME_REFUSE};
use crate::failure::Failure;
use crate::files::{self, Named};

/// Show which contracts an update of a host starts or stops accepting
///
/// OLD and NEW are profiles of one host before and after the update. Besides the contracts named,
/// the most that each of the two can promise is held against the other, with each set of vCPU
/// features that it has: what OLD promised has to go on under NEW, and what NEW promises has to be
/// given up before the update is taken back.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The host's profile before the update
    old: PathBuf,
    /// Its profile after
    new: PathBuf,
    /// Contracts of guests
    contracts: Vec<PathBuf>,
    /// Print the changes as JSON
    #[arg(long)]
    json: bool,
}

/// Does what was asked; 1 if something stops being accepted.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let hosts = files::hosts(&[arguments.old.clone(), arguments.new.clone()])?;
    let contracts = files::contracts(&arguments.contracts)?;
    let [old, new] = hosts.as_slice() else {
        return Err(Failure::new("two files did not give two profiles"));
    };
    let changes = changes(old, new, &contracts);
    let stops = changes.iter().any(|change| change.change == Change::Stops);
    if arguments.json {
        let report = Report {
            changes,
            ..Report::new("drift")
        };
        report.print()?;
    } else {
        let text = text(&old.name, &new.name, &changes);
        std::io::stdout().lock().write_all(text.as_bytes())?;
    }
    Ok(if stops { SOME_REFUSE } else { ALL_ACCEPT })
}

/// Every contract on both: those of the old host, those of the new one, those that were named.
fn changes(
    old: &Named<HostProfile>,
    new: &Named<HostProfile>,
    contracts: &[Named<Contract>],
) -> Vec<ChangeRecord> {
    let own = own_contracts(old).chain(own_contracts(new));
    let all = own.chain(contracts.iter().cloned());
    all.map(|contract| {
        let [before, after] = [old, new].map(|host| VerdictRecord::of(&contract, host));
        ChangeRecord {
            contract: contract.name.clone(),
            change: Change::between(before.verdict, after.verdict),
            old: before,
            new: after,
        }
    })
    .collect()
}

/// The most that a host can promise, with each set of features.
fn own_contracts(host: &Named<HostProfile>) -> impl Iterator<Item = Named<Contract>> {
    host.value.views.iter().filter_map(|view| {
        let wish = Wish::default().for_features(view.features);
        let contract = wish.contract(&[&host.value]).ok()?;
        let name = match view.features.is_empty() {
            true => format!("all of {}", host.name),
            false => format!("all of {} with {}", host.name, view.features),
        };
        Some(Named {
            name,
            path: host.path.clone(),
            value: contract,
        })
    })
}

fn text(old: &str, new: &str, changes: &[ChangeRecord]) -> String {
    let mut text = String::new();
    for (change, heading) in [
        (
            Change::Stops,
            format!("{new} stops accepting, and {old} accepted"),
        ),
        (
            Change::Starts,
            format!("{new} starts accepting, and {old} does not: these cannot go back"),
        ),
        (Change::Never, "neither accepts".to_owned()),
        (Change::Stays, "both accept".to_owned()),
    ] {
        let these = changes.iter().filter(|record| record.change == change);
        let groups = grouped(these);
        let count: usize = groups.iter().map(|(names, _)| names.len()).sum();
        if count > 0 {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{heading}: {}", counted(count, "contract"));
        }
        for (names, why) in groups {
            let _ = writeln!(text, "  {}", names.join("\n  "));
            for line in reasons(why).lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
    }
    text
}

/// Contracts that are refused for the same reasons stand together.
type Group<'a> = (Vec<&'a str>, &'a [ReasonRecord]);

fn grouped<'a>(records: impl Iterator<Item = &'a ChangeRecord>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for record in records {
        let why = match record.change {
            Change::Stops | Change::Never => &record.new.reasons,
            Change::Starts | Change::Stays => &record.old.reasons,
        };
        match groups
            .iter_mut()
            .find(|(_, known)| *known == why.as_slice())
        {
            Some((names, _)) => names.push(&record.contract),
            None => groups.push((vec![&record.contract], why)),
        }
    }
    groups
}

const EXIT_CODES: &str = "\
Exit codes: 0 nothing that OLD accepts is refused by NEW, 1 something is, 125 usage, an unusable
file, or an error of ours.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;

    #[test]
    fn an_update_that_only_adds_is_seen_when_it_is_taken_back() {
        let old = samples::named("old", samples::older_host());
        let new = samples::named("new", samples::host());
        let found = changes(&old, &new, &[]);
        let change: Vec<_> = found.iter().map(|record| record.change).collect();
        assert_eq!(change, [Change::Stays, Change::Starts]);
        let text = text("old", "new", &found);
        assert!(
            text.starts_with(
                "new starts accepting, and old does not: these cannot go back: 1 contract\n  \
                 all of new\n    ID_AA64ISAR0_EL1.DP: promised 1, the host has 0 and accepts 0\n"
            ),
            "{text}"
        );
        assert!(
            text.ends_with("both accept: 1 contract\n  all of old\n"),
            "{text}"
        );
    }

    #[test]
    fn a_contract_that_stops_being_accepted_comes_first() {
        let old = samples::named("old", samples::host());
        let new = samples::named("new", samples::older_host());
        let guest = samples::named("guest", samples::contract());
        let found = changes(&old, &new, &[guest]);
        let text = text("old", "new", &found);
        assert!(
            text.starts_with(
                "new stops accepting, and old accepted: 2 contracts\n  all of old\n  guest\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn every_set_of_features_has_a_contract_of_its_own() {
        let host = samples::named("host", samples::host_with_sve());
        let names: Vec<_> = own_contracts(&host).map(|contract| contract.name).collect();
        assert_eq!(names, ["all of host", "all of host with sve"]);
    }
}
