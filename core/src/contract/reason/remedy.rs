//! The rules that promises run into, and what would help.

use core::cmp::Ordering;
use core::fmt;

use super::super::kernel::{self, KernelRelease};
use super::super::profile::CacheLimits;
use super::super::{
    Caches, Cleaning, GicKind, ServiceLimit, ValueSet, VcpuFeatures, VectorLengths, Writable,
};
use super::{Listing, Reason};
use crate::cpu::{Field, IdRegister, Rule as FieldRule};
use crate::firmware::{Bitmap, Level, Workaround};
use crate::psci::PsciVersion;

/// The rule that a promise runs into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The safe-value rule of the field.
    Field(FieldRule),
    /// The field is not one that this kernel lets anybody write.
    FixedField,
    /// Only the host's own value can be had.
    Own,
    /// What the kernel does not know holds nothing.
    Empty,
    /// A kernel without the register always answers the same.
    Unasked,
    /// Where data caches have to be cleaned for instructions to be seen, there is a level to which.
    LevelToCleanTo,
    /// No lines shorter than the host's: who cleans by them leaves none out.
    NoShorterLines,
    /// A cache that the host's kernel knows.
    KnownCache,
    /// A guest may only land on what it was told of when it booted.
    Listed,
    /// Whatever a field depends on is there too.
    Prerequisite,
    /// What is no longer than the longest promised length must be the same.
    SameUpToLongest,
    /// No newer than the kernel has.
    NoNewer,
    /// No more than the host's level.
    AtMostHostLevel,
    /// A part of what the kernel answers.
    Subset,
    /// All of what the kernel answers: it cannot be asked to leave any out.
    AllOrNothing,
    /// One of those that can be had.
    OneOf,
    /// It has to be there.
    Present,
    /// It has to be the same: nobody converts it.
    Same,
}

/// What would make the host accept, or the machine acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Launch the machine with this value of the field.
    LaunchWithField {
        /// The field.
        field: Field,
        /// A value that the host accepts and that promises less.
        value: u64,
    },
    /// Launch it with 0 in this ID register.
    LaunchWithoutRegister(IdRegister),
    /// Launch it with this value of CLIDR_EL1.
    LaunchWithCacheLevels(u64),
    /// Launch it with this value of CCSIDR_EL1.
    LaunchWithCacheSize {
        /// For this value of CSSELR_EL1.
        selector: u8,
        /// The value.
        size: u32,
    },
    /// Launch it without these vCPU features.
    LaunchWithoutFeatures(VcpuFeatures),
    /// Launch it with this PSCI version.
    LaunchWithPsci(PsciVersion),
    /// Launch it with this level of the workaround.
    LaunchWithLevel(Workaround, Level),
    /// Launch it with these services of the bitmap.
    LaunchWithServices(Bitmap, u64),
    /// Launch it with these vector lengths.
    LaunchWithVectorLengths(VectorLengths),
    /// Launch it with so many PMU counters.
    LaunchWithPmuCounters(u8),
    /// Launch it with this revision of the interrupt controller.
    LaunchWithGicRevision(u8),
    /// Launch it with an address space of so many bits.
    LaunchWithAddressBits(u8),
    /// Launch it with this interrupt controller.
    LaunchWithGic(GicKind),
    /// Launch it without SYSTEM_SUSPEND.
    LaunchWithoutSystemSuspend,
    /// Launch it without PTP.
    LaunchWithoutPtp,
    /// Launch it without stolen time.
    LaunchWithoutStolenTime,
    /// Launch it promising CNTVCT_EL0 alone.
    LaunchWithVirtualCounterOnly,
    /// Tell the guest of all implementations that it may land on when it boots.
    ListImplementations,
    /// Run this release or a newer one on the host.
    NewerKernel(KernelRelease),
    /// A host with other hardware: no kernel known here gives it to this one.
    OtherHardware,
}

impl Reason {
    /// The rule that the promise runs into.
    #[must_use]
    pub fn rule(&self) -> Rule {
        match *self {
            Self::Field {
                field,
                promised,
                host,
                accepted,
                ..
            } => match (field.may_lower(host, promised), accepted.iter().count()) {
                (false, _) => Rule::Field(field.rule()),
                (true, 0 | 1) => Rule::FixedField,
                (true, _) => Rule::OneOf,
            },
            Self::UnnamedBits { .. }
            | Self::Implementation { .. }
            | Self::CacheLevels {
                writable: Writable::No | Writable::SizesOnly,
                ..
            } => Rule::Own,
            Self::CacheLevels { cleaning, .. } => match cleaning {
                Cleaning::Needed => Rule::LevelToCleanTo,
                // Nothing but a reserved bit is refused.
                Cleaning::Needless => Rule::Empty,
            },
            Self::CacheSize { host: None, .. } => Rule::KnownCache,
            Self::CacheSize { writable, .. } => match writable {
                Writable::Yes | Writable::SizesOnly => Rule::NoShorterLines,
                Writable::No => Rule::Own,
            },
            Self::Dependent { .. } => Rule::Prerequisite,
            Self::AbsentRegister { .. } => Rule::Empty,
            Self::UnlistedImplementation { .. } => Rule::Listed,
            Self::VectorLengths { .. } => Rule::SameUpToLongest,
            Self::PsciVersion { host, .. } => match host.is_empty() {
                true => Rule::Unasked,
                false => Rule::NoNewer,
            },
            Self::Workaround { .. } => Rule::AtMostHostLevel,
            Self::Services {
                host: ServiceLimit::Chosen(_),
                ..
            } => Rule::Subset,
            Self::Services {
                host: ServiceLimit::Fixed(_),
                ..
            } => Rule::AllOrNothing,
            Self::PmuCounters { .. } | Self::GicRevision { .. } | Self::AddressBits { .. } => {
                Rule::OneOf
            }
            Self::VcpuFeatures { .. }
            | Self::SystemSuspend
            | Self::Ptp
            | Self::StolenTime
            | Self::Forwarding
            | Self::PhysicalCounter
            | Self::GicKind { .. } => Rule::Present,
            Self::ZeroBlock { .. } | Self::CounterFrequency { .. } => Rule::Same,
        }
    }

    /// What would help.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match *self {
            Self::VcpuFeatures { missing } => Remedy::LaunchWithoutFeatures(missing),
            Self::Field {
                field,
                promised,
                host,
                accepted,
                kernel,
            } => lower(field, promised, accepted)
                .or(newer_kernel(field, promised, host, kernel))
                .unwrap_or(Remedy::OtherHardware),
            Self::Dependent { field, .. } => Remedy::LaunchWithField { field, value: 0 },
            Self::UnnamedBits { .. } | Self::ZeroBlock { .. } | Self::CounterFrequency { .. } => {
                Remedy::OtherHardware
            }
            Self::AbsentRegister { register, .. } => Remedy::LaunchWithoutRegister(register),
            Self::Implementation { .. } => Remedy::NewerKernel(KernelRelease::WRITABLE_IDENTITY),
            Self::UnlistedImplementation { listing, .. } => listing.remedy(),
            Self::CacheLevels {
                promised,
                host,
                writable,
                cleaning,
            } => levels_remedy(promised, host, writable, cleaning),
            Self::CacheSize {
                selector,
                promised,
                host,
                writable,
            } => size_remedy(selector, promised, host, writable),
            Self::VectorLengths { promised, host } => match promised.common(host) {
                VectorLengths::NONE => Remedy::LaunchWithoutFeatures(VcpuFeatures::SVE),
                common => Remedy::LaunchWithVectorLengths(common),
            },
            Self::PmuCounters { host, .. } => number(host, Remedy::LaunchWithPmuCounters),
            Self::PsciVersion { host, unasked, .. } => {
                Remedy::LaunchWithPsci(host.versions().next_back().unwrap_or(unasked))
            }
            Self::SystemSuspend => Remedy::LaunchWithoutSystemSuspend,
            Self::Workaround {
                workaround, host, ..
            } => Remedy::LaunchWithLevel(workaround, kernel::greatest_level(workaround, host)),
            Self::Services {
                bitmap,
                promised,
                host,
            } => Remedy::LaunchWithServices(bitmap, host.nearest(promised)),
            Self::Ptp => Remedy::LaunchWithoutPtp,
            Self::StolenTime => Remedy::LaunchWithoutStolenTime,
            Self::Forwarding => Remedy::NewerKernel(KernelRelease::SMCCC_FILTER),
            Self::GicKind { host, .. } => host.map_or(Remedy::OtherHardware, Remedy::LaunchWithGic),
            Self::GicRevision { host, .. } => number(host, Remedy::LaunchWithGicRevision),
            Self::PhysicalCounter => Remedy::LaunchWithVirtualCounterOnly,
            Self::AddressBits { host, .. } => number(host, Remedy::LaunchWithAddressBits),
        }
    }
}

impl Listing {
    /// What would let the guest land on a CPU that it was not told of.
    const fn remedy(self) -> Remedy {
        match self {
            Self::Possible => Remedy::ListImplementations,
            Self::NotByKernel => Remedy::NewerKernel(KernelRelease::WRITABLE_IDENTITY),
            Self::NotByDialect => Remedy::OtherHardware,
        }
    }
}

impl ServiceLimit {
    /// Of these services those that a machine can have; all that it cannot be without.
    const fn nearest(self, promised: u64) -> u64 {
        match self {
            Self::Chosen(offered) => promised & offered,
            Self::Fixed(fixed) => fixed,
        }
    }
}

/// What the host accepts and promises less: without the feature that the field tells of, or with
/// another value. Whether a machine can be launched with that is for the host that launches it.
fn lower(field: Field, promised: u64, accepted: ValueSet) -> Option<Remedy> {
    let lower = accepted
        .iter()
        .filter(|value| field.may_lower(promised, *value));
    let value = most_capable(field, lower)?;
    Some(match told_by(field, value) {
        Some(features) => Remedy::LaunchWithoutFeatures(features),
        None => Remedy::LaunchWithField { field, value },
    })
}

/// A kernel that lets what the host has be lowered to what was promised, if this one is older.
fn newer_kernel(field: Field, promised: u64, host: u64, kernel: KernelRelease) -> Option<Remedy> {
    kernel::lowered_since(field, promised)
        .filter(|since| *since > kernel && field.may_lower(host, promised))
        .map(Remedy::NewerKernel)
}

/// The vCPU feature of which the field tells, if a vCPU has this value only without the feature.
fn told_by(field: Field, value: u64) -> Option<VcpuFeatures> {
    match field {
        Field::ID_AA64PFR0_EL1_SVE => Some(VcpuFeatures::SVE),
        Field::ID_AA64DFR0_EL1_PMUVER if value == 0 => Some(VcpuFeatures::PMU),
        Field::ID_AA64ISAR1_EL1_APA
        | Field::ID_AA64ISAR1_EL1_API
        | Field::ID_AA64ISAR1_EL1_GPA
        | Field::ID_AA64ISAR1_EL1_GPI
        | Field::ID_AA64ISAR2_EL1_APA3
        | Field::ID_AA64ISAR2_EL1_GPA3 => Some(VcpuFeatures::POINTER_AUTHENTICATION),
        _ => None,
    }
}

/// A kernel that takes what was promised of CLIDR_EL1; else what the host has.
fn levels_remedy(promised: u64, host: u64, writable: Writable, cleaning: Cleaning) -> Remedy {
    let newer = CacheLimits {
        host: Caches::NONE,
        writable: Writable::Yes,
        cleaning,
    };
    match writable {
        Writable::No | Writable::SizesOnly if newer.accepts_levels(promised) => {
            Remedy::NewerKernel(KernelRelease::WRITABLE_CACHE_LEVELS)
        }
        _ => Remedy::LaunchWithCacheLevels(host),
    }
}

/// A kernel that takes what was promised of CCSIDR_EL1; else that with lines as long as the host's.
fn size_remedy(
    selector: u8,
    promised: Option<u32>,
    host: Option<u32>,
    writable: Writable,
) -> Remedy {
    let newer = Remedy::NewerKernel(KernelRelease::WRITABLE_CACHE_SIZES);
    let (Some(promised), Some(host)) = (promised, host) else {
        return newer;
    };
    let size = CacheLimits::longer_lines(promised, host);
    match writable {
        Writable::No if size == promised => newer,
        Writable::No => Remedy::LaunchWithCacheSize {
            selector,
            size: host,
        },
        Writable::Yes | Writable::SizesOnly => Remedy::LaunchWithCacheSize { selector, size },
    }
}

/// The value that promises most; of several that cannot be compared, the greatest number.
pub(in crate::contract) fn most_capable(
    field: Field,
    values: impl Iterator<Item = u64>,
) -> Option<u64> {
    values.reduce(|best, value| match field.order(value, best) {
        Some(Ordering::Less) => best,
        _ => value,
    })
}

/// The value that promises least; of several that cannot be compared, the least number.
pub(in crate::contract) fn least_capable(
    field: Field,
    values: impl Iterator<Item = u64>,
) -> Option<u64> {
    values.reduce(|least, value| match field.order(value, least) {
        Some(Ordering::Less) => value,
        _ => least,
    })
}

fn number(set: ValueSet, remedy: impl Fn(u8) -> Remedy) -> Remedy {
    set.greatest()
        .and_then(|value| u8::try_from(value).ok())
        .map_or(Remedy::OtherHardware, remedy)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(rule) => f.write_str(match rule {
                FieldRule::LowerSafe => "the host's own value or a lower one",
                FieldRule::HigherSafe => "the host's own value or a higher one",
                FieldRule::HigherOrZeroSafe => "the host's own value, a higher one, or 0",
                FieldRule::Exact => "the host's own value or the safe one",
                FieldRule::Hidden => "0: Linux knows no such field",
            }),
            Self::FixedField => f.write_str("this kernel lets nobody change the field"),
            Self::Prerequisite => f.write_str("what a field depends on has to be there too"),
            Self::Own => f.write_str("only the host's own value can be had"),
            Self::Empty => f.write_str("what the kernel does not know holds nothing"),
            Self::Unasked => f.write_str("a kernel without the register always answers the same"),
            Self::LevelToCleanTo => f.write_str(
                "a level to clean to: this CPU's data caches have to be cleaned for instructions",
            ),
            Self::NoShorterLines => f.write_str("no lines shorter than the host's"),
            Self::KnownCache => f.write_str("a cache that the host's kernel knows"),
            Self::Listed => {
                f.write_str("a guest may only land on CPUs that it was told of when it booted")
            }
            Self::SameUpToLongest => {
                f.write_str("lengths up to the longest promised one must be the same")
            }
            Self::NoNewer => f.write_str("no newer than the kernel has"),
            Self::AtMostHostLevel => f.write_str("no more than the host's own level"),
            Self::Subset => f.write_str("a part of what the kernel offers"),
            Self::AllOrNothing => {
                f.write_str("a kernel without the register cannot be asked to leave anything out")
            }
            Self::OneOf => f.write_str("one of those that the host can have"),
            Self::Present => f.write_str("the host has to have it"),
            Self::Same => f.write_str("it has to be the same: nobody converts it"),
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LaunchWithField { field, value } => write!(f, "launch with {field}={value}"),
            Self::LaunchWithoutRegister(register) => write!(f, "launch with {register}=0"),
            Self::LaunchWithCacheLevels(levels) => write!(f, "launch with CLIDR_EL1={levels:#x}"),
            Self::LaunchWithCacheSize { selector, size } => {
                write!(f, "launch with CCSIDR_EL1[{selector}]={size:#x}")
            }
            Self::LaunchWithoutFeatures(features) => write!(f, "launch without {features}"),
            Self::LaunchWithPsci(version) => write!(f, "launch with PSCI {version}"),
            Self::LaunchWithLevel(workaround, level) => {
                write!(f, "launch with {workaround} {level}")
            }
            Self::LaunchWithServices(bitmap, bits) => write!(f, "launch with {bitmap}={bits:#x}"),
            Self::LaunchWithVectorLengths(lengths) => {
                write!(f, "launch with vector lengths {lengths}")
            }
            Self::LaunchWithPmuCounters(counters) => {
                write!(f, "launch with {counters} PMU counters")
            }
            Self::LaunchWithGicRevision(revision) => {
                write!(f, "launch with GICD_IIDR.Revision {revision}")
            }
            Self::LaunchWithAddressBits(bits) => write!(f, "launch with {bits} address bits"),
            Self::LaunchWithGic(kind) => write!(f, "launch with a {kind}"),
            Self::LaunchWithoutSystemSuspend => f.write_str("launch without SYSTEM_SUSPEND"),
            Self::LaunchWithoutPtp => f.write_str("launch without ptp"),
            Self::LaunchWithoutStolenTime => f.write_str("launch without stolen time"),
            Self::LaunchWithVirtualCounterOnly => {
                f.write_str("launch with the virtual counter promised alone")
            }
            Self::ListImplementations => f.write_str(
                "launch with all implementations listed (discover-impl; `contract baseline` does it)",
            ),
            Self::NewerKernel(release) => write!(f, "run Linux {release} or newer on the host"),
            Self::OtherHardware => f.write_str("none on this hardware"),
        }
    }
}
