//! Why a host cannot honour a contract, who would say so, and what would help.

mod remedy;
mod words;

pub use remedy::{Remedy, Rule};
pub(super) use remedy::{least_capable, most_capable};

use super::contradiction::LISTING;
use super::kernel::{Errno, KernelRelease};
use super::profile::{Capabilities, HostProfile};
use super::{
    Cleaning, GicKind, PsciVersions, ServedBy, ServiceLimit, ValueSet, VcpuFeatures, VectorLengths,
    Writable,
};
use crate::cpu::{Field, IdRegister};
use crate::firmware::{Bitmap, Level, Workaround};
use crate::psci::PsciVersion;
use crate::vendor_hyp::Implementation;

/// One thing that was promised and that a host does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A vCPU cannot be made with these features, or not with all of them together.
    VcpuFeatures {
        /// What is missing.
        missing: VcpuFeatures,
    },
    /// A field of an ID register.
    Field {
        /// Which.
        field: Field,
        /// What was promised.
        promised: u64,
        /// What the host has if nothing is written.
        host: u64,
        /// What the host was seen to accept.
        accepted: ValueSet,
        /// The release of the host's kernel.
        kernel: KernelRelease,
    },
    /// A field that the kernel clears when the machine first runs, because a field that it depends
    /// on was promised to be 0.
    Dependent {
        /// Which.
        field: Field,
        /// What was promised of it, and is accepted.
        promised: u64,
        /// The field that is 0.
        missing: Field,
    },
    /// Bits of an ID register that belong to no field known here: they can only be the host's.
    UnnamedBits {
        /// Which register.
        register: IdRegister,
        /// Those bits as they were promised.
        promised: u64,
        /// Those bits as the host has them.
        host: u64,
    },
    /// An ID register that is not empty, and that the host's kernel does not know.
    AbsentRegister {
        /// Which.
        register: IdRegister,
        /// What was promised.
        promised: u64,
    },
    /// MIDR_EL1, REVIDR_EL1 or AIDR_EL1, on a host where a guest sees the CPU's own.
    Implementation {
        /// Which.
        register: ImplementationRegister,
        /// What was promised.
        promised: u64,
        /// What the host has.
        host: u64,
    },
    /// A CPU of the host is none of those that the guest was told of.
    UnlistedImplementation {
        /// That CPU.
        host: Implementation,
        /// Whether a guest that this host accepts could have been told of it.
        listing: Listing,
    },
    /// CLIDR_EL1.
    CacheLevels {
        /// What was promised.
        promised: u64,
        /// What the host has.
        host: u64,
        /// Whether another value can be written.
        writable: Writable,
        /// Whether the CPU's data caches have to be cleaned for instructions to be seen.
        cleaning: Cleaning,
    },
    /// CCSIDR_EL1 for one value of CSSELR_EL1.
    CacheSize {
        /// That value.
        selector: u8,
        /// What was promised.
        promised: Option<u32>,
        /// What the host has.
        host: Option<u32>,
        /// Whether another value can be written.
        writable: Writable,
    },
    /// DCZID_EL0.
    ZeroBlock {
        /// What was promised.
        promised: u8,
        /// What the host has.
        host: u8,
    },
    /// Lengths of SVE vectors.
    VectorLengths {
        /// What was promised.
        promised: VectorLengths,
        /// What the host can do.
        host: VectorLengths,
    },
    /// The number of PMU counters.
    PmuCounters {
        /// What was promised.
        promised: u8,
        /// What the host can give.
        host: ValueSet,
    },
    /// The version of PSCI.
    PsciVersion {
        /// What was promised.
        promised: PsciVersion,
        /// What the host's kernel can be given; empty if it has no register for it.
        host: PsciVersions,
        /// What a guest finds there if nothing is written.
        unasked: PsciVersion,
    },
    /// SYSTEM_SUSPEND.
    SystemSuspend,
    /// The level of a workaround.
    Workaround {
        /// Which.
        workaround: Workaround,
        /// What was promised.
        promised: Level,
        /// The values that the host's register accepts; None if there is no such register.
        host: Option<ValueSet>,
    },
    /// Services of one bitmap.
    Services {
        /// Which.
        bitmap: Bitmap,
        /// What was promised.
        promised: u64,
        /// What the host's kernel answers.
        host: ServiceLimit,
    },
    /// The wall clock and the counter read at one instant: only a kernel can.
    Ptp,
    /// Stolen time: only a kernel can count it.
    StolenTime,
    /// Calls that are not the kernel's to answer have to be forwarded.
    Forwarding,
    /// The architecture of the interrupt controller.
    GicKind {
        /// What was promised.
        promised: GicKind,
        /// What the host has, if it has any.
        host: Option<GicKind>,
    },
    /// GICD_IIDR.Revision.
    GicRevision {
        /// What was promised.
        promised: u8,
        /// What the host was seen to accept.
        host: ValueSet,
    },
    /// CNTFRQ_EL0.
    CounterFrequency {
        /// What was promised, in Hz.
        promised: u32,
        /// What the host has, in Hz.
        host: u32,
    },
    /// CNTPCT_EL0 shall go on where it was.
    PhysicalCounter,
    /// The size of the guest-physical address space.
    AddressBits {
        /// What was promised.
        promised: u8,
        /// What a machine can have here.
        host: ValueSet,
    },
}

/// A register that names the CPU's implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImplementationRegister {
    /// MIDR_EL1.
    Midr,
    /// REVIDR_EL1.
    Revidr,
    /// AIDR_EL1.
    Aidr,
}

/// Whether guests that a host accepts can be told of more implementations than their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listing {
    /// They can.
    Possible,
    /// The host's kernel advertises no list of implementations, or forwards no calls.
    NotByKernel,
    /// The dialect in which core serves the machine knows no such list.
    NotByDialect,
}

/// Who says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Judge {
    /// The host's kernel, which refuses the machine or a register of it with this error.
    Kernel(Errno),
    /// Nobody: every kernel accepts the machine, and its guest sees the difference.
    Guest,
}

/// What a host changes of a promise while it accepts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Normalisation {
    /// Which field.
    pub field: Field,
    /// What was promised, and is accepted.
    pub promised: u64,
    /// What the guest then reads.
    pub becomes: u64,
}

impl Listing {
    /// Of guests that are served like this.
    #[must_use]
    pub(super) fn on(host: &HostProfile, served_by: ServedBy) -> Self {
        let advertised = match served_by {
            ServedBy::Core(dialect) if !dialect.services().contains(LISTING) => {
                return Self::NotByDialect;
            }
            ServedBy::Core(_) => true,
            ServedBy::Kernel => Bitmap::ALL
                .into_iter()
                .zip(host.services)
                .all(|(bitmap, limit)| limit.has(LISTING.register(bitmap))),
        };
        match advertised && host.capabilities.contains(Capabilities::SMCCC_FILTER) {
            true => Self::Possible,
            false => Self::NotByKernel,
        }
    }
}

impl Reason {
    /// That the host's kernel has not this version.
    pub(super) fn psci_version(promised: PsciVersion, host: &HostProfile) -> Self {
        Self::PsciVersion {
            promised,
            host: host.psci_versions,
            unasked: host.kernel.default_psci(),
        }
    }

    /// That the host has no interrupt controller of this kind.
    pub(super) fn gic_kind(promised: GicKind, host: &HostProfile) -> Self {
        let had = [GicKind::V3, GicKind::V2]
            .into_iter()
            .find(|kind| host.gic(*kind).is_some());
        Self::GicKind {
            promised,
            host: had,
        }
    }

    /// Who would say so.
    #[must_use]
    pub const fn judge(&self) -> Judge {
        match self {
            Self::VcpuFeatures { .. }
            | Self::Field { .. }
            | Self::UnnamedBits { .. }
            | Self::Implementation { .. }
            | Self::CacheLevels {
                writable: Writable::Yes | Writable::No,
                ..
            }
            | Self::VectorLengths { .. }
            | Self::PhysicalCounter
            | Self::Forwarding
            | Self::SystemSuspend
            | Self::Workaround { host: Some(_), .. }
            | Self::Services {
                host: ServiceLimit::Chosen(_),
                ..
            }
            | Self::GicRevision { .. }
            | Self::AddressBits { .. } => Judge::Kernel(Errno::Einval),
            Self::CacheSize {
                host: Some(_),
                promised: Some(_),
                ..
            } => Judge::Kernel(Errno::Einval),
            Self::PsciVersion { host, .. } => Judge::Kernel(match host.is_empty() {
                true => Errno::Enoent,
                false => Errno::Einval,
            }),
            Self::AbsentRegister { .. }
            | Self::CacheSize { .. }
            | Self::Workaround { host: None, .. }
            | Self::Services {
                host: ServiceLimit::Fixed(_),
                ..
            } => Judge::Kernel(Errno::Enoent),
            Self::StolenTime => Judge::Kernel(Errno::Enxio),
            Self::GicKind { .. } => Judge::Kernel(Errno::Enodev),
            Self::Dependent { .. }
            | Self::CacheLevels {
                writable: Writable::SizesOnly,
                ..
            }
            | Self::UnlistedImplementation { .. }
            | Self::ZeroBlock { .. }
            | Self::PmuCounters { .. }
            | Self::Ptp
            | Self::CounterFrequency { .. } => Judge::Guest,
        }
    }
}
