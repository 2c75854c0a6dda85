//! Whether what makes a contract impossible is really so: a kernel refuses it, or guests see it.

use std::collections::BTreeMap;
use std::fmt;

use vambrace_core::contract::{Dispute, ImplementationRegister, ServedBy, Subject, VcpuFeatures};
use vambrace_core::cpu::Field;

use super::Place;
use super::guest::{self, CNTFRQ, DCZID};
use super::plan::{Plan, Profiles};
use super::question::Stored;
use super::trial::{Answers, refusable};

/// Who confirmed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Witness {
    /// Each host's kernel refuses what the other has, or accepts.
    Kernel,
    /// Guests on the two hosts read different values.
    Guests,
    /// A program on the one host reads another value than the other promises; no guest was run.
    Program,
}

/// Two hosts that have no contract in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quarrel<'a> {
    pub(super) plan: &'a Plan,
    pub(super) profiles: &'a Profiles,
    pub(super) answers: &'a BTreeMap<Place, Answers>,
    pub(super) places: [&'a Place; 2],
    pub(super) features: VcpuFeatures,
}

impl Quarrel<'_> {
    /// Who confirms that nothing is left of this; None if nobody does.
    pub(super) fn witness(&self, dispute: Dispute) -> Option<Witness> {
        let identities = [
            ImplementationRegister::Midr,
            ImplementationRegister::Revidr,
            ImplementationRegister::Aidr,
        ];
        match dispute {
            Dispute::Field(field) => self.refuse_values(field),
            Dispute::UnnamedBits(register) => self.refuse(&[Subject::IdRegister(register)]),
            Dispute::Implementation => self.refuse(&identities.map(Subject::Implementation)),
            Dispute::UnlistedImplementation => self.implementations(),
            Dispute::Caches => {
                let sizes = (0..14).map(Subject::CacheSize);
                let all: Vec<_> = sizes.chain([Subject::CacheLevels]).collect();
                self.refuse(&all)
            }
            Dispute::ZeroBlock => self.read(DCZID, Subject::ZeroBlock),
            Dispute::CounterFrequency => self.read(CNTFRQ, Subject::CounterFrequency),
            Dispute::VectorLengths => self.refuse(&[Subject::VectorLengths]),
            Dispute::PmuCounters => self.promised_otherwise(Subject::PmuCounters),
            Dispute::PsciVersion => self.refuse(&[Subject::PsciVersion]),
            Dispute::Services(bitmap) => self.refuse(&[Subject::Services(bitmap)]),
            Dispute::Forwarding => self.refuse_forwarding(),
            Dispute::Gic => self.refuse(&[Subject::Gic, Subject::GicRevision]),
            Dispute::AddressBits => self.refuse(&[Subject::AddressBits]),
            Dispute::NoHost | Dispute::VcpuFeatures => None,
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

    /// Each kernel refuses one of these of the other's own contract.
    fn refuse(&self, subjects: &[Subject]) -> Option<Witness> {
        let [one, other] = self.places;
        let refuses = |place: &Place, other: &Place| {
            let number = self.plan.own_with(other, self.features)?;
            let heard = self.answers.get(place)?.contracts.get(&number)?;
            let mut subjects = subjects.iter().map(ToString::to_string);
            subjects.find(|subject| heard.refused.contains_key(subject))
        };
        refuses(one, other)?;
        refuses(other, one)?;
        Some(Witness::Kernel)
    }

    /// One of the kernels cannot forward the calls of anything that core serves.
    fn refuse_forwarding(&self) -> Option<Witness> {
        let forwarding = Subject::Forwarding.to_string();
        let mut by_core = self
            .plan
            .contracts()
            .enumerate()
            .filter(|(_, (_, contract))| matches!(contract.served_by, ServedBy::Core(_)));
        let (number, _) = by_core.next()?;
        let answers = self
            .places
            .iter()
            .filter_map(|place| self.answers.get(place));
        let mut heard = answers.filter_map(|answers| answers.contracts.get(&number));
        heard
            .any(|heard| heard.refused.contains_key(&forwarding))
            .then_some(Witness::Kernel)
    }

    /// Guests read different implementations.
    fn implementations(&self) -> Option<Witness> {
        let [one, other] = self
            .places
            .map(|place| self.answers.get(place)?.fresh.as_ref());
        let (Some(one), Some(other)) = (one, other) else {
            return self.refuse(&[Subject::Implementation(ImplementationRegister::Midr)]);
        };
        let [one, other] = [one, other].map(guest::implementation_of);
        (one? != other?).then_some(Witness::Guests)
    }

    /// Guests read different values of this register; else a program reads another than promised.
    fn read(&self, register: &str, subject: Subject) -> Option<Witness> {
        let [one, other] = self
            .places
            .map(|place| self.answers.get(place)?.fresh.as_ref()?.get(register));
        match (one, other) {
            (Some(one), Some(other)) => (one != other).then_some(Witness::Guests),
            _ => self.promised_otherwise(subject),
        }
    }

    /// Each host has this otherwise than the other's own contract promises.
    fn promised_otherwise(&self, subject: Subject) -> Option<Witness> {
        let [one, other] = self.places;
        let subject = subject.to_string();
        let differs = |place: &Place, other: &Place| {
            let number = self.plan.own_with(other, self.features)?;
            let heard = self.answers.get(place)?.contracts.get(&number)?;
            heard
                .differs
                .iter()
                .find(|differs| differs.subject == subject)
        };
        differs(one, other)?;
        differs(other, one)?;
        Some(Witness::Program)
    }
}

/// What the hosts disagree over, by the names of registers, fields and services.
pub(super) fn name(dispute: Dispute) -> String {
    match dispute {
        Dispute::NoHost => "no host".into(),
        Dispute::VcpuFeatures => Subject::VcpuFeatures.to_string(),
        Dispute::Field(field) => field.to_string(),
        Dispute::UnnamedBits(register) => format!("{register}, reserved bits"),
        Dispute::Implementation => "MIDR_EL1".into(),
        Dispute::UnlistedImplementation => Subject::ImplementationList.to_string(),
        Dispute::Caches => "CLIDR_EL1 and CCSIDR_EL1".into(),
        Dispute::ZeroBlock => Subject::ZeroBlock.to_string(),
        Dispute::VectorLengths => Subject::VectorLengths.to_string(),
        Dispute::PmuCounters => Subject::PmuCounters.to_string(),
        Dispute::PsciVersion => Subject::PsciVersion.to_string(),
        Dispute::Services(bitmap) => Subject::Services(bitmap).to_string(),
        Dispute::Forwarding => Subject::Forwarding.to_string(),
        Dispute::Gic => Subject::Gic.to_string(),
        Dispute::CounterFrequency => Subject::CounterFrequency.to_string(),
        Dispute::AddressBits => Subject::AddressBits.to_string(),
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
