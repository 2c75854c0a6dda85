//! Why a host could not be probed.

use vambrace_core::cpu::Field;
use vambrace_core::vendor_hyp::MAX_IMPLEMENTATIONS;

use crate::sys::{self, RegisterId};

/// Why there is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An operation failed, with an errno that does not say what the host accepts.
    #[error("cannot probe this host: {0}")]
    Kvm(#[from] sys::Error),
    /// The kernel's release does not start with two numbers.
    #[error(
        "cannot tell the kernel's release from {0:?}: a profile needs its first two numbers, as in \
         6.12.0"
    )]
    Release(String),
    /// CNTFRQ_EL0 has more than 32 bits.
    #[error("CNTFRQ_EL0 reads as {0:#x}, which is no frequency: its upper half is reserved")]
    CounterFrequency(u64),
    /// The machine has more kinds of CPU than a guest can be told of.
    #[error("this machine has more than {MAX_IMPLEMENTATIONS} kinds of CPU")]
    Implementations,
    /// A register that every vCPU has is missing.
    #[error("this kernel's vCPUs have no {0}, which every kernel is known to give them")]
    Missing(RegisterId),
    /// A value was accepted and changed something that nobody wrote, or not as other values do.
    #[error(
        "{field} = {written} is accepted and its register then reads {read:#x}, which no profile \
         can say: no kernel is known to do that; please report it with the kernel's release"
    )]
    Inexpressible {
        /// The field that was written.
        field: Field,
        /// What was written to it.
        written: u64,
        /// What its whole register reads as.
        read: u64,
    },
    /// A value was accepted, and what was there before is not.
    #[error(
        "{register} was {before:#x}, was set to {written:#x}, and cannot be set back, not even on \
         a new machine: no kernel is known to do that; please report it with the kernel's release"
    )]
    Unsteady {
        /// The register.
        register: RegisterId,
        /// What it holds on a new machine, or held.
        before: u64,
        /// What was tried.
        written: u64,
    },
}
