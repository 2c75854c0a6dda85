//! What came of it: every prediction held against every answer.

use std::collections::BTreeMap;
use std::fmt;

use vambrace_core::contract::{Contract, HostProfile, Judge, Reason};

use super::guest::{self, Differences, Sightings};
use super::plan::{Plan, Profiles};
use super::prediction::fields;
use super::trial::Answers;
use super::{Disagreement, Heard, Place, Prediction};

/// Everything that was compared.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How much, and with which result.
    pub tally: Tally,
    /// Every disagreement.
    pub findings: Vec<Finding>,
}

/// How much was compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Contracts told to hosts.
    pub told: usize,
    /// Of these, those where prediction and host agree in everything.
    pub agreed: usize,
    /// Ordered pairs of hosts, the one's own contract told to the other.
    pub pairs: usize,
    /// Of these, those that the other's kernel accepts.
    pub pairs_accepted: usize,
    /// Predicted to be accepted by a kernel, and refused.
    pub wrong_accepts: usize,
    /// Predicted to be refused by a kernel, and accepted.
    pub wrong_refusals: usize,
    /// Subjects that were predicted to be refused, and were, by their errno.
    pub reasons_confirmed: usize,
    /// Fields that kernels were predicted to change, and changed.
    pub changes_confirmed: usize,
    /// Levels of workarounds that hosts were predicted to tell beyond the promised, and told.
    pub excesses_confirmed: usize,
    /// Guests that printed what they read.
    pub guests: usize,
    /// Guest-visible reasons shown by guests or programs reading something else, by their kind.
    pub guest_reasons: BTreeMap<String, usize>,
    /// What guests read that no register of KVM's shows, and no profile can have: how often.
    pub past_kvm: BTreeMap<String, usize>,
}

/// A disagreement, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The host.
    pub place: Place,
    /// The contract, or what else was tried.
    pub tried: String,
    /// What was predicted and seen.
    pub disagreement: Disagreement,
}

impl Outcome {
    /// Holds every answer against what the profiles say.
    #[must_use]
    pub fn new(plan: &Plan, profiles: &Profiles, answers: &BTreeMap<Place, Answers>) -> Self {
        let mut outcome = Self::default();
        for (place, file) in profiles {
            let none = Answers::default();
            let of_host = answers.get(place).unwrap_or(&none);
            for failure in &of_host.failures {
                outcome.find(place, "a question", not_tried(failure));
            }
            for (number, (name, contract)) in plan.contracts().enumerate() {
                let prediction = Prediction::of(contract, &file.profile);
                match of_host.contracts.get(&number) {
                    Some(heard) => outcome.compare(place, name, &prediction, heard),
                    None => outcome.find(place, name, not_tried("no answer")),
                }
                let seen = Seen {
                    place,
                    contract,
                    of_host,
                };
                outcome.show_guest_reasons(name, &prediction, number, &seen);
            }
            outcome.compare_guests(place, plan, profiles, of_host);
        }
        outcome.count_pairs(plan, answers);
        outcome
    }

    fn find(&mut self, place: &Place, tried: &str, disagreement: Disagreement) {
        self.findings.push(Finding {
            place: place.clone(),
            tried: tried.to_owned(),
            disagreement,
        });
    }

    fn compare(&mut self, place: &Place, name: &str, prediction: &Prediction, heard: &Heard) {
        let disagreements = prediction.disagreements(heard);
        let tally = &mut self.tally;
        tally.told += 1;
        tally.agreed += usize::from(disagreements.is_empty());
        let refused = heard.refused.keys();
        let by_kernel = refused.filter(|subject| !prediction.seen_by_guests.contains(*subject));
        match (prediction.is_accepted_by_kernel(), by_kernel.count()) {
            (true, 1..) => tally.wrong_accepts += 1,
            (false, 0) => tally.wrong_refusals += 1,
            _ => {}
        }
        let confirmed = prediction.refused.iter();
        tally.reasons_confirmed += confirmed
            .filter(|(subject, errno)| heard.refused.get(*subject) == Some(errno))
            .count();
        let changed = fields(heard).filter(|change| prediction.changed.contains(change));
        tally.changes_confirmed += changed.count();
        let exceeded = prediction.exceeded();
        let told = heard.differs.iter();
        let told = told.filter(|differs| exceeded.contains(&differs.subject));
        tally.excesses_confirmed += told.count();
        for disagreement in disagreements {
            self.find(place, name, disagreement);
        }
    }

    /// Guests of nothing read what the profile says, guests of a contract what it promises.
    fn compare_guests(
        &mut self,
        place: &Place,
        plan: &Plan,
        profiles: &Profiles,
        answers: &Answers,
    ) {
        let Some(file) = profiles.get(place) else {
            return;
        };
        if let Some(seen) = &answers.fresh {
            self.tally.guests += 1;
            let expected = guest::of_profile(&file.profile);
            let differences = guest::differences(&expected, seen);
            self.add_guest(place, "a guest that is promised nothing", differences);
        }
        for (number, seen) in &answers.guests {
            self.tally.guests += 1;
            let (name, contract) = plan.contracts().nth(*number).expect("it was asked for");
            let prediction = Prediction::of(contract, &file.profile);
            let differences = guest_differences(contract, &file.profile, &prediction, seen);
            self.add_guest(place, &format!("a guest of {name}"), differences);
        }
    }

    fn add_guest(&mut self, place: &Place, tried: &str, differences: Differences) {
        for (explanation, count) in differences.past_kvm {
            *self
                .tally
                .past_kvm
                .entry(explanation.to_owned())
                .or_default() += count;
        }
        for difference in differences.unexplained {
            self.find(place, tried, difference);
        }
    }

    fn show_guest_reasons(
        &mut self,
        name: &str,
        prediction: &Prediction,
        number: usize,
        seen: &Seen<'_>,
    ) {
        let reasons = prediction.reasons.iter();
        for reason in reasons.filter(|reason| reason.judge() == Judge::Guest) {
            let subject = reason.subject().to_string();
            if seen.shows(reason, number) {
                *self.tally.guest_reasons.entry(subject).or_default() += 1;
            } else {
                let disagreement = Disagreement {
                    subject,
                    predicted: "a guest sees another".into(),
                    seen: "no guest does".into(),
                };
                self.find(seen.place, name, disagreement);
            }
        }
    }

    fn count_pairs(&mut self, plan: &Plan, answers: &BTreeMap<Place, Answers>) {
        let plain = plan
            .of_single_hosts()
            .filter(|(_, features, _)| features.is_empty());
        for (_, _, number) in plain {
            for of_host in answers.values() {
                let Some(heard) = of_host.contracts.get(&number) else {
                    continue;
                };
                self.tally.pairs += 1;
                self.tally.pairs_accepted += usize::from(heard.refused.is_empty());
            }
        }
    }
}

/// What there is of one host to show a guest-visible reason with.
struct Seen<'a> {
    place: &'a Place,
    contract: &'a Contract,
    of_host: &'a Answers,
}

impl Seen<'_> {
    /// Whether a guest there sees something else than `contract` promises: a fresh one, where that
    /// can be; where no guest was run, a program.
    fn shows(&self, reason: &Reason, number: usize) -> bool {
        let fresh = self.of_host.fresh.as_ref();
        let (Some(fresh), false) = (fresh, matches!(reason, Reason::Ptp)) else {
            return self.told_otherwise(reason, number);
        };
        let reads = |name: &str| fresh.get(name).copied();
        match *reason {
            Reason::CounterFrequency { promised, host } => {
                promised != host && reads(guest::CNTFRQ) == Some(host.into())
            }
            Reason::ZeroBlock { promised, host } => {
                promised != host && reads(guest::DCZID) == Some(host.into())
            }
            Reason::UnlistedImplementation { host, .. } => {
                guest::implementation_of(fresh) == Some(host)
                    && self.contract.implementation != host
                    && !self.contract.implementations.contains(host)
            }
            Reason::PhysicalCounter => !guest::counts_from_one_instant(fresh),
            _ => self.told_otherwise(reason, number),
        }
    }

    fn told_otherwise(&self, reason: &Reason, number: usize) -> bool {
        // Without a guest, a MIDR_EL1 that the kernel would not be told is as good.
        if matches!(reason, Reason::UnlistedImplementation { .. }) {
            return true;
        }
        let subject = reason.subject().to_string();
        let heard = self.of_host.contracts.get(&number);
        heard.is_some_and(|heard| {
            let mut differs = heard.differs.iter();
            heard.refused.contains_key(&subject)
                || differs.any(|differs| differs.subject == subject)
        })
    }
}

/// What a guest of this contract reads otherwise than the contract, and what is known to be changed,
/// say.
pub(super) fn guest_differences(
    contract: &Contract,
    host: &HostProfile,
    prediction: &Prediction,
    seen: &Sightings,
) -> Differences {
    let expected = guest::of_contract(contract, prediction.changed.iter());
    let mut differences = guest::differences(&expected, seen);
    if !guest::counts_as_promised(contract, seen) {
        let found = Disagreement {
            subject: "CNTPCT_EL0".into(),
            predicted: "it counts with CNTVCT_EL0".into(),
            seen: "it is ahead".into(),
        };
        differences.add(guest::lacks_offset(host), found);
    }
    let counters = contract.pmu_counters.map(u64::from);
    if counters.is_some() && guest::pmu_counters_of(seen) != counters {
        let found = Disagreement {
            subject: "PMCR_EL0.N".into(),
            predicted: format!("{counters:?}"),
            seen: format!("{:?}", guest::pmu_counters_of(seen)),
        };
        differences.add(None, found);
    }
    differences
}

fn not_tried(why: &str) -> Disagreement {
    Disagreement {
        subject: "everything".into(),
        predicted: "it can be tried".into(),
        seen: why.into(),
    }
}

impl Tally {
    /// Each figure by its name.
    #[must_use]
    pub fn numbers(&self) -> BTreeMap<String, usize> {
        let named = [
            ("pairs", self.pairs),
            ("pairs-accepted", self.pairs_accepted),
            ("contracts-told", self.told),
            ("agreements", self.agreed),
            ("wrong-accepts", self.wrong_accepts),
            ("wrong-refusals", self.wrong_refusals),
            ("reasons-confirmed", self.reasons_confirmed),
            ("normalisations-confirmed", self.changes_confirmed),
            ("levels-beyond-confirmed", self.excesses_confirmed),
            ("guests", self.guests),
            ("guest-reasons-shown", self.guest_reasons.values().sum()),
        ];
        named.map(|(name, number)| (name.to_owned(), number)).into()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.tried, self.disagreement)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: usize = self.guest_reasons.values().sum();
        let kinds = self.guest_reasons.iter();
        let kinds: Vec<_> = kinds
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        writeln!(
            f,
            "pairs: {}, a host's own contract told to each: {} accepted, {} refused",
            self.pairs,
            self.pairs_accepted,
            self.pairs - self.pairs_accepted
        )?;
        writeln!(
            f,
            "contracts told to hosts: {}, agreements: {}",
            self.told, self.agreed
        )?;
        writeln!(f, "wrong accepts: {}", self.wrong_accepts)?;
        writeln!(f, "wrong refusals: {}", self.wrong_refusals)?;
        writeln!(
            f,
            "reasons confirmed by kernels: {}",
            self.reasons_confirmed
        )?;
        writeln!(
            f,
            "normalisations predicted and seen: {}",
            self.changes_confirmed
        )?;
        writeln!(
            f,
            "levels of workarounds told beyond the promised, predicted and seen: {}",
            self.excesses_confirmed
        )?;
        writeln!(f, "guests that printed what they read: {}", self.guests)?;
        write!(
            f,
            "guest-visible reasons shown: {shown} ({})",
            kinds.join(", ")
        )?;
        for (explanation, count) in &self.past_kvm {
            write!(f, "\nread {count} times past KVM: {explanation}")?;
        }
        Ok(())
    }
}
