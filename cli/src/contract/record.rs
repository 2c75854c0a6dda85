//! What the commands say to programs: one shape for all of them.
//!
//! Every command prints one [`Report`]; lists that it has nothing for are empty. Values are text,
//! as people read them too: ID registers have more bits than a JSON number keeps. The names stand
//! in this package's README and stay.

use serde::{Deserialize, Serialize};
use vambrace_core::contract::{
    Contract, Excess, HostProfile, Judge, Normalisation, PsciVersions, Reason, ServiceLimit,
    Subject, preflight,
};
use vambrace_core::psci::PsciVersion;

use super::adjustments::Adjustments;
use crate::failure::Failure;
use crate::files::Named;

/// Everything that a command found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Report {
    /// The version of this shape.
    pub(super) schema: u32,
    /// Which command: check, matrix, baseline, drift or confirm.
    pub(super) command: String,
    /// What each contract says to each host.
    pub(super) verdicts: Vec<VerdictRecord>,
    /// For which hosts a common contract was looked for.
    pub(super) baselines: Vec<BaselineRecord>,
    /// Whose verdict changes from one profile to another.
    pub(super) changes: Vec<ChangeRecord>,
    /// What a kernel said when it was asked.
    pub(super) confirmations: Vec<ConfirmationRecord>,
}

/// One contract on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VerdictRecord {
    pub(super) contract: String,
    /// SHA-256 of the contract's canonical bytes.
    pub(super) digest: String,
    pub(super) host: String,
    pub(super) verdict: Outcome,
    pub(super) reasons: Vec<ReasonRecord>,
    pub(super) normalisations: Vec<NormalisationRecord>,
    /// Why a guest that may move there is not to be launched there.
    pub(super) excesses: Vec<ExcessRecord>,
}

/// What a verdict comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// The host honours it.
    Accepted,
    /// It does, and changes what no guest relies on.
    Normalised,
    /// It does not.
    Refused,
}

/// One thing that a host does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReasonRecord {
    /// The register, or whatever else a host is told; several reasons may share it.
    pub(super) subject: String,
    /// The field of it, if it is one.
    pub(super) field: Option<String>,
    pub(super) promised: Option<String>,
    pub(super) host: Option<String>,
    pub(super) accepts: Option<String>,
    pub(super) rule: String,
    pub(super) judge: JudgeName,
    /// What the kernel refuses with, where it is the judge.
    pub(super) errno: Option<String>,
    pub(super) remedy: String,
    /// Options of `contract new` that do it, where a launch choice helps.
    pub(super) options: Vec<String>,
    /// All of it in one sentence.
    pub(super) text: String,
}

/// Who says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum JudgeName {
    /// The host's kernel.
    Kernel,
    /// Nobody but the guest, which sees the difference.
    Guest,
}

/// What a host changes while it accepts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NormalisationRecord {
    pub(super) field: String,
    pub(super) promised: String,
    pub(super) becomes: String,
}

/// What a host tells a guest beyond its contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExcessRecord {
    pub(super) subject: String,
    pub(super) promised: String,
    pub(super) told: String,
    /// All of it in one sentence.
    pub(super) text: String,
}

/// Whether several hosts have a contract in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BaselineRecord {
    pub(super) hosts: Vec<String>,
    pub(super) possible: bool,
    /// Of the contract, if there is one.
    pub(super) digest: Option<String>,
    /// The contract itself, if the command prints it.
    pub(super) contract: Option<String>,
    pub(super) conflicts: Vec<ConflictRecord>,
}

/// One thing of which hosts accept nothing in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ConflictRecord {
    pub(super) over: String,
    pub(super) groups: Vec<GroupRecord>,
}

/// Hosts that accept the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GroupRecord {
    pub(super) accepts: String,
    pub(super) hosts: Vec<String>,
}

/// A contract on a host before and after an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChangeRecord {
    pub(super) contract: String,
    pub(super) change: Change,
    pub(super) old: VerdictRecord,
    pub(super) new: VerdictRecord,
}

/// What an update does to a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// Accepted before and after.
    Stays,
    /// Accepted only before: guests that have it cannot go on.
    Stops,
    /// Accepted only after: guests that get it cannot go back.
    Starts,
    /// Refused before and after.
    Never,
}

/// What a kernel said to a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ConfirmationRecord {
    pub(super) contract: String,
    pub(super) digest: String,
    pub(super) host: String,
    pub(super) accepted: bool,
    pub(super) refusals: Vec<RefusalRecord>,
    /// What was accepted and reads otherwise.
    pub(super) differences: Vec<DifferenceRecord>,
    /// In what a prediction from a profile is wrong; none without a profile.
    pub(super) disagreements: Vec<String>,
}

/// What a kernel refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RefusalRecord {
    pub(super) subject: String,
    pub(super) errno: String,
}

/// What a kernel took and keeps otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DifferenceRecord {
    pub(super) subject: String,
    /// The field of it, if it is one.
    pub(super) field: Option<String>,
    pub(super) written: String,
    pub(super) read: String,
}

impl Report {
    /// Nothing yet.
    pub(super) fn new(command: &str) -> Self {
        Self {
            schema: SCHEMA,
            command: command.into(),
            ..Self::default()
        }
    }

    /// Prints it, in one line: a matrix has many verdicts.
    pub(super) fn print(&self) -> Result<(), Failure> {
        use std::io::Write as _;
        let text = serde_json::to_string(self).map_err(std::io::Error::from)?;
        Ok(writeln!(std::io::stdout().lock(), "{text}")?)
    }
}

impl VerdictRecord {
    /// What a host says to a contract.
    pub(super) fn of(contract: &Named<Contract>, host: &Named<HostProfile>) -> Self {
        Judged::of(&contract.value, &host.value).record(contract, &host.name)
    }
}

/// A verdict that takes no more room than it has reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    /// Why not.
    pub(super) reasons: Vec<Reason>,
    /// What the host changes without a word.
    pub(super) normalisations: Vec<Normalisation>,
    /// What it tells a guest beyond what was promised.
    pub(super) excesses: Vec<Excess>,
}

impl Judged {
    /// What a host says to a contract.
    pub(super) fn of(contract: &Contract, host: &HostProfile) -> Self {
        let verdict = preflight(contract, host);
        Self {
            reasons: verdict.reasons().to_vec(),
            normalisations: verdict.normalisations().to_vec(),
            excesses: verdict.excesses().to_vec(),
        }
    }

    /// What it comes to.
    pub(super) fn outcome(&self) -> Outcome {
        match (self.reasons.as_slice(), self.normalisations.as_slice()) {
            ([], []) => Outcome::Accepted,
            ([], _) => Outcome::Normalised,
            _ => Outcome::Refused,
        }
    }

    /// Whether the host honours the contract.
    pub(super) fn is_accepted(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The record of it, for the host of that name.
    pub(super) fn record(&self, contract: &Named<Contract>, host: &str) -> VerdictRecord {
        let reasons = self.reasons.iter();
        VerdictRecord {
            contract: contract.name.clone(),
            digest: contract.value.digest().to_string(),
            host: host.into(),
            verdict: self.outcome(),
            reasons: reasons
                .map(|reason| ReasonRecord::of(reason, &contract.value))
                .collect(),
            normalisations: self.normalisations.iter().map(Into::into).collect(),
            excesses: self.excesses.iter().map(Into::into).collect(),
        }
    }
}

impl Change {
    /// From one verdict to another.
    pub(super) fn between(old: Outcome, new: Outcome) -> Self {
        match (old != Outcome::Refused, new != Outcome::Refused) {
            (true, true) => Self::Stays,
            (true, false) => Self::Stops,
            (false, true) => Self::Starts,
            (false, false) => Self::Never,
        }
    }
}

impl ReasonRecord {
    fn of(reason: &Reason, contract: &Contract) -> Self {
        let Values {
            promised,
            host,
            accepts,
        } = Values::of(reason);
        let mut adjustments = Adjustments::default();
        adjustments.adopt(reason.remedy(), contract);
        let (judge, errno) = match reason.judge() {
            Judge::Kernel(errno) => (JudgeName::Kernel, Some(errno.to_string())),
            Judge::Guest => (JudgeName::Guest, None),
        };
        Self {
            subject: reason.subject().to_string(),
            field: reason.field().map(|field| field.to_string()),
            promised,
            host,
            accepts,
            rule: reason.rule().to_string(),
            judge,
            errno,
            remedy: reason.remedy().to_string(),
            options: adjustments.arguments(),
            text: reason.to_string(),
        }
    }
}

impl From<&Normalisation> for NormalisationRecord {
    fn from(normalisation: &Normalisation) -> Self {
        Self {
            field: normalisation.field.to_string(),
            promised: normalisation.promised.to_string(),
            becomes: normalisation.becomes.to_string(),
        }
    }
}

impl From<&Excess> for ExcessRecord {
    fn from(excess: &Excess) -> Self {
        Self {
            subject: Subject::Workaround(excess.workaround).to_string(),
            promised: excess.promised.to_string(),
            told: excess.told.to_string(),
            text: excess.to_string(),
        }
    }
}

/// The values that a reason is about, where it is about values.
#[derive(Debug, Default, PartialEq, Eq)]
struct Values {
    promised: Option<String>,
    host: Option<String>,
    accepts: Option<String>,
}

impl Values {
    fn both(promised: impl ToString, host: impl ToString) -> Self {
        Self {
            promised: Some(promised.to_string()),
            host: Some(host.to_string()),
            accepts: None,
        }
    }

    fn within(promised: impl ToString, accepts: impl ToString) -> Self {
        Self {
            promised: Some(promised.to_string()),
            host: None,
            accepts: Some(accepts.to_string()),
        }
    }

    fn promised(promised: impl ToString) -> Self {
        Self {
            promised: Some(promised.to_string()),
            ..Self::default()
        }
    }

    fn of(reason: &Reason) -> Self {
        let hex = |value: u64| format!("{value:#x}");
        match *reason {
            Reason::VcpuFeatures { missing } => Self::promised(missing),
            Reason::Field {
                promised,
                host,
                accepted,
                ..
            } => Self {
                accepts: Some(accepted.to_string()),
                ..Self::both(promised, host)
            },
            Reason::UnnamedBits { promised, host, .. }
            | Reason::Implementation { promised, host, .. }
            | Reason::CacheLevels { promised, host, .. } => Self::both(hex(promised), hex(host)),
            Reason::Dependent { promised, .. } => Self::both(promised, 0),
            Reason::AbsentRegister { promised, .. } => Self::promised(hex(promised)),
            Reason::UnlistedImplementation { host: own, .. } => Self {
                host: Some(format!("{:#x}:{:#x}:{:#x}", own.midr, own.revidr, own.aidr)),
                ..Self::default()
            },
            Reason::CacheSize { promised, host, .. } => Self {
                promised: promised.map(|size| hex(size.into())),
                host: host.map(|size| hex(size.into())),
                accepts: None,
            },
            Reason::ZeroBlock { promised, host } => {
                Self::both(hex(promised.into()), hex(host.into()))
            }
            Reason::VectorLengths { promised, host } => Self::both(promised, host),
            Reason::PmuCounters { promised, host } | Reason::GicRevision { promised, host } => {
                Self::within(promised, host)
            }
            Reason::AddressBits { promised, host } => Self::within(promised, host),
            Reason::PsciVersion {
                promised,
                host,
                unasked,
            } => Self::of_psci(promised, host, unasked),
            Reason::Workaround { promised, host, .. } => Self {
                promised: Some(promised.to_string()),
                host: None,
                accepts: host.map(|accepted| accepted.to_string()),
            },
            Reason::Services { promised, host, .. } => match host {
                ServiceLimit::Chosen(offered) => Self::within(hex(promised), hex(offered)),
                ServiceLimit::Fixed(fixed) => Self::both(hex(promised), hex(fixed)),
            },
            Reason::GicKind { promised, host } => Self {
                host: host.map(|kind| kind.to_string()),
                ..Self::promised(promised)
            },
            Reason::CounterFrequency { promised, host } => Self::both(promised, host),
            Reason::SystemSuspend
            | Reason::Ptp
            | Reason::StolenTime
            | Reason::Forwarding
            | Reason::PhysicalCounter => Self::default(),
        }
    }

    /// Versions that can be chosen, or the one that is there.
    fn of_psci(promised: PsciVersion, host: PsciVersions, unasked: PsciVersion) -> Self {
        if host.is_empty() {
            return Self::both(promised, unasked);
        }
        let versions = host.versions().map(|version| version.to_string());
        Self::within(promised, versions.collect::<Vec<_>>().join(","))
    }
}

const SCHEMA: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;

    #[test]
    fn a_reason_has_all_that_a_program_needs() {
        let contract = samples::named("guest", samples::contract());
        let host = samples::named("old", samples::older_host());
        let record = VerdictRecord::of(&contract, &host);
        assert_eq!(record.verdict, Outcome::Refused);
        assert_eq!(record.digest.len(), 64);
        let first = serde_json::to_value(&record.reasons[0]).unwrap();
        assert_eq!(
            first,
            serde_json::json!({
                "subject": "ID_AA64ISAR0_EL1",
                "field": "ID_AA64ISAR0_EL1.DP",
                "promised": "1",
                "host": "0",
                "accepts": "0",
                "rule": "the host's own value or a lower one",
                "judge": "kernel",
                "errno": "EINVAL",
                "remedy": "launch with ID_AA64ISAR0_EL1.DP=0",
                "options": ["--lower", "ID_AA64ISAR0_EL1.DP=0"],
                "text": "ID_AA64ISAR0_EL1.DP: promised 1, the host has 0 and accepts 0"
            })
        );
    }

    #[test]
    fn a_change_is_named_by_what_an_update_does() {
        use Outcome::{Accepted, Normalised, Refused};
        assert_eq!(Change::between(Accepted, Normalised), Change::Stays);
        assert_eq!(Change::between(Accepted, Refused), Change::Stops);
        assert_eq!(Change::between(Refused, Normalised), Change::Starts);
        assert_eq!(Change::between(Refused, Refused), Change::Never);
    }

    #[test]
    fn a_report_reads_back_as_it_was_written() {
        let contract = samples::named("guest", samples::contract());
        let host = samples::named("old", samples::older_host());
        let report = Report {
            verdicts: vec![VerdictRecord::of(&contract, &host)],
            ..Report::new("check")
        };
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        assert!(text.starts_with(r#"{"schema":1,"command":"check","verdicts":[{"#));
    }
}
