//! `vambrace contract confirm`: a host's own kernel asked, and a prediction held against it.

use std::io::{self, Write as _};
use std::path::PathBuf;

use vambrace_core::contract::{Contract, HostProfile};
use vambrace_formats::contract::to_toml;
use vambrace_kvm::contract::Confirmation;
use vambrace_kvm::sys;
use vambrace_lab::{Executable, ExitStatus, HostSpec, Input, Job, Source};

use super::record::{
    ConfirmationRecord, DifferenceRecord, ExcessRecord, JudgeName, RefusalRecord, Report,
    VerdictRecord,
};
use super::{ALL_ACCEPT, SOME_REFUSE};
use crate::failure::{Failure, OWN_ERROR};
use crate::files::{self, Named};
use crate::host_choice::{Host, HostChoice};
use crate::lab_host;

/// Ask a host's kernel whether it takes contracts, on a virtual machine that never runs
///
/// Everything that a contract promises is told to the kernel; what it refuses, and what it takes and
/// has otherwise, is printed. With --profile the same is predicted from that file, and every
/// difference between prediction and kernel is an error of ours that is worth a report.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The contracts
    #[arg(required = true, value_name = "CONTRACT")]
    contracts: Vec<PathBuf>,

    /// Which host to ask: auto, local, or `lab[:KERNEL[:CPU]]`
    #[arg(long, default_value = "auto", value_name = "HOST")]
    host: HostChoice,

    /// A profile of that host, to hold what is predicted from it against what the kernel says
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,

    /// Print the answers as JSON
    #[arg(long)]
    json: bool,
}

/// Does what was asked; 1 if the kernel refuses something or, with a profile, if a prediction is
/// wrong.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let contracts = files::contracts(&arguments.contracts)?;
    let profile = arguments
        .profile
        .as_deref()
        .map(files::one_host)
        .transpose()?;
    let mut records = match arguments.host.resolve()? {
        Host::El2(_) => return Err(crate::el2::no_kvm()),
        Host::Local => here(&contracts)?,
        Host::Lab(spec) => match in_lab(spec, &contracts)? {
            Some(records) => records,
            None => return Ok(OWN_ERROR),
        },
    };
    if let Some(profile) = &profile {
        for (record, contract) in records.iter_mut().zip(&contracts) {
            record.disagreements = disagreements(record, contract, profile);
        }
    }
    let refused = records.iter().any(|record| !record.accepted);
    let wrong = records
        .iter()
        .any(|record| !record.disagreements.is_empty());
    if arguments.json {
        let report = Report {
            confirmations: records,
            ..Report::new("confirm")
        };
        report.print()?;
    } else {
        let texts = records.iter().map(|record| text(record, profile.is_some()));
        let text: String = texts.collect();
        io::stdout().lock().write_all(text.as_bytes())?;
    }
    Ok(match (&profile, refused, wrong) {
        (None, true, _) | (Some(_), _, true) => SOME_REFUSE,
        (None, false, _) | (Some(_), _, false) => ALL_ACCEPT,
    })
}

/// Asks the kernel that runs here.
fn here(contracts: &[Named<Contract>]) -> Result<Vec<ConfirmationRecord>, Failure> {
    let host = sys::open()?;
    let confirm = |contract: &Named<Contract>| {
        let heard = vambrace_kvm::contract::confirm(&host, &contract.value);
        let heard = heard.map_err(|error| Failure::new(format!("{}: {error}", contract.name)))?;
        Ok(record(contract, "local", &heard))
    };
    contracts.iter().map(confirm).collect()
}

fn record(contract: &Named<Contract>, host: &str, heard: &Confirmation) -> ConfirmationRecord {
    let refusals = heard.refusals.iter().map(|refusal| RefusalRecord {
        subject: refusal.subject.to_string(),
        // The name alone, as predictions have it.
        errno: format!("{:?}", refusal.errno),
    });
    let differences = heard.differences.iter().map(|difference| DifferenceRecord {
        subject: difference.subject.to_string(),
        field: difference.field.map(|field| field.to_string()),
        written: difference.written.to_string(),
        read: difference.read.to_string(),
    });
    ConfirmationRecord {
        contract: contract.name.clone(),
        digest: contract.value.digest().to_string(),
        host: host.into(),
        accepted: heard.refusals.is_empty(),
        refusals: refusals.collect(),
        differences: differences.collect(),
        disagreements: Vec::new(),
    }
}

/// Asks a lab host's kernel, by the same command inside. None if that could not do it, which it has
/// told in words of its own then.
fn in_lab(
    spec: HostSpec,
    contracts: &[Named<Contract>],
) -> Result<Option<Vec<ConfirmationRecord>>, Failure> {
    let host = spec.to_string();
    let inputs: Vec<Input> = (0..)
        .zip(contracts)
        .map(|(number, contract): (usize, _)| Input {
            source: Source::Bytes(to_toml(&contract.value).into_bytes()),
            destination: format!("contracts/{number}.toml"),
        })
        .collect();
    let mut arguments = ["contract", "confirm", "--host=local", "--json"]
        .map(Into::into)
        .to_vec();
    arguments.extend(inputs.iter().map(|input| input.destination.clone().into()));
    let job = Job {
        inputs,
        ..Job::new(Executable::Vambrace, arguments)
    };
    let (outcome, output) = lab_host::run_and_capture(spec, &job)?;
    if outcome.status == ExitStatus::Code(OWN_ERROR) {
        return Ok(None);
    }
    let report: Report = serde_json::from_slice(&output).map_err(|error| {
        let status = outcome.status;
        Failure::new(format!(
            "the program inside the lab host said nothing that can be read ({status}): {error}"
        ))
    })?;
    let mut records = report.confirmations;
    for (record, contract) in records.iter_mut().zip(contracts) {
        record.contract.clone_from(&contract.name);
        record.host.clone_from(&host);
    }
    Ok(Some(records))
}

/// In what the prediction from a profile is wrong.
fn disagreements(
    heard: &ConfirmationRecord,
    contract: &Named<Contract>,
    profile: &Named<HostProfile>,
) -> Vec<String> {
    let predicted = VerdictRecord::of(contract, profile);
    let by_kernel = predicted
        .reasons
        .iter()
        .filter(|reason| reason.judge == JudgeName::Kernel);
    let by_kernel: Vec<_> = by_kernel.collect();
    let mut wrong = Vec::new();
    for refusal in &heard.refusals {
        let (subject, errno) = (&refusal.subject, &refusal.errno);
        let mut reasons = by_kernel
            .iter()
            .filter(|reason| reason.subject == *subject)
            .peekable();
        if reasons.peek().is_none() {
            wrong.push(format!(
                "{subject}: the kernel refuses it ({errno}), which was not predicted"
            ));
        } else if reasons.all(|reason| reason.errno.as_ref() != Some(errno)) {
            wrong.push(format!(
                "{subject}: the kernel refuses it with {errno}, not as predicted"
            ));
        }
    }
    for reason in by_kernel {
        let refused = heard
            .refusals
            .iter()
            .any(|refusal| refusal.subject == reason.subject);
        if !refused {
            let text = &reason.text;
            wrong.push(format!(
                "{text}: predicted to be refused, and the kernel takes it"
            ));
        }
    }
    wrong.extend(wrong_changes(heard, &predicted));
    wrong
}

/// Which changes of what the kernel took were not predicted, or did not come.
fn wrong_changes<'a>(
    heard: &'a ConfirmationRecord,
    predicted: &'a VerdictRecord,
) -> impl Iterator<Item = String> + 'a {
    let unpredicted = heard.differences.iter().filter(|difference| {
        let normalised = predicted.normalisations.iter().any(|normalisation| {
            difference.field.as_ref() == Some(&normalisation.field)
                && difference.written == normalisation.promised
                && difference.read == normalisation.becomes
        });
        let (mut reasons, mut excesses) = (predicted.reasons.iter(), predicted.excesses.iter());
        !normalised
            && !reasons.any(|reason| reason.subject == difference.subject)
            && !excesses.any(|excess| excess.subject == difference.subject)
    });
    let unseen = predicted.normalisations.iter().filter(|normalisation| {
        let mut differences = heard.differences.iter();
        let mut refusals = heard.refusals.iter();
        !differences.any(|difference| difference.field.as_ref() == Some(&normalisation.field))
            && !refusals.any(|refusal| {
                let register = normalisation.field.split('.').next();
                register == Some(refusal.subject.as_str())
            })
    });
    let unseen_levels = predicted.excesses.iter().filter(|excess| {
        let mut differences = heard.differences.iter();
        !differences.any(|difference| difference.subject == excess.subject)
    });
    unpredicted
        .map(|difference| format!("{}, which was not predicted", difference_text(difference)))
        .chain(unseen.map(|normalisation| {
            let (field, value) = (&normalisation.field, &normalisation.becomes);
            format!("{field}: predicted to read {value}, and the kernel keeps what was written")
        }))
        .chain(unseen_levels.map(|excess| {
            let ExcessRecord { subject, told, .. } = excess;
            format!("{subject}: predicted to be {told}, and the kernel tells what was promised")
        }))
}

fn difference_text(difference: &DifferenceRecord) -> String {
    let DifferenceRecord { written, read, .. } = difference;
    let place = difference.field.as_ref().unwrap_or(&difference.subject);
    format!("{place}: {written} was written, and {read} is read")
}

fn text(record: &ConfirmationRecord, compared: bool) -> String {
    let (contract, host) = (&record.contract, &record.host);
    let verdict = match record.accepted {
        true => "taken by the kernel",
        false => "refused by the kernel",
    };
    let mut lines = vec![format!("{contract} on {host}: {verdict}")];
    let refusals = record.refusals.iter();
    lines.extend(refusals.map(|refusal| format!("  {}: {}", refusal.subject, refusal.errno)));
    let differences = record.differences.iter();
    lines.extend(differences.map(|difference| format!("  {}", difference_text(difference))));
    match (compared, record.disagreements.as_slice()) {
        (false, _) => {}
        (true, []) => lines.push("  as predicted".into()),
        (true, wrong) => {
            lines.push("  the prediction is wrong: please report this with both files".into());
            lines.extend(wrong.iter().map(|wrong| format!("    {wrong}")));
        }
    }
    lines.join("\n") + "\n"
}

const EXIT_CODES: &str = "\
Exit codes: 0 the kernel takes all; 1 it refuses some, or with --profile: it does otherwise than
predicted (what it refuses as predicted is 0 then); 125 usage, an unusable file, or an error of ours.";

#[cfg(test)]
mod tests {
    use vambrace_core::contract::{Errno, Subject};
    use vambrace_kvm::contract::Refusal;

    use super::*;
    use crate::contract::samples;

    fn contract() -> Named<Contract> {
        samples::named("guest", samples::contract())
    }

    fn heard(refusals: &[(&str, &str)]) -> ConfirmationRecord {
        let mut record = record(&contract(), "lab", &Confirmation::default());
        record.refusals = refusals
            .iter()
            .map(|(subject, errno)| RefusalRecord {
                subject: (*subject).into(),
                errno: (*errno).into(),
            })
            .collect();
        record.accepted = refusals.is_empty();
        record
    }

    const AS_PREDICTED: [(&str, &str); 3] = [
        ("ID_AA64ISAR0_EL1", "EINVAL"),
        ("ID_AA64MMFR2_EL1", "EINVAL"),
        ("KVM_REG_ARM_PSCI_VERSION", "EINVAL"),
    ];

    fn disagreements(heard: &ConfirmationRecord) -> Vec<String> {
        let profile = samples::named("old", samples::older_host());
        super::disagreements(heard, &contract(), &profile)
    }

    #[test]
    fn what_a_kernel_refuses_is_named_as_predictions_name_it() {
        let refusal = Refusal {
            subject: Subject::PsciVersion,
            errno: sys::Errno::EINVAL,
        };
        let heard = Confirmation {
            refusals: vec![refusal],
            differences: Vec::new(),
        };
        let record = record(&contract(), "lab", &heard);
        assert!(!record.accepted);
        let [refusal] = record.refusals.as_slice() else {
            panic!("{record:?}");
        };
        assert_eq!(refusal.subject, "KVM_REG_ARM_PSCI_VERSION");
        assert_eq!(refusal.errno, Errno::Einval.to_string());
    }

    #[test]
    fn a_prediction_that_holds_is_said_to() {
        let heard = heard(&AS_PREDICTED);
        assert_eq!(disagreements(&heard), Vec::<String>::new());
        assert!(text(&heard, true).ends_with("  as predicted\n"));
    }

    #[test]
    fn what_was_not_predicted_is_told_both_ways() {
        let wrong = disagreements(&heard(&[
            ("ID_AA64ISAR0_EL1", "ENOENT"),
            ("ID_AA64MMFR2_EL1", "EINVAL"),
            ("CLIDR_EL1", "EINVAL"),
        ]));
        assert_eq!(
            wrong,
            [
                "ID_AA64ISAR0_EL1: the kernel refuses it with ENOENT, not as predicted",
                "CLIDR_EL1: the kernel refuses it (EINVAL), which was not predicted",
                "KVM_REG_ARM_PSCI_VERSION: promised 1.3, the host has 0.2 1.0 1.1: predicted to be \
                 refused, and the kernel takes it",
            ]
        );
    }

    #[test]
    fn a_change_that_nobody_predicted_is_a_disagreement() {
        let mut heard = heard(&AS_PREDICTED);
        heard.differences.push(DifferenceRecord {
            subject: "ID_AA64PFR0_EL1".into(),
            field: Some("ID_AA64PFR0_EL1.MPAM".into()),
            written: "1".into(),
            read: "0".into(),
        });
        assert_eq!(
            disagreements(&heard),
            ["ID_AA64PFR0_EL1.MPAM: 1 was written, and 0 is read, which was not predicted"]
        );
    }
}
