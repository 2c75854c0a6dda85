//! Reasons in words: what was promised and what the host has.

use core::fmt;

use super::super::kernel::greatest_level;
use super::super::{PsciVersions, ServiceLimit, ValueSet};
use super::{ImplementationRegister, Judge, Normalisation, Reason};
use crate::firmware::Workaround;
use crate::psci::PsciVersion;
use crate::vendor_hyp::Implementation;

/// What was promised and what the host has; neither the rule nor the remedy.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, promised, host) = (self.place(), self.promised(), self.host());
        write!(f, "{place}: promised {promised}, the host {host}")
    }
}

impl Reason {
    /// Where it is: the field, or what [`Self::subject`] says.
    #[must_use]
    pub fn place(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| match self {
            Self::Field { field, .. } | Self::Dependent { field, .. } => write!(f, "{field}"),
            Self::UnnamedBits { register, .. } => write!(f, "{register}, bits without a name"),
            other => write!(f, "{}", other.subject()),
        })
    }

    /// What was promised.
    #[must_use]
    pub fn promised(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| match *self {
            Self::VcpuFeatures { missing } => write!(f, "{missing}"),
            Self::Field { promised, .. } | Self::Dependent { promised, .. } => {
                write!(f, "{promised}")
            }
            Self::UnnamedBits { promised, .. }
            | Self::AbsentRegister { promised, .. }
            | Self::Implementation { promised, .. }
            | Self::CacheLevels { promised, .. }
            | Self::Services { promised, .. } => write!(f, "{promised:#x}"),
            Self::UnlistedImplementation { .. } => {
                f.write_str("only CPUs that the guest was told of")
            }
            Self::CacheSize { promised, .. } => fmt_size(f, promised),
            Self::ZeroBlock { promised, .. } => write!(f, "{promised:#x}"),
            Self::VectorLengths { promised, .. } => write!(f, "{promised} bits"),
            Self::PmuCounters { promised, .. } | Self::GicRevision { promised, .. } => {
                write!(f, "{promised}")
            }
            Self::PsciVersion { promised, .. } => write!(f, "{promised}"),
            Self::Workaround { promised, .. } => write!(f, "{promised}"),
            Self::GicKind { promised, .. } => write!(f, "{promised}"),
            Self::CounterFrequency { promised, .. } => write!(f, "{promised} Hz"),
            Self::PhysicalCounter => f.write_str("to go on where it was"),
            Self::AddressBits { promised, .. } => write!(f, "{promised} bits"),
            Self::SystemSuspend | Self::Ptp | Self::StolenTime | Self::Forwarding => {
                f.write_str("it")
            }
        })
    }

    /// What the host has.
    #[must_use]
    pub fn host(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| match *self {
            Self::VcpuFeatures { .. } => f.write_str("cannot make a vCPU with it"),
            Self::Field { host, accepted, .. } => {
                write!(f, "has {host} and accepts {accepted}")
            }
            Self::Dependent { missing, .. } => {
                write!(f, "clears it at first run, because {missing} is 0")
            }
            Self::UnnamedBits { host, .. }
            | Self::Implementation { host, .. }
            | Self::CacheLevels { host, .. } => write!(f, "has {host:#x}"),
            Self::AbsentRegister { .. } => f.write_str("does not know the register"),
            Self::UnlistedImplementation { host, .. } => {
                let Implementation { midr, revidr, aidr } = host;
                write!(f, "has {midr:#x} (REVIDR {revidr:#x}, AIDR {aidr:#x})")
            }
            Self::CacheSize { host, .. } => {
                f.write_str("has ")?;
                fmt_size(f, host)
            }
            Self::ZeroBlock { host, .. } => write!(f, "has {host:#x}"),
            Self::VectorLengths { host, .. } => write!(f, "has {host} bits"),
            Self::PmuCounters { host, .. } => write!(f, "can give {host}"),
            Self::PsciVersion { host, unasked, .. } => fmt_versions(f, host, unasked),
            Self::Workaround {
                workaround, host, ..
            } => fmt_level(f, workaround, host),
            Self::Services { host, .. } => fmt_services(f, host),
            Self::GicRevision { host, .. } => write!(f, "accepts {host}"),
            Self::CounterFrequency { host, .. } => write!(f, "has {host} Hz"),
            Self::AddressBits { host, .. } => write!(f, "can give {host}"),
            Self::PhysicalCounter => f.write_str("has no offset for it"),
            Self::GicKind {
                host: Some(kind), ..
            } => write!(f, "has a {kind}"),
            Self::GicKind { host: None, .. }
            | Self::SystemSuspend
            | Self::Ptp
            | Self::StolenTime
            | Self::Forwarding => f.write_str("does not have it"),
        })
    }
}

fn fmt_size(f: &mut fmt::Formatter<'_>, size: Option<u32>) -> fmt::Result {
    match size {
        Some(size) => write!(f, "{size:#x}"),
        None => f.write_str("none"),
    }
}

fn fmt_versions(
    f: &mut fmt::Formatter<'_>,
    host: PsciVersions,
    unasked: PsciVersion,
) -> fmt::Result {
    if host.is_empty() {
        return write!(f, "has no register for it and always {unasked}");
    }
    f.write_str("has")?;
    host.versions()
        .try_for_each(|version| write!(f, " {version}"))
}

fn fmt_level(
    f: &mut fmt::Formatter<'_>,
    workaround: Workaround,
    host: Option<ValueSet>,
) -> fmt::Result {
    match host {
        Some(_) => write!(f, "is {}", greatest_level(workaround, host)),
        None => f.write_str("has no register for it"),
    }
}

fn fmt_services(f: &mut fmt::Formatter<'_>, host: ServiceLimit) -> fmt::Result {
    match host {
        ServiceLimit::Chosen(offered) => write!(f, "offers {offered:#x}"),
        ServiceLimit::Fixed(fixed) => {
            write!(f, "has no such register and always answers {fixed:#x}")
        }
    }
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(errno) => write!(f, "kernel ({errno})"),
            Self::Guest => f.write_str("guest-visible, kernel silent"),
        }
    }
}

/// What changes, and that it does.
impl fmt::Display for Normalisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: promised {}, accepted, and reads {}",
            self.field, self.promised, self.becomes
        )
    }
}

impl fmt::Display for ImplementationRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Midr => "MIDR_EL1",
            Self::Revidr => "REVIDR_EL1",
            Self::Aidr => "AIDR_EL1",
        })
    }
}
