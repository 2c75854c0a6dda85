//! What is tried: contracts of single hosts, of pairs and of fleets, all made from profiles alone.

use std::collections::BTreeMap;
use std::fmt;

use vambrace_core::contract::{
    Baseline, Contract, Dispute, HostProfile, Impossible, ServedBy, VcpuFeatures, Wishes,
};
use vambrace_core::firmware::{Dialect, KvmGeneration};
use vambrace_core::memory::Ipa;
use vambrace_formats::profile::ProfileFile;
use vambrace_kvm::layout::STOLEN_TIME;

use super::question::Encoded;
use super::{Place, witness};

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
    pairs: BTreeMap<(Place, Place, VcpuFeatures), Common>,
    fleets: Vec<Fleet>,
}

/// What two hosts have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Common {
    /// The number of their baseline.
    Contract(usize),
    /// Nothing, whoever serves: over all of this.
    Nothing(Vec<Dispute>),
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
                let optional = first.has_options() && second.has_options();
                for features in features(optional) {
                    let hosts = [&one.profile, &other.profile];
                    if hosts.iter().all(|host| host.view(features).is_some()) {
                        plan.add_pair(first, second, features, hosts);
                    }
                }
            }
        }
        for (name, belongs) in fleets(profiles) {
            let members = profiles.iter().filter(|(place, _)| belongs(place));
            let members: Vec<_> = members.map(|(_, file)| &file.profile).collect();
            if members.len() > 2 {
                let common = plan.common(VcpuFeatures::empty(), &members, &name);
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
    pub fn pairs(&self) -> impl Iterator<Item = (&Place, &Place, VcpuFeatures, &Common)> {
        let pairs = self.pairs.iter();
        pairs.map(|((first, second, features), common)| (first, second, *features, common))
    }

    /// What two hosts have in common without optional features.
    #[must_use]
    pub fn pair(&self, one: &Place, other: &Place) -> Option<&Common> {
        let (first, second) = (one.min(other).clone(), one.max(other).clone());
        self.pairs.get(&(first, second, VcpuFeatures::empty()))
    }

    /// The fleets.
    #[must_use]
    pub fn fleets(&self) -> &[Fleet] {
        &self.fleets
    }

    fn add_own(&mut self, place: &Place, host: &HostProfile) {
        for features in features(place.has_options()) {
            let wishes = kernels(features);
            if let Ok(contract) = Baseline::of(&wishes, [host]) {
                let number = self.add(contract, || format!("{place} with {features}"));
                self.own.insert((place.clone(), features), number);
            }
        }
        let wishes = Wishes {
            served_by: CORE,
            stolen_time: Some(Ipa::new(STOLEN_TIME.base().value())),
            ..Wishes::PLAIN
        };
        if let Ok(contract) = Baseline::of(&wishes, [host]) {
            self.add(contract, || format!("{place} served by core"));
        }
    }

    fn add_pair(
        &mut self,
        first: &Place,
        second: &Place,
        features: VcpuFeatures,
        hosts: [&HostProfile; 2],
    ) {
        let name = format!("baseline of {first} and {second} with {features}");
        let common = self.common(features, &hosts, &name);
        let key = (first.clone(), second.clone(), features);
        self.pairs.insert(key, common);
    }

    fn common(&mut self, features: VcpuFeatures, hosts: &[&HostProfile], name: &str) -> Common {
        let of = |served_by| {
            let wishes = Wishes {
                served_by,
                ..kernels(features)
            };
            let found = Baseline::of(&wishes, hosts.iter().copied());
            found.map_err(|impossible| disputes(&impossible))
        };
        let by_kernel = match of(ServedBy::Kernel) {
            Ok(contract) => return Common::Contract(self.add(contract, || name.to_owned())),
            Err(disputes) => disputes,
        };
        let by_core = match of(CORE) {
            Ok(contract) => {
                let name = || format!("{name} served by core");
                return Common::Contract(self.add(contract, name));
            }
            Err(disputes) => disputes,
        };
        let both: Vec<_> = by_kernel
            .iter()
            .filter(|dispute| by_core.contains(dispute))
            .copied()
            .collect();
        Common::Nothing(match both.is_empty() {
            false => both,
            true => [by_kernel, by_core].concat(),
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

fn disputes(impossible: &Impossible) -> Vec<Dispute> {
    let conflicts = impossible.conflicts().iter();
    conflicts.map(|conflict| conflict.over).collect()
}

/// None, and where the optional ones are tried, each and all.
fn features(optional: bool) -> Vec<VcpuFeatures> {
    let none = VcpuFeatures::empty();
    match optional {
        false => vec![none],
        true => vec![
            none,
            VcpuFeatures::SVE,
            VcpuFeatures::POINTER_AUTHENTICATION,
            VcpuFeatures::PMU,
            VcpuFeatures::SEEN_IN_REGISTERS,
        ],
    }
}

fn kernels(vcpu_features: VcpuFeatures) -> Wishes {
    Wishes {
        vcpu_features,
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
                let first = disputes.iter().take(SHOWN).copied().map(witness::name);
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
