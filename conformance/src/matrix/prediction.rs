//! What preflight says, and what a host then does: held against each other subject by subject.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use vambrace_core::contract::{Contract, Excess, HostProfile, Judge, Reason, Subject, preflight};
use vambrace_core::cpu::Field;
use vambrace_core::firmware::Workaround;

use super::question::{Differs, Heard};

/// What a profile says about a contract, in the words in which a host answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prediction {
    /// Each subject that the kernel is to refuse, with the errno.
    pub refused: BTreeMap<String, i32>,
    /// Each subject that the kernel accepts, and of which a guest would see something else.
    pub seen_by_guests: BTreeSet<String>,
    /// What the kernel is to change without a word.
    pub changed: BTreeSet<Differs>,
    /// All reasons, one by one.
    pub reasons: Vec<Reason>,
    /// What a guest that is launched there is told beyond the contract.
    pub excesses: Vec<Excess>,
}

/// Something that a profile says and a host does not do, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Disagreement {
    /// What of the contract.
    pub subject: String,
    /// What was predicted.
    pub predicted: String,
    /// What was seen.
    pub seen: String,
}

impl Prediction {
    /// What `host` is to do with `contract`.
    #[must_use]
    pub fn of(contract: &Contract, host: &HostProfile) -> Self {
        let verdict = preflight(contract, host);
        let mut prediction = Self {
            reasons: verdict.reasons().to_vec(),
            excesses: verdict.excesses().to_vec(),
            ..Self::default()
        };
        for reason in verdict.reasons() {
            let subject = reason.subject().to_string();
            match reason.judge() {
                Judge::Kernel(errno) => {
                    prediction.refused.insert(subject, errno.number());
                }
                Judge::Guest => {
                    prediction.seen_by_guests.insert(subject);
                }
            }
        }
        let changes = verdict.normalisations().iter();
        prediction.changed = changes
            .map(|change| Differs {
                subject: change.field.register().to_string(),
                field: Some(change.field.to_string()),
                written: change.promised,
                read: change.becomes,
            })
            .collect();
        prediction
    }

    /// Whether the kernel is to take the whole contract.
    #[must_use]
    pub fn is_accepted_by_kernel(&self) -> bool {
        self.refused.is_empty()
    }

    /// The workarounds of which a guest that is launched there is told another level than promised.
    #[must_use]
    pub fn exceeded(&self) -> BTreeSet<String> {
        let excesses = self.excesses.iter();
        let subjects = excesses.map(|excess| Subject::Workaround(excess.workaround).to_string());
        subjects.collect()
    }

    /// Those of them that are so with any contract: workaround 2 is needless without SSBS, so where
    /// there is SSBS a contract without may have another level.
    #[must_use]
    pub fn unavoidable(&self, contract: &Contract) -> Vec<Workaround> {
        let ssbs = contract.id_registers.field(Field::ID_AA64PFR1_EL1_SSBS);
        let all = self.excesses.iter().map(|excess| excess.workaround);
        all.filter(|workaround| *workaround != Workaround::Two || ssbs == 0)
            .collect()
    }

    /// Whether it says that the host takes this and has it otherwise.
    #[must_use]
    pub fn expects(&self, differs: &Differs) -> bool {
        self.changed.contains(differs) || self.exceeded().contains(&differs.subject)
    }

    /// Where the host did something else.
    #[must_use]
    pub fn disagreements(&self, heard: &Heard) -> Vec<Disagreement> {
        let mut all = [self.errnos(heard), self.changes(heard), self.guests(heard)].concat();
        all.sort();
        all
    }

    fn errnos(&self, heard: &Heard) -> Vec<Disagreement> {
        let judged = |subject: &&String| !self.seen_by_guests.contains(*subject);
        let subjects: BTreeSet<_> = heard.refused.keys().chain(self.refused.keys()).collect();
        let subjects = subjects.into_iter().filter(judged);
        let differing = subjects.filter_map(|subject| {
            let [predicted, seen] =
                [&self.refused, &heard.refused].map(|errnos| errnos.get(subject).copied());
            (predicted != seen).then(|| Disagreement {
                subject: subject.clone(),
                predicted: answer(predicted),
                seen: answer(seen),
            })
        });
        differing.collect()
    }

    /// What is refused as a whole register has not changed.
    fn changes(&self, heard: &Heard) -> Vec<Disagreement> {
        let seen: BTreeSet<_> = fields(heard).collect();
        let predicted: BTreeSet<_> = self
            .changed
            .iter()
            .filter(|change| !heard.refused.contains_key(&change.subject))
            .collect();
        let differing = predicted.symmetric_difference(&seen);
        differing
            .map(|change| {
                let kept = format!("{:#x} is kept", change.written);
                let changed = format!("{:#x} becomes {:#x}", change.written, change.read);
                let (predicted, seen) = match predicted.contains(change) {
                    true => (changed, kept),
                    false => (kept, changed),
                };
                let subject = change.field.as_ref().unwrap_or(&change.subject).clone();
                Disagreement {
                    subject,
                    predicted,
                    seen,
                }
            })
            .collect()
    }

    /// What the kernel does not judge is seen on the machine below; but which implementations there
    /// are beside this one, only guests on all of them see.
    fn guests(&self, heard: &Heard) -> Vec<Disagreement> {
        let list = Subject::ImplementationList.to_string();
        let exceeded = self.exceeded();
        let predicted = self.seen_by_guests.iter();
        let predicted: BTreeSet<_> = predicted
            .filter(|subject| **subject != list)
            .chain(&exceeded)
            .collect();
        let refused = heard.refused.keys();
        let whole = heard
            .differs
            .iter()
            .filter(|differs| differs.field.is_none());
        let seen: BTreeSet<_> = whole
            .map(|differs| &differs.subject)
            .chain(refused.filter(|subject| self.seen_by_guests.contains(*subject)))
            .collect();
        predicted
            .symmetric_difference(&seen)
            .map(|subject| {
                let (yes, no) = ("a guest sees another".to_owned(), "the same".to_owned());
                let (predicted, seen) = match predicted.contains(*subject) {
                    true => (yes, no),
                    false => (no, yes),
                };
                Disagreement {
                    subject: (*subject).clone(),
                    predicted,
                    seen,
                }
            })
            .collect()
    }
}

/// The fields that a host took and changed.
pub(super) fn fields(heard: &Heard) -> impl Iterator<Item = &Differs> {
    heard
        .differs
        .iter()
        .filter(|differs| differs.field.is_some())
}

/// `accepted`, or the errno.
fn answer(errno: Option<i32>) -> String {
    errno.map_or("accepted".into(), |errno| {
        format!("refused with {:?}", vambrace_kvm::sys::Errno::new(errno))
    })
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            subject,
            predicted,
            seen,
        } = self;
        write!(f, "{subject}: predicted: {predicted}; seen: {seen}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(subjects: &[(&str, i32)]) -> BTreeMap<String, i32> {
        let subjects = subjects.iter();
        subjects
            .map(|(subject, errno)| ((*subject).to_owned(), *errno))
            .collect()
    }

    fn changes(field: Option<&str>, read: u64) -> Differs {
        Differs {
            subject: "ID_DFR0_EL1".into(),
            field: field.map(str::to_owned),
            written: 15,
            read,
        }
    }

    fn found(prediction: &Prediction, heard: &Heard) -> Vec<String> {
        let disagreements = prediction.disagreements(heard).into_iter();
        disagreements.map(|found| found.to_string()).collect()
    }

    #[test]
    fn what_was_predicted_and_seen_is_no_disagreement() {
        let prediction = Prediction {
            refused: refused(&[("CLIDR_EL1", 22)]),
            seen_by_guests: ["CNTFRQ_EL0", "list of implementations"]
                .map(str::to_owned)
                .into(),
            changed: [changes(Some("ID_DFR0_EL1.PerfMon"), 0)].into(),
            ..Prediction::default()
        };
        let frequency = Differs {
            subject: "CNTFRQ_EL0".into(),
            ..changes(None, 1)
        };
        let heard = Heard {
            refused: refused(&[("CLIDR_EL1", 22)]),
            differs: vec![changes(Some("ID_DFR0_EL1.PerfMon"), 0), frequency],
        };
        assert_eq!(found(&prediction, &heard), [""; 0]);
    }

    #[test]
    fn a_wrong_acceptance_a_wrong_refusal_and_another_errno_are_found() {
        let prediction = Prediction {
            refused: refused(&[("CLIDR_EL1", 22), ("MIDR_EL1", 22)]),
            ..Prediction::default()
        };
        let heard = Heard {
            refused: refused(&[("AIDR_EL1", 22), ("MIDR_EL1", 2)]),
            ..Heard::default()
        };
        assert_eq!(
            found(&prediction, &heard),
            [
                "AIDR_EL1: predicted: accepted; seen: refused with EINVAL",
                "CLIDR_EL1: predicted: refused with EINVAL; seen: accepted",
                "MIDR_EL1: predicted: refused with EINVAL; seen: refused with ENOENT",
            ]
        );
    }

    #[test]
    fn a_change_that_nobody_predicted_or_saw_is_found() {
        let (field, other) = ("ID_DFR0_EL1.PerfMon", "ID_DFR0_EL1.CopDbg");
        let prediction = Prediction {
            changed: [changes(Some(field), 0)].into(),
            ..Prediction::default()
        };
        let heard = Heard {
            differs: vec![changes(Some(other), 6)],
            ..Heard::default()
        };
        assert_eq!(
            found(&prediction, &heard),
            [
                "ID_DFR0_EL1.CopDbg: predicted: 0xf is kept; seen: 0xf becomes 0x6",
                "ID_DFR0_EL1.PerfMon: predicted: 0xf becomes 0x0; seen: 0xf is kept",
            ]
        );
    }

    #[test]
    fn a_register_that_is_refused_is_not_changed() {
        let prediction = Prediction {
            refused: refused(&[("ID_DFR0_EL1", 22)]),
            changed: [changes(Some("ID_DFR0_EL1.PerfMon"), 0)].into(),
            ..Prediction::default()
        };
        let heard = Heard {
            refused: refused(&[("ID_DFR0_EL1", 22)]),
            ..Heard::default()
        };
        assert_eq!(found(&prediction, &heard), [""; 0]);
    }
}
