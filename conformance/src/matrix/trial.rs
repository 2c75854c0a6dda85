//! What one host is asked, and what it answered, question by question.

use std::collections::{BTreeMap, BTreeSet};

use vambrace_core::contract::{Dispute, GicKind, HostProfile, VcpuFeatures};
use vambrace_core::cpu::Field;

use super::guest::Sightings;
use super::plan::{Common, Plan, Profiles};
use super::question::{Answer, Heard, Question, RawHeard, Stored, to_hexadecimal};
use super::{Place, Prediction};

/// The questions to one host.
#[derive(Debug, Default)]
pub struct Trial {
    subjects: Vec<About>,
    questions: Vec<Question>,
}

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    /// A contract, by its number.
    Contract(usize),
    /// The registers of that host.
    Raw(Place),
    /// Values of ID registers of vCPUs with these feature bits, and their encodings.
    Registers(u8, Vec<(u16, u64)>),
    /// A guest that is promised nothing.
    Fresh,
    /// A guest of a contract.
    Guest(usize),
}

/// A whole value of an ID register in a vCPU with certain features: their bits, the encoding, the
/// value.
pub(super) type Value = (u8, u16, u64);

/// Everything that one host answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// By the numbers of the contracts.
    pub contracts: BTreeMap<usize, Heard>,
    /// By the hosts whose registers they were.
    pub raw: BTreeMap<Place, RawHeard>,
    /// By feature bits, encoding and value.
    pub registers: BTreeMap<Value, Stored>,
    /// What a guest reads that is promised nothing.
    pub fresh: Option<Sightings>,
    /// What guests read, by the numbers of their contracts.
    pub guests: BTreeMap<usize, Sightings>,
    /// What could not be tried, and why.
    pub failures: Vec<String>,
}

impl Trial {
    /// Everything about `place`: all contracts, all hosts' registers, the values over which it and
    /// others disagree, and guests of nothing and of every contract that is its own or a pair's.
    #[must_use]
    pub fn of(place: &Place, plan: &Plan, profiles: &Profiles) -> Self {
        let mut trial = Self::default();
        for (number, (_, contract)) in plan.contracts().enumerate() {
            trial.ask(About::Contract(number), Question::contract(contract));
        }
        for (source, file) in profiles {
            if let Some(list) = file.registers.first() {
                let values = list.values.iter();
                let question = Question::Raw {
                    features: list.features.bits(),
                    registers: values
                        .map(|(id, bytes)| (*id, to_hexadecimal(bytes)))
                        .collect(),
                };
                trial.ask(About::Raw(source.clone()), question);
            }
        }
        let mut by_features: BTreeMap<u8, Vec<(u16, u64)>> = BTreeMap::new();
        for (features, encoding, value) in disputed(place, plan, profiles) {
            by_features
                .entry(features)
                .or_default()
                .push((encoding, value));
        }
        for (features, values) in by_features {
            let about = About::Registers(features, values.clone());
            trial.ask(about, Question::Registers { features, values });
        }
        if let Some(file) = profiles.get(place) {
            trial.ask_guests(place, plan, &file.profile);
        }
        trial
    }

    /// The questions in their order.
    #[must_use]
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// The guest is made for a machine with a GICv3.
    fn ask_guests(&mut self, place: &Place, plan: &Plan, host: &HostProfile) {
        if host.gic(GicKind::V3).is_none() {
            return;
        }
        self.ask(About::Fresh, Question::Guest(None));
        for number in guests_of(place, plan) {
            let contract = plan.contract(number);
            let verdict = vambrace_core::contract::preflight(contract, host);
            // A guest that would be told more is not launched; it may only move there.
            if contract.gic.kind == GicKind::V3 && verdict.excesses().is_empty() {
                let question = Question::guest_of(contract, verdict.normalisations());
                self.ask(About::Guest(number), question);
            }
        }
    }

    fn ask(&mut self, about: About, question: Question) {
        self.subjects.push(about);
        self.questions.push(question);
    }
}

impl Answers {
    /// What was answered to the questions of `trial`, in their order.
    #[must_use]
    pub fn new(trial: &Trial, answers: Vec<Answer>) -> Self {
        let mut all = Self::default();
        for (about, answer) in trial.subjects.iter().zip(answers) {
            all.add(about.clone(), answer);
        }
        all
    }

    fn add(&mut self, about: About, answer: Answer) {
        match (about, answer) {
            (About::Contract(number), Answer::Contract(heard)) => {
                self.contracts.insert(number, heard);
            }
            (About::Raw(source), Answer::Raw(heard)) => {
                self.raw.insert(source, heard);
            }
            (About::Registers(features, values), Answer::Registers(stored)) => {
                for ((encoding, value), stored) in values.into_iter().zip(stored) {
                    self.registers.insert((features, encoding, value), stored);
                }
            }
            (About::Fresh, Answer::Guest(seen)) => self.fresh = Some(seen),
            (About::Guest(number), Answer::Guest(seen)) => {
                self.guests.insert(number, seen);
            }
            (about, answer) => self.failures.push(format!("{about:?}: {answer:?}")),
        }
    }

    /// Whether all of a contract was taken, and nothing changed but what was predicted.
    #[must_use]
    pub fn keeps(&self, number: usize, prediction: &Prediction) -> bool {
        self.contracts.get(&number).is_some_and(|heard| {
            heard.refused.is_empty()
                && heard
                    .differs
                    .iter()
                    .all(|differs| prediction.expects(differs))
        })
    }

    /// Whether every register of `source` was taken.
    #[must_use]
    pub fn takes_raw(&self, source: &Place) -> bool {
        matches!(self.raw.get(source), Some(RawHeard::Refused(refused)) if refused.is_empty())
    }
}

/// The contracts whose guests run on a host: its own, and those that it has in common with others.
fn guests_of(place: &Place, plan: &Plan) -> BTreeSet<usize> {
    let own = plan.of_single_hosts();
    let own = own
        .filter(|(own, _, _)| *own == place)
        .map(|(_, _, number)| number);
    let pairs = plan
        .pairs()
        .filter(|(first, second, _)| *first == place || *second == place);
    let shared = pairs.filter_map(|(_, _, common)| match common {
        Common::Contract(number) => Some(*number),
        Common::Nothing(_) => None,
    });
    own.chain(shared).collect()
}

/// The values that others accept of the fields over which they and `place` disagree, with each set of
/// features, in registers that hold what `place` has else.
fn disputed(place: &Place, plan: &Plan, profiles: &Profiles) -> BTreeSet<Value> {
    let mut values = BTreeSet::new();
    for (first, second, common) in plan.pairs() {
        let (Common::Nothing(disputes), Some(other)) = (common, other(place, first, second)) else {
            continue;
        };
        let (Some(own), Some(others)) = (profiles.get(place), profiles.get(other)) else {
            continue;
        };
        for (features, over) in disputes {
            for dispute in over {
                if let Dispute::Field(field) = dispute {
                    values.extend(refusable(*field, *features, &own.profile, &others.profile));
                }
            }
        }
    }
    values
}

fn other<'a>(place: &Place, first: &'a Place, second: &'a Place) -> Option<&'a Place> {
    match (first == place, second == place) {
        (true, false) => Some(second),
        (false, true) => Some(first),
        _ => None,
    }
}

/// What `host` has to be written so that `field` has each of the values that `other` accepts.
pub(super) fn refusable(
    field: Field,
    features: VcpuFeatures,
    host: &HostProfile,
    other: &HostProfile,
) -> Vec<Value> {
    let register = field.register();
    let own = host
        .view(features)
        .map_or(0, |view| view.registers.get(register));
    acceptable(field, features, other)
        .into_iter()
        .filter_map(|value| {
            let value = field.insert(own, value)?;
            Some((features.bits(), register.encoding(), value))
        })
        .collect()
}

/// The values that a host accepts of a field; of those that are too wide to be tried, its own.
fn acceptable(field: Field, features: VcpuFeatures, host: &HostProfile) -> Vec<u64> {
    let Some(view) = host.view(features) else {
        return Vec::new();
    };
    if !view.listed.contains(field.register()) {
        return vec![0];
    }
    if field.width() > 4 {
        return vec![view.registers.field(field)];
    }
    let limit = view.fields.of(field);
    limit.accepted().or(limit.rewritten()).iter().collect()
}
