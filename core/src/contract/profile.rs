//! What one host was seen to accept: its CPU and its kernel together.
//!
//! Nothing in a profile is looked up by a CPU's or a kernel's name. Whoever probes makes a machine
//! that never runs and tries: which values a field of an ID register can be given, which versions,
//! levels and bits a firmware register. What is recorded are *sets*: the values that were accepted
//! and read back as written, and those that were accepted and read back as something else.

use heapless::Vec;

use super::kernel::KernelRelease;
use super::{Caches, GicKind, ValueSet, VcpuFeatures, VectorLengths};
use crate::cpu::{Field, IdRegister, IdRegisters};
use crate::firmware::Workaround;
use crate::psci::PsciVersion;
use crate::vendor_hyp::{Implementation, Implementations};

/// A host, as it was probed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostProfile {
    /// Its kernel's release. Only explanations read it, and the table of what kernels do that have
    /// no register to ask.
    pub kernel: KernelRelease,
    /// What it has besides registers.
    pub capabilities: Capabilities,
    /// The PSCI versions from 0.2 on that KVM can be given.
    pub psci_versions: PsciVersions,
    /// Workarounds 1, 2 and 3.
    pub workarounds: WorkaroundLimits,
    /// The bitmaps of services, in [`Bitmap::ALL`](crate::firmware::Bitmap::ALL)'s order.
    pub services: [ServiceLimit; 4],
    /// What MIDR_EL1, REVIDR_EL1 and AIDR_EL1 say in a machine that is told nothing.
    pub implementation: Implementation,
    /// All kinds of CPU that a machine may run on here.
    pub implementations: Implementations,
    /// CLIDR_EL1 and CCSIDR_EL1.
    pub caches: CacheLimits,
    /// DCZID_EL0.
    pub zero_block: u8,
    /// CNTFRQ_EL0 in Hz.
    pub counter_frequency: u32,
    /// The sizes of guest-physical address space that a machine can have, in bits.
    pub address_bits: ValueSet,
    /// The interrupt controllers that a machine can have.
    pub gic_v2: Option<GicLimits>,
    /// The same for GICv3.
    pub gic_v3: Option<GicLimits>,
    /// One view for each set of [`VcpuFeatures::SEEN_IN_REGISTERS`] that a vCPU can be made with;
    /// the first has none.
    pub views: Vec<View, VIEWS>,
}

/// The ID registers of a vCPU made with certain features, and what they can be made to hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    /// The features.
    pub features: VcpuFeatures,
    /// What the registers hold if nothing is written; 0 for those that the kernel does not list.
    pub registers: IdRegisters,
    /// Whether the kernel lists the register; what it does not list reads as 0.
    pub listed: ListedRegisters,
    /// The bits that the kernel says can be written (KVM_ARM_GET_REG_WRITABLE_MASKS); older
    /// kernels do not say.
    pub writable: Option<IdRegisters>,
    /// What each field was seen to accept while the others held [`Self::registers`].
    pub fields: FieldLimits,
    /// The vector lengths that the vCPU can have; none without SVE.
    pub vector_lengths: VectorLengths,
    /// The numbers of PMU counters that the vCPU can be given; empty without a PMU.
    pub pmu_counters: ValueSet,
}

/// Whether each ID register is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListedRegisters([bool; IdRegister::COUNT]);

/// What each field accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FieldLimits([FieldLimit; Field::COUNT]);

/// What a field of an ID register accepts, its register holding the host's values else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FieldLimit {
    /// Bit `n`: value `n` is accepted and reads back as written.
    pub accepts: u16,
    /// Bit `n`: value `n` is accepted and reads back as [`Self::becomes`].
    pub rewrites: u16,
    /// What rewritten values read back as; 0 if none is rewritten.
    pub becomes: u8,
}

/// The levels that the registers of the workarounds accept; each member is a value of the register
/// as KVM numbers it, 0–31. None where the kernel has no such register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkaroundLimits {
    /// KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1.
    pub one: Option<ValueSet>,
    /// KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2, the guest's ID_AA64PFR1_EL1.SSBS being the host's.
    pub two: Option<ValueSet>,
    /// The same after SSBS has been set to 0; None if it cannot be.
    pub two_without_ssbs: Option<ValueSet>,
    /// KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3.
    pub three: Option<ValueSet>,
}

/// Whether a guest has speculative store bypassing to control itself (ID_AA64PFR1_EL1.SSBS): a
/// kernel takes workaround 2 for needless where it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ssbs {
    /// It has.
    Present,
    /// It has not.
    Absent,
}

/// The services of one bitmap that the host's kernel answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceLimit {
    /// There is a register: any set of these bits can be chosen.
    Chosen(u64),
    /// There is none: the kernel answers exactly these, whoever asks.
    Fixed(u64),
}

/// The shape of the caches, and whether a machine can be told another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheLimits {
    /// What is told if nothing is written.
    pub host: Caches,
    /// What of it can be replaced.
    pub writable: Writable,
    /// Whether the CPU's data caches have to be cleaned for instructions to be seen.
    pub cleaning: Cleaning,
}

/// Whether data caches have to be cleaned for instructions to be seen (CTR_EL0.IDC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cleaning {
    /// They have (IDC = 0).
    Needed,
    /// They have not (IDC = 1).
    Needless,
}

/// What of the shape of the caches can be replaced for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Writable {
    /// All of it, within the rules for it (Linux 6.10).
    Yes,
    /// CCSIDR_EL1. A CLIDR_EL1 is taken without a word, and the host's own is back in every vCPU that
    /// is reset, by CPU_ON too (Linux 6.3 to 6.9).
    SizesOnly,
    /// Nothing: only the host's own is accepted.
    No,
}

/// What an interrupt controller of one kind can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GicLimits {
    /// GICD_IIDR.Revision if nothing is written.
    pub default_revision: u8,
    /// The revisions that were accepted and read back as written.
    pub revisions: ValueSet,
}

bitflags::bitflags! {
    /// What a host has that is not seen in a register's limits.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Capabilities: u16 {
        /// It can forward firmware calls (KVM_ARM_VM_SMCCC_FILTER, Linux 6.4).
        const SMCCC_FILTER = 1 << 0;
        /// MIDR_EL1, REVIDR_EL1 and AIDR_EL1 can be written (KVM_CAP_ARM_WRITABLE_IMP_ID_REGS,
        /// Linux 6.15).
        const WRITABLE_IMPLEMENTATION = 1 << 1;
        /// Both counters have a settable offset (KVM_CAP_COUNTER_OFFSET, Linux 6.4).
        const COUNTER_OFFSET = 1 << 2;
        /// It counts stolen time (KVM_ARM_VCPU_PVTIME_IPA).
        const STOLEN_TIME = 1 << 3;
        /// SYSTEM_SUSPEND can be had (KVM_CAP_ARM_SYSTEM_SUSPEND, Linux 5.19).
        const SYSTEM_SUSPEND = 1 << 4;
        /// Guests may run AArch32 at EL1 (KVM_CAP_ARM_EL1_32BIT).
        const AARCH32_EL1 = 1 << 5;
        /// Guests may have memory tagging (KVM_CAP_ARM_MTE).
        const MEMORY_TAGGING = 1 << 6;
        /// Guests may have an EL2 (KVM_CAP_ARM_EL2).
        const NESTED = 1 << 7;
    }
}

bitflags::bitflags! {
    /// Versions of PSCI.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct PsciVersions: u8 {
        /// 0.2.
        const V0_2 = 1 << 0;
        /// 1.0.
        const V1_0 = 1 << 1;
        /// 1.1.
        const V1_1 = 1 << 2;
        /// 1.2.
        const V1_2 = 1 << 3;
        /// 1.3.
        const V1_3 = 1 << 4;
    }
}

impl HostProfile {
    /// The versions of PSCI that a machine can have here: those that its kernel's register accepts,
    /// or, where there is none, the one that a guest finds (from 0.2 on).
    #[must_use]
    pub fn possible_psci_versions(&self) -> PsciVersions {
        match self.psci_versions.is_empty() {
            true => PsciVersions::only(self.kernel.default_psci()).unwrap_or_default(),
            false => self.psci_versions,
        }
    }

    /// All features that a vCPU can be made with here, though perhaps not together.
    #[must_use]
    pub fn vcpu_features(&self) -> VcpuFeatures {
        let aarch32 = match self.capabilities.contains(Capabilities::AARCH32_EL1) {
            true => VcpuFeatures::AARCH32_EL1,
            false => VcpuFeatures::empty(),
        };
        self.views
            .iter()
            .fold(aarch32, |all, view| all | view.features)
    }

    /// The view of a vCPU with these features; AARCH32_EL1 does not matter. None if no vCPU can be
    /// made with them.
    #[must_use]
    pub fn view(&self, features: VcpuFeatures) -> Option<&View> {
        let features = features & VcpuFeatures::SEEN_IN_REGISTERS;
        self.views.iter().find(|view| view.features == features)
    }

    /// What a GIC of this kind can be.
    #[must_use]
    pub const fn gic(&self, kind: GicKind) -> Option<GicLimits> {
        match kind {
            GicKind::V2 => self.gic_v2,
            GicKind::V3 => self.gic_v3,
        }
    }
}

impl ListedRegisters {
    /// Every register that `lists` says yes to.
    pub fn new(mut lists: impl FnMut(IdRegister) -> bool) -> Self {
        let mut listed = Self([false; IdRegister::COUNT]);
        for (slot, register) in listed.0.iter_mut().zip(IdRegister::all()) {
            *slot = lists(register);
        }
        listed
    }

    /// Whether this one is.
    #[must_use]
    pub fn contains(&self, register: IdRegister) -> bool {
        self.0
            .get(usize::from(register.index()))
            .copied()
            .unwrap_or(false)
    }
}

impl FieldLimits {
    /// What `limit` says of each field.
    pub fn new(mut limit: impl FnMut(Field) -> FieldLimit) -> Self {
        let mut limits = Self([FieldLimit::default(); Field::COUNT]);
        for (slot, field) in limits.0.iter_mut().zip(Field::all()) {
            *slot = limit(field);
        }
        limits
    }

    /// What was seen of this one.
    #[must_use]
    pub fn of(&self, field: Field) -> FieldLimit {
        self.0
            .get(usize::from(field.index()))
            .copied()
            .unwrap_or_default()
    }
}

impl FieldLimit {
    /// The limit of a field that holds `value` and accepts nothing else. Of a field wider than four
    /// bits, whose values are not tried, that is all that is known.
    #[must_use]
    pub fn fixed(value: u64) -> Self {
        Self {
            accepts: narrow(ValueSet::only(value)),
            ..Self::default()
        }
    }

    /// The values that are accepted and kept.
    #[must_use]
    pub fn accepted(self) -> ValueSet {
        ValueSet::from_bits(self.accepts.into())
    }

    /// The values that are accepted and become [`Self::becomes`].
    #[must_use]
    pub fn rewritten(self) -> ValueSet {
        ValueSet::from_bits(self.rewrites.into())
    }
}

impl Ssbs {
    /// What this value of the field says.
    #[must_use]
    pub const fn of(field: u64) -> Self {
        match field {
            0 => Self::Absent,
            _ => Self::Present,
        }
    }
}

impl WorkaroundLimits {
    /// The values that the register of a workaround accepts in a machine whose guest has SSBS or
    /// not; None if the kernel has no such register.
    #[must_use]
    pub fn of(&self, workaround: Workaround, ssbs: Ssbs) -> Option<ValueSet> {
        match (workaround, ssbs) {
            (Workaround::One, _) => self.one,
            (Workaround::Two, Ssbs::Present) => self.two,
            (Workaround::Two, Ssbs::Absent) => self.two_without_ssbs.or(self.two),
            (Workaround::Three, _) => self.three,
            (Workaround::Four, _) => None,
        }
    }
}

impl ServiceLimit {
    /// Whether a machine can have exactly these services.
    #[must_use]
    pub const fn honours(self, promised: u64) -> bool {
        match self {
            Self::Chosen(offered) => promised & !offered == 0,
            Self::Fixed(fixed) => promised == fixed,
        }
    }

    /// Whether a machine can have these services, and perhaps others besides.
    #[must_use]
    pub const fn has(self, services: u64) -> bool {
        match self {
            Self::Chosen(all) | Self::Fixed(all) => services & !all == 0,
        }
    }
}

impl CacheLimits {
    /// Whether a machine can be told this shape.
    #[must_use]
    pub fn accepts(&self, caches: &Caches) -> bool {
        let sizes = caches.sizes.iter().zip(self.host.sizes);
        self.accepts_levels(caches.levels)
            && sizes
                .into_iter()
                .all(|(size, host)| self.accepts_size(*size, host))
    }

    /// Whether CLIDR_EL1 can be given this value (`set_clidr`): no reserved bit, and where caches
    /// have to be cleaned for instructions to be seen, a level to which.
    #[must_use]
    pub const fn accepts_levels(&self, levels: u64) -> bool {
        let coherent = levels & CLIDR_LOC == 0 || levels & (CLIDR_LOUIS | CLIDR_LOUU) == 0;
        match (self.writable, self.cleaning) {
            (Writable::No | Writable::SizesOnly, _) => levels == self.host.levels,
            (Writable::Yes, Cleaning::Needless) => levels & CLIDR_RESERVED == 0,
            (Writable::Yes, Cleaning::Needed) => levels & CLIDR_RESERVED == 0 && !coherent,
        }
    }

    /// Whether CCSIDR_EL1 of a cache of which the host says `host` can be given this value
    /// (`set_ccsidr`): no lines shorter than the host's, of a cache that it knows.
    #[must_use]
    pub const fn accepts_size(&self, promised: Option<u32>, host: Option<u32>) -> bool {
        match (promised, host, self.writable) {
            (None, None, _) => true,
            (Some(promised), Some(host), Writable::No) => promised == host,
            (Some(promised), Some(host), Writable::Yes | Writable::SizesOnly) => {
                promised & CCSIDR_LINE_SIZE >= host & CCSIDR_LINE_SIZE
            }
            // Nothing is written; a guest selects no cache that CLIDR_EL1 does not tell of.
            (None, Some(_), _) => true,
            (Some(_), None, _) => false,
        }
    }

    /// CCSIDR_EL1 `size`, with lines no shorter than those of `other`.
    pub(super) const fn longer_lines(size: u32, other: u32) -> u32 {
        let line = size & CCSIDR_LINE_SIZE;
        let other = other & CCSIDR_LINE_SIZE;
        size & !CCSIDR_LINE_SIZE | if line > other { line } else { other }
    }
}

impl PsciVersions {
    /// Whether `version` is one of them.
    #[must_use]
    pub fn has(self, version: PsciVersion) -> bool {
        Self::only(version).is_some_and(|version| self.contains(version))
    }

    /// The set of this version; 0.1 has none, as it is not KVM's register that chooses it.
    #[must_use]
    pub const fn only(version: PsciVersion) -> Option<Self> {
        match version {
            PsciVersion::V0_2 => Some(Self::V0_2),
            PsciVersion::V1_0 => Some(Self::V1_0),
            PsciVersion::V1_1 => Some(Self::V1_1),
            PsciVersion::V1_2 => Some(Self::V1_2),
            PsciVersion::V1_3 => Some(Self::V1_3),
            _ => None,
        }
    }

    /// Those of them that are no newer than `newest`.
    #[must_use]
    pub fn up_to(self, newest: PsciVersion) -> Self {
        let kept = self.versions().filter(|version| *version <= newest);
        kept.filter_map(Self::only).collect()
    }

    /// Those in it, the oldest first.
    pub fn versions(self) -> impl DoubleEndedIterator<Item = PsciVersion> {
        VERSIONS
            .into_iter()
            .filter(move |version| self.has(*version))
    }
}

fn narrow(set: ValueSet) -> u16 {
    u16::try_from(set.bits() & u64::from(u16::MAX)).unwrap_or(0)
}

// Fields of CLIDR_EL1 and CCSIDR_EL1 (DDI0487 D24.2).
/// What CLIDR_EL1 has no field for: 63:47.
const CLIDR_RESERVED: u64 = 0xffff_8000_0000_0000;
/// CLIDR_EL1.LoUU, 29:27.
const CLIDR_LOUU: u64 = 0x3800_0000;
/// CLIDR_EL1.LoC, 26:24.
const CLIDR_LOC: u64 = 0x0700_0000;
/// CLIDR_EL1.LoUIS, 23:21.
const CLIDR_LOUIS: u64 = 0x00e0_0000;
/// CCSIDR_EL1.LineSize, 2:0: log2 of the words in a line, less 2.
const CCSIDR_LINE_SIZE: u32 = 0x7;

const VERSIONS: [PsciVersion; 5] = [
    PsciVersion::V0_2,
    PsciVersion::V1_0,
    PsciVersion::V1_1,
    PsciVersion::V1_2,
    PsciVersion::V1_3,
];

/// Each subset of [`VcpuFeatures::SEEN_IN_REGISTERS`].
pub const VIEWS: usize = 8;
