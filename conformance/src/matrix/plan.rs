//! What is tried: contracts of single hosts, of pairs and of fleets, all made from profiles alone.
//!
//! What two hosts have in common is sought with every set of vCPU features that both have, fewest
//! first, served by their kernels and else by core. Nothing else is left to choose: where the guest
//! has what a host does not decide, a baseline takes what all accept. AArch32 at EL1 is not tried: it
//! changes no register, so it makes nothing possible that is not possible without it.

use std::collections::BTreeMap;
use std::fmt;

use vambrace_core::contract::{
    Baseline, Contract, Dispute, HostProfile, Impossible, ServedBy, VcpuFeatures, Wishes,
    feature_sets,
};
use vambrace_core::firmware::{Dialect, KvmGeneration};
use vambrace_core::memory::Ipa;
use vambrace_formats::profile::ProfileFile;
use vambrace_kvm::layout::STOLEN_TIME;

use super::Place;
use super::question::Encoded;

/// The profiles, by their hosts.
pub type Profiles = BTreeMap<Place, ProfileFile>;

/// Every contract that is tried, each once, and whose it is.
#[derive(Debug, Default)]
pub struct Plan {
    contracts: Vec<Contract>,
    names: Vec<String>,
    known: BTreeMap<Encoded, usize>,
    /// The contract of each host by itself, served by its kernel, by its features.
    own: BTreeMap<(Place, VcpuFeatures), usize>,
    /// What two hosts have in common; the lesser first.
    pairs: BTreeMap<(Place, Place), Common>,
    fleets: Vec<Fleet>,
}

/// What several hosts have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Common {
    /// The number of their baseline with the fewest features.
    Contract(usize),
    /// Nothing, whoever serves: with each set of features that all have, over all of this.
    Nothing(BTreeMap<VcpuFeatures, Vec<Dispute>>),
}

/// Several hosts and what they have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// What they are.
    pub name: String,
    /// How many.
    pub hosts: usize,
    /// What they have in common.
    pub common: Common,
}

impl Plan {
    /// Everything that these hosts can be asked.
    #[must_use]
    pub fn new(profiles: &Profiles) -> Self {
        let mut plan = Self::default();
        for (place, file) in profiles {
            plan.add_own(place, &file.profile);
        }
        for (first, one) in profiles {
            for (second, other) in profiles.range(first..) {
                plan.add_pair([first, second], &[&one.profile, &other.profile]);
            }
        }
        for (name, belongs) in fleets(profiles) {
            let members = profiles.iter().filter(|(place, _)| belongs(place));
            let members: Vec<_> = members.map(|(_, file)| &file.profile).collect();
            if members.len() > 2 {
                let common = plan.common(&members, &name);
                let hosts = members.len();
                plan.fleets.push(Fleet {
                    name,
                    hosts,
                    common,
                });
            }
        }
        plan
    }

    /// The contracts and what they are called, by their numbers.
    pub fn contracts(&self) -> impl Iterator<Item = (&str, &Contract)> {
        self.names.iter().map(String::as_str).zip(&self.contracts)
    }

    /// A contract by its number.
    #[must_use]
    pub fn contract(&self, number: usize) -> &Contract {
        &self.contracts[number]
    }

    /// What a host promises by itself without optional features: the number of that contract.
    #[must_use]
    pub fn own(&self, place: &Place) -> Option<usize> {
        self.own_with(place, VcpuFeatures::empty())
    }

    /// The same with these features.
    #[must_use]
    pub fn own_with(&self, place: &Place, features: VcpuFeatures) -> Option<usize> {
        self.own.get(&(place.clone(), features)).copied()
    }

    /// Every contract of one host by itself.
    pub fn of_single_hosts(&self) -> impl Iterator<Item = (&Place, VcpuFeatures, usize)> {
        let own = self.own.iter();
        own.map(|((place, features), number)| (place, *features, *number))
    }

    /// What each pair has in common, the lesser host first; a host is a pair with itself.
    pub fn pairs(&self) -> impl Iterator<Item = (&Place, &Place, &Common)> {
        let pairs = self.pairs.iter();
        pairs.map(|((first, second), common)| (first, second, common))
    }

    /// What two hosts have in common.
    #[must_use]
    pub fn pair(&self, one: &Place, other: &Place) -> Option<&Common> {
        let (first, second) = (one.min(other).clone(), one.max(other).clone());
        self.pairs.get(&(first, second))
    }

    /// The fleets.
    #[must_use]
    pub fn fleets(&self) -> &[Fleet] {
        &self.fleets
    }

    fn add_own(&mut self, place: &Place, host: &HostProfile) {
        for features in tried_features(place.has_options()) {
            let wishes = wishes(features, ServedBy::Kernel);
            if let Ok(contract) = Baseline::of(&wishes, [host]) {
                let number = self.add(contract, || format!("{place} with {features}"));
                self.own.insert((place.clone(), features), number);
            }
        }
        let wishes = Wishes {
            stolen_time: Some(Ipa::new(STOLEN_TIME.base().value())),
            ..wishes(VcpuFeatures::empty(), CORE)
        };
        if let Ok(contract) = Baseline::of(&wishes, [host]) {
            self.add(contract, || format!("{place} served by core"));
        }
    }

    /// What they have in common; between hosts with options, what else they would have with these.
    fn add_pair(&mut self, places: [&Place; 2], hosts: &[&HostProfile; 2]) {
        let [first, second] = places;
        let name = format!("baseline of {first} and {second}");
        let common = self.common(hosts, &name);
        self.pairs.insert((first.clone(), second.clone()), common);
        if first.has_options() && second.has_options() {
            for features in tried_features(true) {
                if let Ok(contract) = most(features, hosts) {
                    self.add_common(contract, &name);
                }
            }
        }
    }

    fn common(&mut self, hosts: &[&HostProfile], name: &str) -> Common {
        let mut disputes = BTreeMap::new();
        let sets = feature_sets(hosts.iter().copied());
        let all_have = |set: &VcpuFeatures| hosts.iter().all(|host| host.view(*set).is_some());
        for features in sets.into_iter().filter(all_have) {
            match most(features, hosts) {
                Ok(contract) => return Common::Contract(self.add_common(contract, name)),
                Err(over) => disputes.insert(features, over),
            };
        }
        Common::Nothing(disputes)
    }

    fn add_common(&mut self, contract: Contract, name: &str) -> usize {
        let (features, served_by) = (contract.vcpu_features, contract.served_by);
        self.add(contract, || match served_by {
            ServedBy::Kernel => format!("{name} with {features}"),
            ServedBy::Core(_) => format!("{name} with {features} served by core"),
        })
    }

    fn add(&mut self, contract: Contract, name: impl FnOnce() -> String) -> usize {
        let encoded = Encoded::of(&contract);
        *self.known.entry(encoded).or_insert_with(|| {
            self.contracts.push(contract);
            self.names.push(name());
            self.names.len() - 1
        })
    }
}

/// The most that hosts have in common with these features, served by their kernels or else by core;
/// or over what neither is possible.
fn most(features: VcpuFeatures, hosts: &[&HostProfile]) -> Result<Contract, Vec<Dispute>> {
    let of = |wishes: Wishes| {
        let found = Baseline::of(&wishes, hosts.iter().copied());
        found.map_err(|impossible| disputes(&impossible))
    };
    let by_kernels = wishes(features, ServedBy::Kernel);
    let by_core = by_kernels.served_by_core_instead(hosts.iter().copied());
    of(by_kernels).or_else(|kernels| of(by_core).map_err(|core| both(kernels, core)))
}

/// What is in dispute whoever serves; if that is nothing, all that is for either.
fn both(by_kernel: Vec<Dispute>, by_core: Vec<Dispute>) -> Vec<Dispute> {
    let both = by_kernel.iter().filter(|dispute| by_core.contains(dispute));
    let both: Vec<_> = both.copied().collect();
    match both.is_empty() {
        false => both,
        true => [by_kernel, by_core].concat(),
    }
}

fn disputes(impossible: &Impossible) -> Vec<Dispute> {
    let conflicts = impossible.conflicts().iter();
    conflicts.map(|conflict| conflict.over).collect()
}

/// What is in dispute whatever the features; if that is nothing, whatever is with the fewest.
fn whatever_features(disputes: &BTreeMap<VcpuFeatures, Vec<Dispute>>) -> Vec<Dispute> {
    let Some(fewest) = disputes.get(&VcpuFeatures::empty()) else {
        return Vec::new();
    };
    let always = |dispute: &&Dispute| disputes.values().all(|over| over.contains(dispute));
    let always: Vec<_> = fewest.iter().filter(always).copied().collect();
    match always.is_empty() {
        false => always,
        true => fewest.clone(),
    }
}

/// None, the PMU, which some kernels cannot hide, and where the others are tried, each and all.
fn tried_features(optional: bool) -> Vec<VcpuFeatures> {
    let always = [VcpuFeatures::empty(), VcpuFeatures::PMU];
    match optional {
        false => always.to_vec(),
        true => vec![
            VcpuFeatures::empty(),
            VcpuFeatures::PMU,
            VcpuFeatures::SVE,
            VcpuFeatures::POINTER_AUTHENTICATION,
            VcpuFeatures::SEEN_IN_REGISTERS,
        ],
    }
}

fn wishes(vcpu_features: VcpuFeatures, served_by: ServedBy) -> Wishes {
    Wishes {
        vcpu_features,
        served_by,
        ..Wishes::PLAIN
    }
}

/// Which hosts belong to it.
type Belongs = Box<dyn Fn(&Place) -> bool>;

/// All hosts of a kernel, all of a CPU, and those of a kernel whose counters count alike.
fn fleets(profiles: &Profiles) -> Vec<(String, Belongs)> {
    let mut fleets: BTreeMap<String, Belongs> = BTreeMap::new();
    for (place, file) in profiles {
        let (kernel, cpu) = (place.kernel().to_owned(), place.cpu().to_owned());
        let frequency = file.profile.counter_frequency;
        let alike: Vec<_> = profiles
            .iter()
            .filter(|(_, other)| other.profile.counter_frequency == frequency)
            .map(|(place, _)| place.clone())
            .collect();
        let of_kernel = kernel.clone();
        fleets.insert(
            format!("all of {kernel} that count at {frequency} Hz"),
            Box::new(move |place| place.kernel() == kernel && alike.contains(place)),
        );
        fleets.insert(
            format!("all of {of_kernel}"),
            Box::new(move |place| place.kernel() == of_kernel),
        );
        fleets.insert(
            format!("all of {cpu}"),
            Box::new(move |place| place.cpu() == cpu),
        );
    }
    fleets.into_iter().collect()
}

impl fmt::Display for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            hosts,
            common,
        } = self;
        write!(f, "{name}, {hosts} hosts: ")?;
        match common {
            Common::Contract(_) => f.write_str("have a contract in common"),
            Common::Nothing(disputes) => {
                let disputes = whatever_features(disputes);
                let first = disputes.iter().take(SHOWN).map(ToString::to_string);
                let first: Vec<_> = first.collect();
                write!(f, "have none, because of {}", first.join(", "))?;
                match disputes.len().checked_sub(SHOWN) {
                    Some(more @ 1..) => write!(f, " and {more} more"),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// So many causes of a fleet are printed.
const SHOWN: usize = 4;
/// The newest answers that core can give.
const CORE: ServedBy = ServedBy::Core(Dialect::Kvm(KvmGeneration::V7_3));
