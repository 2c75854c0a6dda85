//! `vambrace contract explain`: why a host refuses, what that means, and what would have helped.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use vambrace_core::contract::{Contract, HostProfile};

use super::advice::{Advice, advise};
use super::check::{NOT_LAUNCHED_HERE, counted, headline};
use super::record::Judged;
use super::wish::Wish;
use super::{ALL_ACCEPT, SOME_REFUSE, conflict, meaning};
use crate::failure::Failure;
use crate::files::{self, Named};

/// Explain at length why a host refuses a contract, and what the guest should have been given
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The contract
    contract: PathBuf,

    /// The profile of the host
    host: PathBuf,

    /// The profile of the host that the guest is launched on, to look for what both honour
    #[arg(long, value_name = "PROFILE")]
    source: Option<PathBuf>,
}

/// Does what was asked; 1 if the host refuses.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let contract = files::one_contract(&arguments.contract)?;
    let host = files::one_host(&arguments.host)?;
    let source = arguments
        .source
        .as_deref()
        .map(files::one_host)
        .transpose()?;
    let judged = Judged::of(&contract.value, &host.value);
    let text = text(&contract, &host, source.as_ref(), &judged);
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(match judged.is_accepted() {
        true => ALL_ACCEPT,
        false => SOME_REFUSE,
    })
}

fn text(
    contract: &Named<Contract>,
    host: &Named<HostProfile>,
    source: Option<&Named<HostProfile>>,
    judged: &Judged,
) -> String {
    let mut text = headline(&judged.record(contract, &host.name));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n  contract SHA-256 {}", contract.value.digest());
    if judged.is_accepted() {
        return text + &accepted(judged);
    }
    for (number, reason) in (1..).zip(&judged.reasons) {
        let _ = writeln!(text, "\n{number}. {reason}");
        let _ = writeln!(text, "   guest   {}", meaning::for_the_guest(reason));
        let _ = writeln!(text, "   rule    {}", reason.rule());
        let _ = writeln!(text, "   judge   {}", meaning::of_judge(reason.judge()));
        let _ = writeln!(text, "   remedy  {}", reason.remedy());
    }
    let advice = advise(&contract.value, &host.value);
    text += &launch(contract, host, source, &advice);
    if let Some(source) = source {
        text += &common(contract, host, source);
    }
    text
}

fn accepted(judged: &Judged) -> String {
    let mut text = "\nThe guest may move there: all that it was promised is there.\n".to_owned();
    for normalisation in &judged.normalisations {
        let _ = writeln!(
            text,
            "  {normalisation}: the host's kernel changes it without a word, and no guest relies \
             on it."
        );
    }
    for excess in &judged.excesses {
        let _ = writeln!(text, "  {excess}.");
    }
    if !judged.excesses.is_empty() {
        text += NOT_LAUNCHED_HERE;
    }
    text
}

/// What the guest should have been launched with.
fn launch(
    contract: &Named<Contract>,
    host: &Named<HostProfile>,
    source: Option<&Named<HostProfile>>,
    advice: &Advice,
) -> String {
    let mut text = "\nWhat to launch it with instead\n".to_owned();
    if advice.adjustments.is_empty() {
        text += "  No launch choice helps: nothing of what was promised can be left out.\n";
    } else {
        let options = advice.adjustments.arguments();
        let from = quoted(&contract.path);
        let _ = writeln!(
            text,
            "  vambrace contract new --from {from} {} -o launch.toml",
            options.join(" ")
        );
        let verdict = match advice.left.as_slice() {
            [] => "would honour that".to_owned(),
            left => format!(
                "would still refuse that, for {}:",
                counted(left.len(), "reason")
            ),
        };
        let _ = writeln!(text, "  {} {verdict}", host.name);
    }
    for reason in &advice.left {
        let _ = writeln!(text, "    {reason}: {}", reason.remedy());
    }
    if let (false, [], Some(source)) = (
        advice.adjustments.is_empty(),
        advice.left.as_slice(),
        source,
    ) {
        let judged = Judged::of(&advice.contract, &source.value);
        let verdict = match judged.reasons.as_slice() {
            [] => "so would".to_owned(),
            reasons => format!("but not (for {})", counted(reasons.len(), "reason")),
        };
        let _ = writeln!(text, "  {verdict} {}, where it is launched", source.name);
        for reason in &judged.reasons {
            let _ = writeln!(text, "    {reason}");
        }
    }
    text += "  A guest that runs keeps what it was promised: this is for its next launch.\n";
    text
}

/// Whether the two hosts have a contract in common.
fn common(
    contract: &Named<Contract>,
    host: &Named<HostProfile>,
    source: &Named<HostProfile>,
) -> String {
    let hosts = [source.clone(), host.clone()];
    let mut text = format!("\nWhat {} and {} both honour\n", source.name, host.name);
    let profiles = [&source.value, &host.value];
    let like = Wish::like(&contract.value);
    let least = Wish::default();
    let (wish, heading) = match (like.contract(&profiles), least.contract(&profiles)) {
        (Ok(_), _) => (like, "The most that both can promise such a guest"),
        (Err(_), Ok(_)) => (
            least,
            "Nothing like this contract; the most that both can promise a plain guest",
        ),
        (Err(_), Err(conflicts)) => {
            let records = conflict::records(&conflicts, &hosts, least);
            for line in conflict::text(&records, hosts.len()).lines() {
                let _ = writeln!(text, "  {line}");
            }
            return text;
        }
    };
    let options = wish.arguments().into_iter().map(|word| word + " ");
    let _ = writeln!(
        text,
        "  {heading}:\n  vambrace contract new --baseline {} {} {}-o launch.toml",
        quoted(&source.path),
        quoted(&host.path),
        options.collect::<String>()
    );
    text
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "/._-+:,@%".contains(character);
    match !path.is_empty() && path.chars().all(plain) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

const EXIT_CODES: &str = "\
Exit codes: 0 the host honours it, 1 it refuses, 125 usage, an unusable file, or an error of ours.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;

    fn explained(host: HostProfile, source: Option<HostProfile>) -> String {
        let contract = samples::named("guest.toml", samples::contract());
        let host = samples::named("there", host);
        let source = source.map(|source| samples::named("here", source));
        let judged = Judged::of(&contract.value, &host.value);
        text(&contract, &host, source.as_ref(), &judged)
    }

    #[test]
    fn a_refusal_ends_in_a_command_to_paste() {
        let text = explained(samples::older_host(), Some(samples::host()));
        assert!(
            text.contains(
                "  vambrace contract new --from guest.toml --psci 1.1 \
                 --lower ID_AA64ISAR0_EL1.DP=0 --lower ID_AA64MMFR2_EL1.EVT=0 -o launch.toml\n  \
                 there would honour that\n  so would here, where it is launched\n"
            ),
            "{text}"
        );
        assert!(
            text.contains(
                "What here and there both honour\n  The most that both can promise such a guest:\n  \
                 vambrace contract new --baseline here there --served-by kernel -o launch.toml\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_cannot_be_avoided_is_told_apart() {
        let mut host = samples::host();
        host.counter_frequency = 25_000_000;
        let text = explained(host, Some(samples::host()));
        assert!(text.contains("No launch choice helps"), "{text}");
        assert!(
            text.contains("CNTFRQ_EL0\n      has 62500000 Hz: here\n"),
            "{text}"
        );
    }

    #[test]
    fn a_host_that_honours_it_says_that_the_guest_may_move() {
        let text = explained(samples::host(), None);
        assert!(
            text.starts_with("guest.toml on there: accepted\n"),
            "{text}"
        );
        assert!(text.contains("The guest may move there"), "{text}");
    }

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(quoted(Path::new("a/7.3-max.json")), "a/7.3-max.json");
        assert_eq!(quoted(Path::new("my guest's")), r"'my guest'\''s'");
    }
}
