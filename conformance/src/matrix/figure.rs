//! The figure that matters to a user: from where to where a guest can move, and why not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::plan::{Common, Plan, Profiles};
use super::trial::Answers;
use super::witness::{self, Quarrel, Witness};
use super::{Place, Prediction, outcome};

/// Every ordered pair of hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The pairs, by source and destination.
    pub pairs: Vec<Pair>,
}

/// An ordered pair of hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Where the guest was launched.
    pub source: Place,
    /// Where it is to go.
    pub destination: Place,
    /// Whether the destination takes every register of the source's fresh vCPU as it is.
    pub raw: bool,
    /// Everything of the source's own contract that the destination refuses, or that a guest there
    /// sees otherwise.
    pub own: BTreeSet<String>,
    /// Whether some contract would do.
    pub way: Way,
}

/// Whether there is a contract for a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// This one was applied on both: its digest.
    Contract(String),
    /// There is none: over each of these the two have nothing in common, as this witness confirms.
    Impossible(BTreeMap<String, Witness>),
    /// Neither is proved: why not.
    Undecided(String),
}

impl Figure {
    /// What the answers prove of every pair of hosts that are part of the matrix.
    #[must_use]
    pub fn new(plan: &Plan, profiles: &Profiles, answers: &BTreeMap<Place, Answers>) -> Self {
        let places: Vec<_> = profiles
            .keys()
            .filter(|place| place.is_of_the_matrix())
            .collect();
        let mut pairs = Vec::new();
        for source in &places {
            for destination in &places {
                let to = &profiles[*destination].profile;
                let own = plan.own(source).map(|number| plan.contract(number));
                let own = own.map(|contract| Prediction::of(contract, to));
                let reasons = own.iter().flat_map(|own| &own.reasons);
                pairs.push(Pair {
                    source: (*source).clone(),
                    destination: (*destination).clone(),
                    raw: answers
                        .get(*destination)
                        .is_some_and(|answers| answers.takes_raw(source)),
                    own: reasons.map(|reason| reason.subject().to_string()).collect(),
                    way: way(plan, profiles, answers, [source, destination]),
                });
            }
        }
        Self { pairs }
    }

    /// How many pairs are so.
    #[must_use]
    pub fn count(&self, is_so: impl Fn(&Pair) -> bool) -> usize {
        self.pairs.iter().filter(|pair| is_so(pair)).count()
    }

    /// The pairs of which nothing is proved.
    pub fn undecided(&self) -> impl Iterator<Item = &Pair> {
        let pairs = self.pairs.iter();
        pairs.filter(|pair| matches!(pair.way, Way::Undecided(_)))
    }
}

fn way(
    plan: &Plan,
    profiles: &Profiles,
    answers: &BTreeMap<Place, Answers>,
    places: [&Place; 2],
) -> Way {
    match plan.pair(places[0], places[1]) {
        None => Way::Undecided("nobody looked for a contract".into()),
        Some(Common::Contract(number)) => {
            let unkept = places.map(|place| unkept(plan, profiles, answers, *number, place));
            match unkept.into_iter().flatten().next() {
                Some(reason) => Way::Undecided(reason),
                None => Way::Contract(plan.contract(*number).digest().to_string()),
            }
        }
        Some(Common::Nothing(disputes)) => {
            let quarrel = Quarrel {
                plan,
                profiles,
                answers,
                places,
                features: Default::default(),
            };
            let mut confirmed = BTreeMap::new();
            for dispute in disputes {
                let name = witness::name(*dispute);
                match quarrel.witness(*dispute) {
                    Some(witness) => drop(confirmed.insert(name, witness)),
                    None => return Way::Undecided(format!("nobody confirms {name}")),
                }
            }
            Way::Impossible(confirmed)
        }
    }
}

/// Why it is not proved that a host keeps a contract.
fn unkept(
    plan: &Plan,
    profiles: &Profiles,
    answers: &BTreeMap<Place, Answers>,
    number: usize,
    place: &Place,
) -> Option<String> {
    let contract = plan.contract(number);
    let host = &profiles.get(place)?.profile;
    let prediction = Prediction::of(contract, host);
    let Some(answers) = answers.get(place) else {
        return Some(format!("{place} was not asked"));
    };
    if let Some(reason) = prediction.reasons.first() {
        return Some(format!(
            "{place} is predicted to refuse {}",
            reason.subject()
        ));
    }
    if !answers.keeps(number, &prediction) {
        return Some(format!("{place} does not take the contract"));
    }
    match answers.guests.get(&number) {
        Some(seen) => {
            let differences = outcome::guest_differences(contract, host, &prediction, seen);
            let first = differences.unexplained.first()?;
            Some(format!("a guest on {place}: {first}"))
        }
        None => Some(format!("no guest of the contract ran on {place}")),
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let itself = |pair: &Pair| pair.source == pair.destination;
        let contract = |pair: &Pair| matches!(pair.way, Way::Contract(_));
        writeln!(
            f,
            "of {} ordered pairs of hosts a guest moves",
            self.pairs.len()
        )?;
        writeln!(
            f,
            "  raw, as its host has it: {} ({} of them a host onto itself)",
            self.count(|pair| pair.raw),
            self.count(|pair| pair.raw && itself(pair)),
        )?;
        writeln!(
            f,
            "  with the pair's baseline, applied on both: {} ({} of them a host onto itself)",
            self.count(contract),
            self.count(|pair| contract(pair) && itself(pair)),
        )?;
        writeln!(
            f,
            "  never, whatever it was launched with: {}",
            self.count(|pair| matches!(pair.way, Way::Impossible(_)))
        )?;
        writeln!(f, "  undecided: {}", self.undecided().count())?;
        writeln!(f, "impossible because of, and confirmed by:")?;
        let mut causes: BTreeMap<(&str, Witness), usize> = BTreeMap::new();
        for pair in &self.pairs {
            if let Way::Impossible(disputes) = &pair.way {
                for (name, witness) in disputes {
                    *causes.entry((name, *witness)).or_default() += 1;
                }
            }
        }
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(_, count)| usize::MAX - count);
        for ((name, witness), count) in causes.iter().take(SHOWN) {
            writeln!(f, "  {count:>5} {name}, {witness}")?;
        }
        if let Some(more @ 1..) = causes.len().checked_sub(SHOWN) {
            writeln!(f, "        … and {more} more, all in the result's file")?;
        }
        for pair in self.undecided() {
            if let Way::Undecided(reason) = &pair.way {
                writeln!(
                    f,
                    "  undecided: {} to {}: {reason}",
                    pair.source, pair.destination
                )?;
            }
        }
        Ok(())
    }
}

/// So many causes are printed.
const SHOWN: usize = 24;
