//! The rules that promises run into, and what would help.

use core::cmp::Ordering;
use core::fmt;

use super::super::kernel::{self, KernelRelease};
use super::super::{GicKind, ServiceLimit, ValueSet, VcpuFeatures, VectorLengths};
use super::Reason;
use crate::cpu::{Field, Rule as FieldRule};
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
    /// A guest may only land on what it was told of when it booted.
    Listed,
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
                field, accepted, ..
            } => match accepted.iter().count() {
                0 | 1 => Rule::FixedField,
                _ => Rule::Field(field.rule()),
            },
            Self::UnnamedBits { .. }
            | Self::Implementation { .. }
            | Self::CacheLevels { .. }
            | Self::CacheSize { .. } => Rule::Own,
            Self::AbsentRegister { .. } => Rule::Empty,
            Self::UnlistedImplementation(_) => Rule::Listed,
            Self::VectorLengths { .. } => Rule::SameUpToLongest,
            Self::PsciVersion { .. } => Rule::NoNewer,
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
                accepted,
                kernel,
                ..
            } => field_remedy(field, promised, accepted, kernel),
            Self::UnnamedBits { .. } | Self::ZeroBlock { .. } | Self::CounterFrequency { .. } => {
                Remedy::OtherHardware
            }
            Self::AbsentRegister { .. } => Remedy::OtherHardware,
            Self::Implementation { .. } => Remedy::NewerKernel(KernelRelease::WRITABLE_IDENTITY),
            Self::UnlistedImplementation(_) => Remedy::ListImplementations,
            Self::CacheLevels { .. } | Self::CacheSize { .. } => {
                Remedy::NewerKernel(KernelRelease::WRITABLE_CACHES)
            }
            Self::VectorLengths { promised, host } => match promised.common(host) {
                VectorLengths::NONE => Remedy::LaunchWithoutFeatures(VcpuFeatures::SVE),
                common => Remedy::LaunchWithVectorLengths(common),
            },
            Self::PmuCounters { host, .. } => number(host, Remedy::LaunchWithPmuCounters),
            Self::PsciVersion { host, .. } => host
                .versions()
                .next_back()
                .map_or(Remedy::OtherHardware, Remedy::LaunchWithPsci),
            Self::SystemSuspend => Remedy::LaunchWithoutSystemSuspend,
            Self::Workaround {
                workaround, host, ..
            } => Remedy::LaunchWithLevel(workaround, kernel::greatest_level(workaround, host)),
            Self::Services {
                bitmap,
                promised,
                host,
            } => Remedy::LaunchWithServices(
                bitmap,
                match host {
                    ServiceLimit::Chosen(offered) => promised & offered,
                    ServiceLimit::Fixed(fixed) => fixed,
                },
            ),
            Self::Ptp => Remedy::LaunchWithoutPtp,
            Self::StolenTime => Remedy::LaunchWithoutStolenTime,
            Self::Forwarding => Remedy::NewerKernel(KernelRelease::SMCCC_FILTER),
            Self::GicKind { promised } => Remedy::LaunchWithGic(match promised {
                GicKind::V2 => GicKind::V3,
                GicKind::V3 => GicKind::V2,
            }),
            Self::GicRevision { host, .. } => number(host, Remedy::LaunchWithGicRevision),
            Self::PhysicalCounter => Remedy::LaunchWithVirtualCounterOnly,
            Self::AddressBits { host, .. } => number(host, Remedy::LaunchWithAddressBits),
        }
    }
}

/// A value that the host accepts and that promises less; else a kernel that lets the host's be
/// lowered; else nothing helps.
fn field_remedy(field: Field, promised: u64, accepted: ValueSet, kernel: KernelRelease) -> Remedy {
    let lower = accepted
        .iter()
        .filter(|value| field.may_lower(promised, *value));
    match most_capable(field, lower) {
        Some(value) => Remedy::LaunchWithField { field, value },
        None => match kernel::writable_since(field) {
            Some(since) if since > kernel => Remedy::NewerKernel(since),
            _ => Remedy::OtherHardware,
        },
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
            Self::Own => f.write_str("only the host's own value can be had"),
            Self::Empty => f.write_str("what the kernel does not know holds nothing"),
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
