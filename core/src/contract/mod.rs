//! The contract: everything that a guest was promised, as one object.
//!
//! A guest reads what it runs on once and relies on it for ever: identification registers, the
//! version of PSCI, which services answer, how fast its counter counts. A [`Contract`] holds every
//! one of these values explicitly; none is "the host's default", because defaults differ from host
//! to host and grow with each kernel.
//!
//! A [`HostProfile`] says what one host, its CPU and its kernel together, was *seen* to accept.
//! [`preflight`] holds the two against each other before anything moves, and [`baseline`] finds the
//! most capable contract that several hosts accept, or what makes one impossible. All three are
//! pure: the host is asked when it is probed, and again, by whoever applies the contract, when the
//! machine is made. Where its kernel then says something else, a rule here is wrong.
//!
//! ```text
//! host ─probe─▶ HostProfile ──┐
//!                             ├─ preflight ─▶ Verdict: accepted, or every Reason
//! Contract ───────────────────┘
//! ```

mod baseline;
mod bytes;
mod contradiction;
mod dependency;
mod kernel;
mod profile;
mod reason;
mod subject;
mod surprise;
mod value_set;
mod vcpu_features;
mod vector_lengths;
mod verdict;

#[cfg(test)]
mod tests;

pub use baseline::{Baseline, Conflict, Dispute, Impossible, Wishes, baseline, feature_sets};
pub use bytes::{Bytes, DecodeError, Digest};
pub use contradiction::Contradiction;
pub use kernel::{Errno, HostLevel, KernelRelease};
pub use profile::{
    CacheLimits, Capabilities, Cleaning, FieldLimit, FieldLimits, GicLimits, HostProfile,
    ListedRegisters, PsciVersions, ServiceLimit, Ssbs, VIEWS, View, WorkaroundLimits, Writable,
};
pub use reason::{ImplementationRegister, Judge, Listing, Normalisation, Reason, Remedy, Rule};
pub use subject::Subject;
pub use surprise::Surprise;
pub use value_set::ValueSet;
pub use vcpu_features::VcpuFeatures;
pub use vector_lengths::VectorLengths;
pub use verdict::{Excess, Finding, Verdict, examine, preflight};

use core::fmt;

use crate::cpu::IdRegisters;
use crate::firmware::{Dialect, Services, Workarounds};
use crate::memory::Ipa;
use crate::psci::{PsciOptions, PsciVersion};
use crate::vendor_hyp::{Implementation, Implementations};

/// What a guest was promised, value by value.
///
/// It is plain data. [`Contract::check`] says whether its values contradict each other; whatever
/// reads one from bytes or text has checked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// Who answers the guest's firmware calls.
    pub served_by: ServedBy,
    /// What the vCPUs are made with.
    pub vcpu_features: VcpuFeatures,
    /// The values of the identification registers; 0 for those the guest finds empty.
    pub id_registers: IdRegisters,
    /// What MIDR_EL1, REVIDR_EL1 and AIDR_EL1 say.
    pub implementation: Implementation,
    /// The implementations that the machine may ever land on, if the guest is told of any: it asks
    /// once, when it boots (DISCOVER_IMPL_CPUS). Empty means it stays on [`Self::implementation`].
    pub implementations: Implementations,
    /// The shape of the caches.
    pub caches: Caches,
    /// DCZID_EL0: the block that DC ZVA zeroes is 4 << BS bytes, BS being bits 3:0; bit 4 forbids
    /// it. No hypervisor intercepts a guest's use of it as a rule.
    pub zero_block: u8,
    /// The lengths of SVE vectors; none without [`VcpuFeatures::SVE`].
    pub vector_lengths: VectorLengths,
    /// Counters of the performance monitor, the cycle counter not counted (PMCR_EL0.N, 0–31); none
    /// without [`VcpuFeatures::PMU`].
    pub pmu_counters: Option<u8>,
    /// The version of PSCI.
    pub psci_version: PsciVersion,
    /// Its optional functions.
    pub psci_options: PsciOptions,
    /// The levels of the architecture workarounds.
    pub workarounds: Workarounds,
    /// The services that answer.
    pub services: Services,
    /// Where the structure of stolen time of the first vCPU lies, if the guest has one.
    pub stolen_time: Option<Ipa>,
    /// The interrupt controller.
    pub gic: Gic,
    /// The system counter.
    pub counter: Counter,
    /// Bits of guest-physical address.
    pub address_bits: u8,
}

/// Who answers a guest's firmware calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServedBy {
    /// The host's kernel, with its own words: they differ a little between generations.
    Kernel,
    /// This crate, in this dialect on every host. The host's kernel forwards the calls.
    Core(Dialect),
}

/// An interrupt controller, as far as a guest relies on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gic {
    /// Its architecture. Neither kind can take the state of the other.
    pub kind: GicKind,
    /// GICD_IIDR.Revision, 0–15, by which KVM numbers the behaviour of its distributor.
    pub revision: u8,
}

/// The architecture of an interrupt controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GicKind {
    /// GICv2 (IHI0048).
    V2,
    /// GICv3 (IHI0069).
    V3,
}

/// The system counter, as far as a guest relies on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// CNTFRQ_EL0 in Hz. A guest counts at the host's frequency, whatever it was told.
    pub frequency: u32,
    /// What of it goes on when the machine moves.
    pub policy: ClockPolicy,
}

/// Which counters go on where they were after a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockPolicy {
    /// CNTVCT_EL0; CNTPCT_EL0 is the host's. Every KVM can do it.
    Virtual,
    /// CNTVCT_EL0 and CNTPCT_EL0, by one offset for both (KVM_ARM_SET_COUNTER_OFFSET, Linux 6.4).
    VirtualAndPhysical,
}

/// The shape of the caches that CLIDR_EL1 and CCSIDR_EL1 tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caches {
    /// CLIDR_EL1.
    pub levels: u64,
    /// CCSIDR_EL1 for each value of CSSELR_EL1 from 0 on, where there is such a cache.
    pub sizes: [Option<u32>; CACHES],
}

/// The values of CSSELR_EL1 that KVM knows: seven levels, data or unified and instruction.
pub const CACHES: usize = 14;

impl Caches {
    /// None.
    pub const NONE: Self = Self {
        levels: 0,
        sizes: [None; CACHES],
    };

    /// The values of CSSELR_EL1 at which there is a cache.
    #[must_use]
    pub fn selectors(&self) -> ValueSet {
        let caches = (0..).zip(&self.sizes);
        caches
            .filter_map(|(selector, size)| size.map(|_| selector))
            .collect()
    }
}

impl fmt::Display for GicKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "GICv2",
            Self::V3 => "GICv3",
        })
    }
}
