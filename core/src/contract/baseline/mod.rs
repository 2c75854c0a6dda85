//! The most capable contract that several hosts accept.
//!
//! Each host only shrinks what is left: of every field the values that all accept so far, of every
//! version, level and bitmap likewise. So hosts are added one by one, none is kept, and a thousand
//! cost no more memory than one. What is left at the end is the baseline, or a list of
//! [`Conflict`]s: things of which nothing is left.
//!
//! Values that every host keeps are preferred. Where there is none, the least is taken that some host
//! is known to rewrite, because that host accepts it all the same; only such a value, on which no
//! guest relies, can be greater than what fewer hosts would have in common.

#![expect(
    clippy::result_large_err,
    reason = "there is no heap to keep every conflict in"
)]

mod add;
mod caches;
mod choose;

use core::fmt;

use heapless::Vec;

use self::caches::CachesLeft;
use super::contradiction::Contradiction;
use super::profile::{Capabilities, HostProfile, PsciVersions, VIEWS};
use super::{Contract, ServedBy, Subject, ValueSet, VcpuFeatures, VectorLengths};
use crate::cpu::{Field, IdRegister, IdRegisters};
use crate::firmware::{Bitmap, Dialect, KvmGeneration};
use crate::memory::Ipa;
use crate::psci::PsciVersion;
use crate::vendor_hyp::{Implementation, Implementations};

/// What a baseline shall be like, as far as hosts do not decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wishes {
    /// Who answers the guest's firmware calls.
    pub served_by: ServedBy,
    /// What the vCPUs are made with.
    pub vcpu_features: VcpuFeatures,
    /// Where the structure of stolen time lies, if there shall be one.
    pub stolen_time: Option<Ipa>,
    /// PSCI shall not be newer than this.
    pub newest_psci: PsciVersion,
}

impl Wishes {
    /// A machine without any vCPU feature and without stolen time, served by the host's kernel.
    pub const PLAIN: Self = Self {
        served_by: ServedBy::Kernel,
        vcpu_features: VcpuFeatures::empty(),
        stolen_time: None,
        newest_psci: PsciVersion::V1_3,
    };

    /// The same, served by core instead of the kernels of `hosts`, and with no newer PSCI than they
    /// all have: a machine is not to become more capable because kernels disagree.
    #[must_use]
    pub fn served_by_core_instead<'a>(
        self,
        hosts: impl IntoIterator<Item = &'a HostProfile>,
    ) -> Self {
        let common = hosts
            .into_iter()
            .map(HostProfile::possible_psci_versions)
            .fold(PsciVersions::all(), |common, versions| common & versions);
        let newest = common.versions().next_back();
        Self {
            served_by: NEWEST_CORE,
            newest_psci: newest.map_or(self.newest_psci, |newest| newest.min(self.newest_psci)),
            ..self
        }
    }
}

/// Why there is no baseline: all things of which no value is left that every host accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impossible {
    conflicts: Vec<Conflict, CONFLICTS>,
}

/// One thing of which the hosts accept nothing in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict {
    /// What it is.
    pub over: Dispute,
    /// The first host, in the order in which they were added, that left nothing of what those
    /// before it accept.
    pub host: usize,
}

/// What hosts can disagree over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispute {
    /// There is no host at all.
    NoHost,
    /// vCPUs cannot be made with the features that are wished.
    VcpuFeatures,
    /// A field of an ID register.
    Field(Field),
    /// Bits of an ID register that no field here names.
    UnnamedBits(IdRegister),
    /// MIDR_EL1, REVIDR_EL1, AIDR_EL1: hosts that cannot be given another's.
    Implementation,
    /// CPUs differ, and the guest cannot be told of all.
    UnlistedImplementation,
    /// CLIDR_EL1 and CCSIDR_EL1.
    Caches,
    /// DCZID_EL0.
    ZeroBlock,
    /// Lengths of SVE vectors.
    VectorLengths,
    /// The number of PMU counters.
    PmuCounters,
    /// The version of PSCI.
    PsciVersion,
    /// The services of one bitmap.
    Services(Bitmap),
    /// Forwarding of calls.
    Forwarding,
    /// The interrupt controller's architecture and revision.
    Gic,
    /// CNTFRQ_EL0.
    CounterFrequency,
    /// The size of the guest-physical address space.
    AddressBits,
    /// Of each thing something is left, and what is left contradicts itself.
    Contradiction(Contradiction),
}

/// The most capable contract that all of `hosts` accept.
///
/// Of the vCPU features that show in registers it has as many as allow one; the hosts' kernels serve
/// it if they can, else core does. A feature can also be what makes one possible: Linux 5.10 cannot
/// hide its PMU, so only a machine that is promised one moves from there.
///
/// # Errors
///
/// What makes even a contract without any vCPU feature, served by the kernels, impossible.
pub fn baseline<'a, I>(hosts: I) -> Result<Contract, Impossible>
where
    I: IntoIterator<Item = &'a HostProfile> + Clone,
{
    for vcpu_features in feature_sets(hosts.clone()).into_iter().rev() {
        let by_kernels = Wishes {
            vcpu_features,
            ..Wishes::PLAIN
        };
        let by_core = by_kernels.served_by_core_instead(hosts.clone());
        for wishes in [by_kernels, by_core] {
            if let Ok(contract) = Baseline::of(&wishes, hosts.clone()) {
                return Ok(contract);
            }
        }
    }
    Baseline::of(&Wishes::PLAIN, hosts)
}

/// Every set of features that show in registers and that all hosts have, though perhaps not together:
/// the empty one first, those with most last.
pub fn feature_sets<'a>(
    hosts: impl IntoIterator<Item = &'a HostProfile>,
) -> Vec<VcpuFeatures, VIEWS> {
    let possible = hosts
        .into_iter()
        .map(HostProfile::vcpu_features)
        .fold(VcpuFeatures::SEEN_IN_REGISTERS, |common, features| {
            common & features
        });
    let mut sets: Vec<VcpuFeatures, VIEWS> = (0..=possible.bits())
        .filter_map(VcpuFeatures::from_bits)
        .filter(|set| possible.contains(*set))
        .collect();
    sets.sort_unstable_by_key(|set| (set.bits().count_ones(), *set));
    sets
}

impl Impossible {
    /// Everything over which the hosts disagree.
    #[must_use]
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }
}

/// A baseline in the making.
#[derive(Debug, Clone)]
pub struct Baseline {
    wishes: Wishes,
    hosts: usize,
    fields: [FieldLeft; Field::COUNT],
    /// Bits that are no field whose values were tried; none before a host that has such vCPUs.
    fixed_bits: Option<IdRegisters>,
    capabilities: Capabilities,
    psci_versions: PsciVersions,
    workarounds: [ValueSet; 3],
    workaround_2_without_ssbs: ValueSet,
    services: [ServicesLeft; 4],
    own_implementation: Option<Implementation>,
    implementations: Implementations,
    caches: CachesLeft,
    zero_block: u8,
    counter_frequency: u32,
    address_bits: ValueSet,
    gics: [ValueSet; 2],
    vector_lengths: Option<VectorLengths>,
    pmu_counters: ValueSet,
    conflicts: Vec<Conflict, CONFLICTS>,
    /// Whether some host clears fields whose prerequisites are 0.
    clears_dependents: bool,
}

/// The values of a field that all hosts this far keep, and those that they accept.
#[derive(Debug, Clone, Copy)]
struct FieldLeft {
    kept: u16,
    accepted: u16,
}

/// The services of a bitmap that all hosts this far can be asked for, and those that some host has
/// whether asked or not.
#[derive(Debug, Clone, Copy)]
struct ServicesLeft {
    offered: u64,
    fixed: Option<u64>,
}

impl Baseline {
    /// No host yet: nothing is excluded.
    #[must_use]
    pub fn new(wishes: &Wishes) -> Self {
        Self {
            wishes: *wishes,
            hosts: 0,
            fields: [FieldLeft {
                kept: u16::MAX,
                accepted: u16::MAX,
            }; Field::COUNT],
            fixed_bits: None,
            capabilities: Capabilities::all(),
            psci_versions: PsciVersions::all(),
            workarounds: [EVERYTHING; 3],
            workaround_2_without_ssbs: EVERYTHING,
            services: [ServicesLeft {
                offered: u64::MAX,
                fixed: None,
            }; 4],
            own_implementation: None,
            implementations: Implementations::new(),
            caches: CachesLeft::ALL,
            zero_block: 0,
            counter_frequency: 0,
            address_bits: EVERYTHING,
            gics: [EVERYTHING; 2],
            vector_lengths: None,
            pmu_counters: EVERYTHING,
            conflicts: Vec::new(),
            clears_dependents: false,
        }
    }

    /// The baseline of these hosts.
    ///
    /// # Errors
    ///
    /// Everything over which they disagree.
    pub fn of<'a>(
        wishes: &Wishes,
        hosts: impl IntoIterator<Item = &'a HostProfile>,
    ) -> Result<Contract, Impossible> {
        let mut baseline = Self::new(wishes);
        for host in hosts {
            baseline.add(host);
        }
        baseline.contract()
    }
}

/// As the architecture, SMCCC or KVM call it.
impl fmt::Display for Dispute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => f.write_str("no host at all"),
            Self::VcpuFeatures => fmt::Display::fmt(&Subject::VcpuFeatures, f),
            Self::Field(field) => fmt::Display::fmt(field, f),
            Self::UnnamedBits(register) => write!(f, "{register}, bits without a name"),
            Self::Implementation => f.write_str("MIDR_EL1, REVIDR_EL1, AIDR_EL1"),
            Self::UnlistedImplementation => fmt::Display::fmt(&Subject::ImplementationList, f),
            Self::Caches => f.write_str("CLIDR_EL1, CCSIDR_EL1"),
            Self::ZeroBlock => fmt::Display::fmt(&Subject::ZeroBlock, f),
            Self::VectorLengths => fmt::Display::fmt(&Subject::VectorLengths, f),
            Self::PmuCounters => fmt::Display::fmt(&Subject::PmuCounters, f),
            Self::PsciVersion => fmt::Display::fmt(&Subject::PsciVersion, f),
            Self::Services(bitmap) => fmt::Display::fmt(bitmap, f),
            Self::Forwarding => fmt::Display::fmt(&Subject::Forwarding, f),
            Self::Gic => fmt::Display::fmt(&Subject::Gic, f),
            Self::CounterFrequency => fmt::Display::fmt(&Subject::CounterFrequency, f),
            Self::AddressBits => fmt::Display::fmt(&Subject::AddressBits, f),
            Self::Contradiction(contradiction) => fmt::Display::fmt(contradiction, f),
        }
    }
}

/// The values of wide fields are not tried one by one.
fn is_wide(field: Field) -> bool {
    field.width() > 4
}

fn tried_bits(register: IdRegister) -> u64 {
    register
        .fields()
        .filter(|field| !is_wide(*field))
        .fold(0, |bits, field| bits | field.mask())
}

const EVERYTHING: ValueSet = ValueSet::from_bits(u64::MAX);

/// The newest answers that core can give, whatever the host's kernel.
const NEWEST_CORE: ServedBy = ServedBy::Core(Dialect::Kvm(KvmGeneration::V7_3));
/// Room for a conflict over everything at once.
const CONFLICTS: usize = Field::COUNT + IdRegister::COUNT + 32;
