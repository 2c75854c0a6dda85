//! What a guest should have been launched with: the remedies of a verdict, tried together.

use vambrace_core::contract::{Contract, HostProfile, Reason, Remedy};

use super::adjustments::Adjustments;
use super::record::Judged;

/// A changed contract, and what a host says to it.
#[derive(Debug)]
pub(super) struct Advice {
    /// The changes.
    pub(super) adjustments: Adjustments,
    /// The contract with them.
    pub(super) contract: Contract,
    /// Why the host refuses even that; nothing if it does not.
    pub(super) left: Vec<Reason>,
}

/// Changes `contract` by the remedies of every reason until `host` honours it, or until no remedy
/// is left that a launch choice could be.
///
/// One change may bring up the next: where a feature goes, the registers that depend on it do. That
/// the guest is told of the host's CPU is only advised where it helps.
pub(super) fn advise(contract: &Contract, host: &HostProfile) -> Advice {
    let untold = Advice::found(contract, host, Listing::Untold);
    let told = match untold.left.is_empty() {
        true => return untold,
        false => Advice::found(contract, host, Listing::Told),
    };
    match told.left.len() < untold.left.len() {
        true => told,
        false => untold,
    }
}

/// Whether the guest is told of a CPU that it could land on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    Told,
    Untold,
}

impl Advice {
    fn found(contract: &Contract, host: &HostProfile, listing: Listing) -> Self {
        let mut advice = Self {
            adjustments: Adjustments::default(),
            contract: contract.clone(),
            left: Judged::of(contract, host).reasons,
        };
        for _ in 0..ROUNDS {
            match advice.next(contract, host, listing) {
                Some(next) if !advice.left.is_empty() => advice = next,
                Some(_) | None => break,
            }
        }
        advice.adjustments.prune(contract);
        advice
    }

    /// The same with the remedies of what is left; None if they change nothing for the better.
    fn next(&self, original: &Contract, host: &HostProfile, listing: Listing) -> Option<Self> {
        let mut adjustments = self.adjustments.clone();
        for reason in &self.left {
            match (reason, reason.remedy(), listing) {
                (
                    Reason::UnlistedImplementation { host: own, .. },
                    Remedy::ListImplementations,
                    Listing::Told,
                ) => adjustments.adopt_implementation(*own),
                (_, remedy, _) => {
                    adjustments.adopt(remedy, &self.contract);
                }
            }
        }
        let mut contract = original.clone();
        adjustments.apply(&mut contract).ok()?;
        let left = Judged::of(&contract, host).reasons;
        (left.len() < self.left.len()).then_some(Self {
            adjustments,
            contract,
            left,
        })
    }
}

/// More than things depend on each other.
const ROUNDS: usize = 4;

#[cfg(test)]
mod tests {
    use vambrace_core::contract::ServiceLimit;

    use super::*;
    use crate::contract::samples;

    #[test]
    fn all_remedies_together_make_a_contract_that_the_host_honours() {
        let host = samples::older_host();
        let advice = advise(&samples::contract(), &host);
        assert_eq!(advice.left, []);
        assert!(Judged::of(&advice.contract, &host).is_accepted());
        assert_eq!(
            advice.adjustments.arguments().join(" "),
            "--psci 1.1 --lower ID_AA64ISAR0_EL1.DP=0 --lower ID_AA64MMFR2_EL1.EVT=0"
        );
    }

    #[test]
    fn what_no_launch_choice_helps_is_left() {
        let mut host = samples::older_host();
        host.counter_frequency = 25_000_000;
        let advice = advise(&samples::contract(), &host);
        assert_eq!(
            advice.left,
            [Reason::CounterFrequency {
                promised: 62_500_000,
                host: 25_000_000
            }]
        );
        assert!(!advice.adjustments.is_empty());
    }

    #[test]
    fn a_cpu_that_the_guest_was_not_told_of_is_listed() {
        let mut host = samples::host();
        host.implementation.midr = 0x413f_d0c1;
        host.implementations = Default::default();
        host.implementations.add(host.implementation).unwrap();
        let advice = advise(&samples::contract(), &host);
        assert_eq!(advice.left, []);
        assert_eq!(
            advice.adjustments.arguments(),
            ["--implementation", "0x413fd0c1:0x0:0x0"]
        );
    }

    #[test]
    fn a_host_that_cannot_tell_of_others_is_not_advised_to() {
        let mut host = samples::host();
        host.implementation.midr = 0x413f_d0c1;
        host.implementations = Default::default();
        host.implementations.add(host.implementation).unwrap();
        host.services[3] = ServiceLimit::Fixed(0);
        let advice = advise(&samples::contract(), &host);
        assert_eq!(advice.left.len(), 1);
        assert!(advice.adjustments.is_empty(), "{:?}", advice.adjustments);
    }

    #[test]
    fn what_goes_with_a_feature_is_not_lowered_too() {
        let advice = advise(&samples::contract_with_sve(), &samples::older_host());
        assert_eq!(advice.left, []);
        assert_eq!(
            advice.adjustments.arguments().join(" "),
            "--without sve --psci 1.1 --lower ID_AA64ISAR0_EL1.DP=0 --lower ID_AA64MMFR2_EL1.EVT=0"
        );
    }
}
