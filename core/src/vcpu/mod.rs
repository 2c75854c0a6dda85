//! Virtual CPUs: who they are, whether they run, and how a started one begins.

mod mpidr;
mod power;
mod reset;
mod set;
mod sleep;

use core::fmt;

pub use mpidr::{AffinityLevel, Mpidr};
pub use reset::ResetState;

pub(crate) use power::{Cause, Power, Refusal};
pub(crate) use set::{AddError, Vcpus};
pub(crate) use sleep::Stays;

pub use power::OnWake;

/// A vCPU of one machine, by the order in which it was configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VcpuId(u16);

impl VcpuId {
    /// The position in the order of configuration, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0.into()
    }
}

impl fmt::Display for VcpuId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
