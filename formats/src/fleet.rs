//! Many hosts of few kinds: what is equal is held once and judged once.
//!
//! A fleet has a hundred thousand hosts and a dozen kinds of them: hosts are bought by the rack and
//! updated together. So a [`Fleet`] keeps of each host its name and the place of its kind, and of
//! each kind one [`HostProfile`]; a baseline is taken over kinds, and a [`Matrix`] has an answer for
//! each pair of kinds, whatever the number of hosts.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use vambrace_core::contract::HostProfile;

/// Hosts by name, and the kinds that they are of.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    hosts: Vec<Host>,
    kinds: Vec<Kind>,
    /// The places of the kinds whose profiles have this hash.
    places: HashMap<u64, Vec<usize>>,
    hasher: RandomState,
}

/// One host of a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// What it is called; nothing but a label.
    pub name: String,
    /// The place of its kind in [`Fleet::kinds`].
    pub kind: usize,
}

/// Hosts whose profiles are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// What each of them accepts. On the heap, as it has many kilobytes.
    pub profile: Box<HostProfile>,
    /// The place in [`Fleet::hosts`] of the first of them.
    pub first: usize,
    /// How many they are.
    pub hosts: usize,
}

impl Fleet {
    /// No host.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a host; the profile is kept if it is the first of its kind. Returns the place of the
    /// kind.
    pub fn add(&mut self, name: impl Into<String>, profile: &HostProfile) -> usize {
        let host = self.hosts.len();
        let alike = self.places.entry(self.hasher.hash_one(profile));
        let alike = alike.or_default();
        let known = alike.iter().copied();
        let equal = |kind: &usize| *self.kinds[*kind].profile == *profile;
        let kind = known.into_iter().find(equal).unwrap_or_else(|| {
            alike.push(self.kinds.len());
            self.kinds.push(Kind {
                profile: Box::new(profile.clone()),
                first: host,
                hosts: 0,
            });
            self.kinds.len() - 1
        });
        self.kinds[kind].hosts += 1;
        self.hosts.push(Host {
            name: name.into(),
            kind,
        });
        kind
    }

    /// The hosts, in the order in which they were added.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The kinds, in the order of their first hosts. A baseline of these is one of all hosts, and a
    /// conflict's first kind is that of the first host.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// One profile of each kind, in the order of [`Self::kinds`].
    pub fn profiles(&self) -> impl ExactSizeIterator<Item = &HostProfile> + Clone {
        self.kinds.iter().map(|kind| &*kind.profile)
    }

    /// Asks `judge` once for each ordered pair of kinds, by their places, the source first.
    pub fn matrix<V>(&self, mut judge: impl FnMut(usize, usize) -> V) -> Matrix<V> {
        let places = 0..self.kinds.len();
        let pairs = places
            .clone()
            .flat_map(|source| places.clone().map(move |destination| (source, destination)));
        Matrix {
            answers: pairs
                .map(|(source, destination)| judge(source, destination))
                .collect(),
            hosts: self.kinds.iter().map(|kind| kind.hosts).collect(),
        }
    }
}

impl<N: Into<String>> FromIterator<(N, HostProfile)> for Fleet {
    fn from_iter<I: IntoIterator<Item = (N, HostProfile)>>(hosts: I) -> Self {
        let mut fleet = Self::new();
        for (name, profile) in hosts {
            fleet.add(name, &profile);
        }
        fleet
    }
}

/// An answer for each ordered pair of kinds, which all their hosts share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix<V> {
    /// Row by row: the source first.
    answers: Vec<V>,
    /// How many hosts each kind has.
    hosts: Vec<usize>,
}

impl<V> Matrix<V> {
    /// The answer for two kinds by their places in [`Fleet::kinds`]; None if there are not so many.
    #[must_use]
    pub fn of(&self, source: usize, destination: usize) -> Option<&V> {
        self.rows().nth(source)?.0.get(destination)
    }

    /// How many ordered pairs of hosts there are, each host with itself included.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.hosts.iter().sum::<usize>().pow(2)
    }

    /// How many answers there are: the square of the number of kinds.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.answers.len()
    }

    /// How many ordered pairs of hosts have an answer such as this.
    pub fn count(&self, mut is_such: impl FnMut(&V) -> bool) -> usize {
        self.rows()
            .map(|(row, sources)| {
                let such = row.iter().zip(&self.hosts);
                let such = such.filter(|(answer, _)| is_such(answer));
                sources * such.map(|(_, destinations)| destinations).sum::<usize>()
            })
            .sum()
    }

    /// The answers of each source, and how many hosts of it there are.
    fn rows(&self) -> impl Iterator<Item = (&[V], usize)> {
        let kinds = self.hosts.len().max(1);
        let rows = self.answers.chunks_exact(kinds);
        rows.zip(self.hosts.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::ProfileFile;
    use vambrace_core::contract::{Baseline, Wishes, preflight};

    fn host() -> HostProfile {
        let golden = include_bytes!("../tests/golden/schema-1.json");
        ProfileFile::read(golden).unwrap().profile
    }

    fn host_counting_at(frequency: u32) -> HostProfile {
        HostProfile {
            counter_frequency: frequency,
            ..host()
        }
    }

    /// Three hosts of one kind, and one of another between them.
    fn fleet() -> Fleet {
        let other = || host_counting_at(1);
        let hosts = [("a", host()), ("b", other()), ("c", host()), ("d", host())];
        hosts.into_iter().collect()
    }

    #[test]
    fn equal_profiles_are_held_once() {
        let fleet = fleet();
        let kinds: Vec<usize> = fleet.hosts().iter().map(|host| host.kind).collect();
        assert_eq!(kinds, [0, 1, 0, 0]);
        let kinds: Vec<_> = fleet
            .kinds()
            .iter()
            .map(|kind| (kind.first, kind.hosts))
            .collect();
        assert_eq!(kinds, [(0, 3), (1, 1)]);
        assert_eq!(fleet.hosts()[2].name, "c");
        assert!(fleet.profiles().eq([&host(), &host_counting_at(1)]));
    }

    #[test]
    fn hosts_may_have_one_name() {
        let fleet: Fleet = [("a", host()), ("a", host_counting_at(1))]
            .into_iter()
            .collect();
        assert_eq!(fleet.hosts().len(), 2);
        assert_eq!(fleet.kinds().len(), 2);
    }

    #[test]
    fn profiles_of_one_hash_that_differ_are_two_kinds() {
        let mut fleet = Fleet::new();
        fleet.add("a", &host());
        let other = host_counting_at(1);
        fleet.places.insert(fleet.hasher.hash_one(&other), vec![0]);
        assert_eq!(fleet.add("b", &other), 1);
        assert_eq!(fleet.add("c", &other), 1);
    }

    #[test]
    fn kinds_are_judged_once_and_hosts_are_counted() {
        let fleet = fleet();
        let mut judged = 0;
        let matrix = fleet.matrix(|source, destination| {
            judged += 1;
            (source, destination)
        });
        assert_eq!(judged, 4);
        assert_eq!(matrix.answers(), 4);
        assert_eq!(matrix.pairs(), 16);
        assert_eq!(matrix.of(1, 0), Some(&(1, 0)));
        assert_eq!(matrix.of(2, 0), None);
        assert_eq!(matrix.of(0, 2), None);
        assert_eq!(matrix.count(|answer| *answer == (0, 0)), 9);
        assert_eq!(matrix.count(|answer| *answer == (0, 1)), 3);
        assert_eq!(matrix.count(|answer| *answer == (1, 0)), 3);
        assert_eq!(matrix.count(|_| true), 16);
    }

    #[test]
    fn a_fleet_without_hosts_has_no_pairs() {
        let matrix = Fleet::new().matrix(|_, _| ());
        assert_eq!(matrix.pairs(), 0);
        assert_eq!(matrix.count(|()| true), 0);
        assert_eq!(matrix.of(0, 0), None);
    }

    #[test]
    fn the_baseline_of_the_kinds_is_that_of_the_hosts() {
        let less = HostProfile {
            address_bits: (32..=40).collect(),
            ..host()
        };
        let hosts = [host(), less.clone(), host(), less];
        let fleet: Fleet = hosts.iter().map(|host| ("", host.clone())).collect();
        let of_kinds = Baseline::of(&Wishes::PLAIN, fleet.profiles()).unwrap();
        let of_hosts = Baseline::of(&Wishes::PLAIN, &hosts).unwrap();
        assert_eq!(of_kinds, of_hosts);
        assert!(
            hosts
                .iter()
                .all(|host| preflight(&of_kinds, host).is_accepted())
        );
    }
}
