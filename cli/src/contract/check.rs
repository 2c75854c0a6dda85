//! `vambrace contract check`: whether hosts honour a contract, with every reason why not.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use super::record::{JudgeName, Outcome, ReasonRecord, Report, VerdictRecord};
use super::{ALL_ACCEPT, SOME_REFUSE};
use crate::failure::Failure;
use crate::files;

/// Say whether hosts honour a contract, and if not, every reason why
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The contract
    contract: PathBuf,

    /// Profiles of the hosts
    #[arg(required = true, value_name = "HOST")]
    hosts: Vec<PathBuf>,

    /// Print the verdicts as JSON
    #[arg(long)]
    json: bool,
}

/// Does what was asked; 0 if all accept, 1 if some refuse.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let contract = files::one_contract(&arguments.contract)?;
    let hosts = files::hosts(&arguments.hosts)?;
    let verdicts = hosts.iter().map(|host| VerdictRecord::of(&contract, host));
    let report = Report {
        verdicts: verdicts.collect(),
        ..Report::new("check")
    };
    if arguments.json {
        report.print()?;
    } else {
        let text: Vec<String> = report.verdicts.iter().map(verdict).collect();
        std::io::stdout()
            .lock()
            .write_all(text.concat().as_bytes())?;
    }
    Ok(code(&report.verdicts))
}

fn code(verdicts: &[VerdictRecord]) -> u8 {
    let refused = |record: &VerdictRecord| record.verdict == Outcome::Refused;
    match verdicts.iter().any(refused) {
        true => SOME_REFUSE,
        false => ALL_ACCEPT,
    }
}

/// A verdict in words, each reason on two lines.
pub(super) fn verdict(record: &VerdictRecord) -> String {
    let mut text = headline(record);
    text.push('\n');
    for normalisation in &record.normalisations {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {}: promised {}, accepted, and reads {} there",
            normalisation.field, normalisation.promised, normalisation.becomes
        );
    }
    for excess in &record.excesses {
        let _ = writeln!(text, "  {}", excess.text);
    }
    if !record.excesses.is_empty() && record.verdict != Outcome::Refused {
        text += NOT_LAUNCHED_HERE;
    }
    text + &reasons(&record.reasons)
}

/// No kernel can hide its level, so a contract cannot be kept there from the start.
pub(super) const NOT_LAUNCHED_HERE: &str = "    such a guest may move there, and is not to be launched there: it would leave out measures \
     that it needs where its contract allows it to go\n";

/// The reasons, each on two lines.
pub(super) fn reasons(reasons: &[ReasonRecord]) -> String {
    let mut text = String::new();
    for reason in reasons {
        let _ = writeln!(text, "  {}", reason.text);
        let (rule, remedy) = (&reason.rule, &reason.remedy);
        let _ = writeln!(
            text,
            "    rule: {rule}; judge: {}; remedy: {remedy}",
            judge(reason)
        );
    }
    text
}

/// Who says no, in words.
pub(super) fn judge(reason: &ReasonRecord) -> String {
    match (reason.judge, &reason.errno) {
        (JudgeName::Kernel, Some(errno)) => format!("kernel ({errno})"),
        (JudgeName::Kernel, None) => "kernel".into(),
        (JudgeName::Guest, _) => "guest-visible, kernel silent".into(),
    }
}

/// The first line of a verdict.
pub(super) fn headline(record: &VerdictRecord) -> String {
    let (contract, host) = (&record.contract, &record.host);
    match record.verdict {
        Outcome::Accepted => format!("{contract} on {host}: accepted"),
        Outcome::Normalised => format!(
            "{contract} on {host}: accepted, with {} that no guest relies on",
            counted(record.normalisations.len(), "change")
        ),
        Outcome::Refused => format!(
            "{contract} on {host}: refused, {}",
            counted(record.reasons.len(), "reason")
        ),
    }
}

/// A number of things.
pub(super) fn counted(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;

    fn record(host: vambrace_core::contract::HostProfile) -> VerdictRecord {
        let contract = samples::named("guest", samples::contract());
        VerdictRecord::of(&contract, &samples::named("there", host))
    }

    #[test]
    fn a_host_that_honours_it_says_so_in_one_line() {
        assert_eq!(
            verdict(&record(samples::host())),
            "guest on there: accepted\n"
        );
    }

    #[test]
    fn a_refusal_names_field_values_rule_judge_and_remedy() {
        let text = verdict(&record(samples::older_host()));
        assert!(
            text.starts_with("guest on there: refused, 3 reasons\n"),
            "{text}"
        );
        assert!(
            text.contains(
                "  ID_AA64ISAR0_EL1.DP: promised 1, the host has 0 and accepts 0\n    \
                 rule: the host's own value or a lower one; judge: kernel (EINVAL); \
                 remedy: launch with ID_AA64ISAR0_EL1.DP=0\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("promised 1.3, the host has 0.2 1.0 1.1"),
            "{text}"
        );
    }

    #[test]
    fn one_refusal_of_several_is_enough_for_the_code() {
        let (yes, no) = (record(samples::host()), record(samples::older_host()));
        assert_eq!(code(std::slice::from_ref(&yes)), 0);
        assert_eq!(code(&[yes, no]), 1);
    }

    #[test]
    fn a_difference_that_only_the_guest_sees_is_told_as_one() {
        let mut host = samples::host();
        host.counter_frequency = 24_000_000;
        let text = verdict(&record(host));
        assert!(
            text.contains("judge: guest-visible, kernel silent"),
            "{text}"
        );
    }
}
