//! Whether what makes a contract impossible is really so: a kernel refuses it, or guests see it.

use std::collections::BTreeMap;
use std::fmt;

use vambrace_core::contract::{
    Contract, Dispute, ImplementationRegister, ServedBy, Subject, VcpuFeatures,
};
use vambrace_core::cpu::Field;
use vambrace_core::firmware::{Bitmap, Workaround};

use super::Place;
use super::guest::{self, CNTFRQ, DCZID};
use super::plan::{Plan, Profiles};
use super::question::{Heard, Stored};
use super::trial::{Answers, refusable};

/// Who confirmed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Witness {
    /// Each host's kernel refuses what the other has, or accepts.
    Kernel,
    /// Guests on the two hosts read different values.
    Guests,
    /// Programs on the two hosts read different values; no guest can run on both.
    Program,
}

/// Two hosts, source and destination, that have no contract in common with these features.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quarrel<'a> {
    pub(super) plan: &'a Plan,
    pub(super) profiles: &'a Profiles,
    pub(super) answers: &'a BTreeMap<Place, Answers>,
    pub(super) places: [&'a Place; 2],
    pub(super) features: VcpuFeatures,
}

impl Quarrel<'_> {
    /// Who confirms that the destination cannot have the level of a workaround that the source's
    /// guests are told, whatever was promised.
    pub(super) fn witness_of_level(&self, workaround: Workaround) -> Option<Witness> {
        let [source, destination] = self.places;
        let heard = self.heard(destination, self.plan.own(source)?)?;
        let subject = Subject::Workaround(workaround).to_string();
        heard
            .refused
            .contains_key(&subject)
            .then_some(Witness::Kernel)
    }

    /// Who confirms that nothing is left of this; None if nobody does.
    pub(super) fn witness(&self, dispute: Dispute) -> Option<Witness> {
        let identities = [
            ImplementationRegister::Midr,
            ImplementationRegister::Revidr,
            ImplementationRegister::Aidr,
        ];
        match dispute {
            Dispute::Field(field) => self.refuse_values(field),
            Dispute::UnnamedBits(register) => {
                self.refuse_with(self.features, &[Subject::IdRegister(register)])
            }
            Dispute::Implementation => self.refuse(&identities.map(Subject::Implementation)),
            Dispute::UnlistedImplementation => self.implementations(),
            Dispute::Caches => {
                let sizes = (0..14).map(Subject::CacheSize);
                let all: Vec<_> = sizes.chain([Subject::CacheLevels]).collect();
                self.refuse(&all)
            }
            Dispute::ZeroBlock => self.read(DCZID, Subject::ZeroBlock),
            Dispute::CounterFrequency => self.read(CNTFRQ, Subject::CounterFrequency),
            Dispute::VectorLengths => {
                self.refuse_with(VcpuFeatures::SVE, &[Subject::VectorLengths])
            }
            Dispute::PmuCounters => {
                self.promised_otherwise(VcpuFeatures::PMU, Subject::PmuCounters)
            }
            Dispute::PsciVersion => self.refuse(&[Subject::PsciVersion]),
            Dispute::Services(bitmap) => self.refuse(&[Subject::Services(bitmap)]),
            Dispute::Forwarding => self.refuse_forwarding(),
            Dispute::Gic => self.refuse(&[Subject::Gic, Subject::GicRevision]),
            Dispute::AddressBits => self.refuse(&[Subject::AddressBits]),
            Dispute::NoHost | Dispute::VcpuFeatures | Dispute::Contradiction(_) => None,
        }
    }

    /// Each kernel refuses every value of the field that the other accepts.
    fn refuse_values(&self, field: Field) -> Option<Witness> {
        let [one, other] = self.places;
        let refuses = |place: &Place, other: &Place| {
            let (host, others) = (self.profiles.get(place)?, self.profiles.get(other)?);
            let values = refusable(field, self.features, &host.profile, &others.profile);
            let answers = self.answers.get(place)?;
            let refused = |value| {
                let stored = answers.registers.get(value);
                matches!(stored, Some(Stored::Refused(_)))
            };
            (!values.is_empty() && values.iter().all(refused)).then_some(())
        };
        refuses(one, other)?;
        refuses(other, one)?;
        Some(Witness::Kernel)
    }

    /// Each kernel refuses one of these of the other's own contract; no feature matters to them.
    fn refuse(&self, subjects: &[Subject]) -> Option<Witness> {
        self.refuse_with(VcpuFeatures::empty(), subjects)
    }

    /// Each kernel refuses one of these of the other's own contract with these features.
    fn refuse_with(&self, features: VcpuFeatures, subjects: &[Subject]) -> Option<Witness> {
        let [one, other] = self.places;
        let refuses = |place: &Place, other: &Place| {
            let heard = self.heard(place, self.plan.own_with(other, features)?)?;
            let mut subjects = subjects.iter().map(ToString::to_string);
            subjects.find(|subject| heard.refused.contains_key(subject))
        };
        refuses(one, other)?;
        refuses(other, one)?;
        Some(Witness::Kernel)
    }

    /// One of the kernels cannot forward the calls of anything that core serves.
    fn refuse_forwarding(&self) -> Option<Witness> {
        let by_core = |contract: &Contract| contract.served_by != ServedBy::Kernel;
        self.one_refuses(by_core, &[Subject::Forwarding])
    }

    /// Guests read different implementations, and one of the kernels lets no guest be told of more
    /// than one, whoever serves it.
    fn implementations(&self) -> Option<Witness> {
        let telling = [
            Subject::Forwarding,
            Subject::Services(Bitmap::VendorHypervisor2),
        ];
        for kernel_serves in [true, false] {
            let lists = |contract: &Contract| {
                let by_kernel = contract.served_by == ServedBy::Kernel;
                by_kernel == kernel_serves && !contract.implementations.is_empty()
            };
            if self.is_tried(lists) {
                self.one_refuses(lists, &telling)?;
            }
        }
        let fresh = self
            .places
            .map(|place| self.answers.get(place)?.fresh.as_ref());
        if let [Some(one), Some(other)] = fresh {
            let [one, other] = [one, other].map(guest::implementation_of);
            return (one? != other?).then_some(Witness::Guests);
        }
        let probed = self.places.map(|place| self.profiles.get(place));
        let [one, other] = probed.map(|file| file.map(|file| file.profile.implementation));
        (one? != other?).then_some(Witness::Program)
    }

    fn is_tried(&self, which: impl Fn(&Contract) -> bool) -> bool {
        self.plan.contracts().any(|(_, contract)| which(contract))
    }

    /// One of the kernels refuses one of these of each such contract that it was told.
    fn one_refuses(
        &self,
        which: impl Fn(&Contract) -> bool,
        subjects: &[Subject],
    ) -> Option<Witness> {
        let refused = |heard: &Heard| {
            let mut subjects = subjects.iter().map(ToString::to_string);
            subjects.any(|subject| heard.refused.contains_key(&subject))
        };
        let refuses = |place: &&Place| {
            let such = self.plan.contracts().enumerate();
            let such = such.filter(|(_, (_, contract))| which(contract));
            let mut heard = such.map(|(number, _)| self.heard(place, number)).peekable();
            heard.peek().is_some() && heard.all(|heard| heard.is_some_and(refused))
        };
        let mut places = self.places.iter();
        places.any(refuses).then_some(Witness::Kernel)
    }

    fn heard(&self, place: &Place, number: usize) -> Option<&Heard> {
        self.answers.get(place)?.contracts.get(&number)
    }

    /// Guests read different values of this register; else a program reads another than promised.
    fn read(&self, register: &str, subject: Subject) -> Option<Witness> {
        let [one, other] = self
            .places
            .map(|place| self.answers.get(place)?.fresh.as_ref()?.get(register));
        match (one, other) {
            (Some(one), Some(other)) => (one != other).then_some(Witness::Guests),
            _ => self.promised_otherwise(VcpuFeatures::empty(), subject),
        }
    }

    /// Each host has this otherwise than the other's own contract with these features promises.
    fn promised_otherwise(&self, features: VcpuFeatures, subject: Subject) -> Option<Witness> {
        let [one, other] = self.places;
        let subject = subject.to_string();
        let differs = |place: &Place, other: &Place| {
            let heard = self.heard(place, self.plan.own_with(other, features)?)?;
            let mut differing = heard.differs.iter();
            differing.find(|differs| differs.subject == subject)
        };
        differs(one, other)?;
        differs(other, one)?;
        Some(Witness::Program)
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Guests => "guests",
            Self::Program => "program",
        })
    }
}
