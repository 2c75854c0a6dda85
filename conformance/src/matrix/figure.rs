//! The figure that matters to a user: from where to where a guest can move, and why not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use vambrace_core::contract::{Contract, Dispute, GicKind, ServedBy, Subject, VcpuFeatures};

use super::plan::{Common, Plan, Profiles};
use super::trial::Answers;
use super::witness::{Quarrel, Witness};
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
    /// This one was applied on both.
    Contract(Launch),
    /// There is none: with each set of features, over each of these the two have nothing in common,
    /// as this witness confirms.
    Impossible(BTreeMap<VcpuFeatures, BTreeMap<String, Witness>>),
    /// Neither is proved: why not.
    Undecided(String),
}

/// What a guest has to be launched with to move; nothing less does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The digest of the contract.
    pub digest: String,
    /// The fewest features that make it possible.
    pub features: VcpuFeatures,
    /// Who serves it: core only if the kernels cannot.
    pub served_by: ServedBy,
    /// How many implementations the guest is told of; none if both hosts have the same.
    pub told: usize,
}

impl Figure {
    /// What the answers prove of every pair of hosts.
    #[must_use]
    pub fn new(plan: &Plan, profiles: &Profiles, answers: &BTreeMap<Place, Answers>) -> Self {
        let mut pairs = Vec::new();
        for source in profiles.keys() {
            for (destination, to) in profiles {
                let to = &to.profile;
                let own = plan.own(source).map(|number| plan.contract(number));
                let own = own.map(|contract| Prediction::of(contract, to));
                let reasons = own.iter().flat_map(|own| &own.reasons);
                pairs.push(Pair {
                    source: source.clone(),
                    destination: destination.clone(),
                    raw: answers
                        .get(destination)
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

    /// How many pairs of hosts of the matrix are so.
    fn of_the_matrix(&self, is_so: impl Fn(&Pair) -> bool) -> usize {
        self.count(|pair| pair.is_of_the_matrix() && is_so(pair))
    }

    /// The pairs of which nothing is proved.
    pub fn undecided(&self) -> impl Iterator<Item = &Pair> {
        let pairs = self.pairs.iter();
        pairs.filter(|pair| matches!(pair.way, Way::Undecided(_)))
    }
}

impl Pair {
    fn is_of_the_matrix(&self) -> bool {
        self.source.is_of_the_matrix() && self.destination.is_of_the_matrix()
    }

    fn is_itself(&self) -> bool {
        self.source == self.destination
    }

    fn launch(&self) -> Option<&Launch> {
        match &self.way {
            Way::Contract(launch) => Some(launch),
            Way::Impossible(_) | Way::Undecided(_) => None,
        }
    }

    fn is_impossible(&self) -> bool {
        matches!(self.way, Way::Impossible(_))
    }
}

impl Launch {
    fn new(contract: &Contract) -> Self {
        Self {
            digest: contract.digest().to_string(),
            features: contract.vcpu_features,
            served_by: contract.served_by,
            told: contract.implementations.iter().len(),
        }
    }
}

fn way(
    plan: &Plan,
    profiles: &Profiles,
    answers: &BTreeMap<Place, Answers>,
    places: [&Place; 2],
) -> Way {
    let quarrel = |features| Quarrel {
        plan,
        profiles,
        answers,
        places,
        features,
    };
    match plan.pair(places[0], places[1]) {
        None => Way::Undecided("nobody looked for a contract".into()),
        Some(Common::Contract(number)) => {
            let contract = plan.contract(*number);
            let source = Prediction::of(contract, &profiles[places[0]].profile);
            if !source.excesses.is_empty() {
                return unlaunchable(&quarrel(contract.vcpu_features), contract, &source);
            }
            let unkept = places.map(|place| unkept(plan, profiles, answers, *number, place));
            match unkept.into_iter().flatten().next() {
                Some(reason) => Way::Undecided(reason),
                None => Way::Contract(Launch::new(contract)),
            }
        }
        Some(Common::Nothing(disputes)) => {
            let confirmed = disputes.iter().map(|(features, over)| {
                let confirmed = confirmed(&quarrel(*features), over)?;
                Ok((*features, confirmed))
            });
            confirmed
                .collect::<Result<_, _>>()
                .map_or_else(Way::Undecided, Way::Impossible)
        }
    }
}

/// What the two have in common is less than the source tells a guest that is launched there.
fn unlaunchable(quarrel: &Quarrel<'_>, contract: &Contract, source: &Prediction) -> Way {
    let mut confirmed = BTreeMap::new();
    for workaround in source.unavoidable(contract) {
        let name = Subject::Workaround(workaround).to_string();
        match quarrel.witness_of_level(workaround) {
            Some(witness) => drop(confirmed.insert(name, witness)),
            None => return Way::Undecided(format!("nobody confirms that {name} is lower there")),
        }
    }
    match confirmed.is_empty() {
        true => Way::Undecided("nobody looked for a contract without SSBS".into()),
        false => Way::Impossible([(quarrel.features, confirmed)].into()),
    }
}

/// Who confirms each of these; or what nobody does.
fn confirmed(
    quarrel: &Quarrel<'_>,
    disputes: &[Dispute],
) -> Result<BTreeMap<String, Witness>, String> {
    let confirmed = disputes.iter().map(|dispute| {
        let name = dispute.to_string();
        match quarrel.witness(*dispute) {
            Some(witness) => Ok((name, witness)),
            None => Err(format!("with {} nobody confirms {name}", quarrel.features)),
        }
    });
    confirmed.collect()
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
    match (answers.guests.get(&number), contract.gic.kind) {
        (Some(seen), _) => {
            let differences = outcome::guest_differences(contract, host, &prediction, seen);
            let first = differences.unexplained.first()?;
            Some(format!("a guest on {place}: {first}"))
        }
        // The guest drives no GICv2: that its kernel takes and keeps everything has to do.
        (None, GicKind::V2) => None,
        // It may move there, and cannot be launched there to look.
        (None, GicKind::V3) if !prediction.excesses.is_empty() => None,
        (None, GicKind::V3) => Some(format!("no guest of the contract ran on {place}")),
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let launch = |pair: &Pair| pair.launch().is_some();
        let pairs = self.of_the_matrix(|_| true);
        writeln!(f, "of {pairs} ordered pairs of hosts a guest moves")?;
        writeln!(
            f,
            "  raw, as its host has it: {} ({} of them a host onto itself)",
            self.of_the_matrix(|pair| pair.raw),
            self.of_the_matrix(|pair| pair.raw && pair.is_itself()),
        )?;
        writeln!(
            f,
            "  with the pair's baseline, applied on both: {} ({} of them a host onto itself)",
            self.of_the_matrix(launch),
            self.of_the_matrix(|pair| launch(pair) && pair.is_itself()),
        )?;
        self.write_needs(f)?;
        let impossible = self.of_the_matrix(Pair::is_impossible);
        writeln!(f, "  never, whatever it was launched with: {impossible}")?;
        writeln!(f, "  undecided: {}", self.undecided().count())?;
        if let Some(others @ 1..) = self.pairs.len().checked_sub(pairs) {
            let of_others = |is_so: &dyn Fn(&Pair) -> bool| {
                self.count(|pair| !pair.is_of_the_matrix() && is_so(pair))
            };
            writeln!(
                f,
                "of {others} pairs with hosts that no rule was made on: raw {}, with the pair's \
                 baseline {}, never {}",
                of_others(&|pair| pair.raw),
                of_others(&launch),
                of_others(&Pair::is_impossible),
            )?;
        }
        self.write_causes(f)?;
        for pair in self.undecided() {
            if let Way::Undecided(reason) = &pair.way {
                let (from, to) = (&pair.source, &pair.destination);
                writeln!(f, "  undecided: {from} to {to}: {reason}")?;
            }
        }
        Ok(())
    }
}

impl Figure {
    /// What the baselines cannot do without.
    fn write_needs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_the_matrix = self.pairs.iter().filter(|pair| pair.is_of_the_matrix());
        let launches: Vec<_> = of_the_matrix.filter_map(Pair::launch).collect();
        let mut sets: BTreeMap<VcpuFeatures, usize> = BTreeMap::new();
        for launch in launches.iter().filter(|launch| !launch.features.is_empty()) {
            *sets.entry(launch.features).or_default() += 1;
        }
        for (features, count) in sets {
            writeln!(f, "    only with the vCPU feature {features}: {count}")?;
        }
        let told = launches.iter().filter(|launch| launch.told > 0).count();
        writeln!(f, "    only with a list of implementations: {told}")?;
        let by_core = launches.iter();
        let by_core = by_core.filter(|launch| launch.served_by != ServedBy::Kernel);
        writeln!(f, "    only served by core: {}", by_core.count())
    }

    /// What makes pairs impossible, most often first.
    fn write_causes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut causes: BTreeMap<(&str, Witness), usize> = BTreeMap::new();
        for pair in self.pairs.iter().filter(|pair| pair.is_of_the_matrix()) {
            if let Way::Impossible(disputes) = &pair.way {
                for (name, witness) in whatever_features(disputes) {
                    *causes.entry((name, witness)).or_default() += 1;
                }
            }
        }
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(_, count)| usize::MAX - count);
        writeln!(
            f,
            "impossible with any features because of, and confirmed by:"
        )?;
        for ((name, witness), count) in causes.iter().take(SHOWN) {
            writeln!(f, "  {count:>5} {name}, {witness}")?;
        }
        match causes.len().checked_sub(SHOWN) {
            Some(more @ 1..) => writeln!(f, "        … and {more} more, all in the result's file"),
            _ => Ok(()),
        }
    }
}

/// What is in dispute with every set of features.
fn whatever_features(
    disputes: &BTreeMap<VcpuFeatures, BTreeMap<String, Witness>>,
) -> impl Iterator<Item = (&str, Witness)> {
    let first = disputes.values().next().into_iter().flatten();
    let always = |name: &String| disputes.values().all(|over| over.contains_key(name));
    first
        .filter(move |(name, _)| always(name))
        .map(|(name, witness)| (name.as_str(), *witness))
}

/// So many causes are printed.
const SHOWN: usize = 24;
