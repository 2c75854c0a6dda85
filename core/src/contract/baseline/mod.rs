//! The most capable contract that several hosts accept.
//!
//! Each host only shrinks what is left: of every field the values that all accept so far, of every
//! version, level and bitmap likewise. So hosts are added one by one, none is kept, and a thousand
//! cost no more memory than one. What is left at the end is the baseline, or a list of
//! [`Conflict`]s: things of which nothing is left.
//!
//! Values that every host keeps are preferred; where there is none, values that some host is known
//! to rewrite are taken, because that host accepts them all the same.

#![expect(
    clippy::result_large_err,
    reason = "there is no heap to keep every conflict in"
)]

mod add;
mod caches;
mod choose;

use heapless::Vec;

use self::caches::CachesLeft;
use super::profile::{Capabilities, HostProfile, PsciVersions, VIEWS};
use super::{Contract, ServedBy, ValueSet, VcpuFeatures, VectorLengths};
use crate::cpu::{Field, IdRegister, IdRegisters};
use crate::firmware::{Bitmap, Dialect, KvmGeneration, Services, Workaround};
use crate::memory::Ipa;
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
}

impl Wishes {
    /// A machine without any vCPU feature and without stolen time, served by the host's kernel.
    pub const PLAIN: Self = Self {
        served_by: ServedBy::Kernel,
        vcpu_features: VcpuFeatures::empty(),
        stolen_time: None,
    };
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
        for served_by in [ServedBy::Kernel, NEWEST_CORE] {
            let wishes = Wishes {
                served_by,
                vcpu_features,
                ..Wishes::PLAIN
            };
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
    /// Bits that are no field whose values were tried.
    fixed_bits: IdRegisters,
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
    vector_lengths: VectorLengths,
    pmu_counters: ValueSet,
    conflicts: Vec<Conflict, CONFLICTS>,
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
            fixed_bits: IdRegisters::from_fn(|_| 0),
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
            vector_lengths: VectorLengths::NONE,
            pmu_counters: EVERYTHING,
            conflicts: Vec::new(),
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
/// KVM_REG_ARM_VENDOR_HYP_BIT_PTP as a bit of its register.
const PTP: u64 = 2;
/// What a guest needs to be told of several implementations.
const LISTING: Services = Services::DISCOVER_IMPL_VERSION.union(Services::DISCOVER_IMPL_CPUS);
/// Room for a conflict over everything at once.
const CONFLICTS: usize = Field::COUNT + IdRegister::COUNT + 32;

const WORKAROUNDS: [Workaround; 3] = [Workaround::One, Workaround::Two, Workaround::Three];
