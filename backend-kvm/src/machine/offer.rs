//! What a host's KVM offers, asked of a machine that never runs.

use vambrace_core::psci::PsciVersion;

use super::{Error, FirmwareKind, setup};
use crate::sys::Host;

/// What matters of a host before a machine is made for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The PSCI version that guests are told: the newest that both the host and core have.
    pub psci_version: PsciVersion,
    /// Can KVM forward firmware calls to core?
    pub core: Forwarding,
}

/// Whether KVM has an SMCCC filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// It has (Linux 6.4 and newer).
    Offered,
    /// It has not: only its own firmware can answer.
    Missing,
}

impl Offer {
    /// Asks `host`.
    ///
    /// # Errors
    ///
    /// The host cannot make even a small machine.
    pub fn of<H: Host>(host: &H) -> Result<Self, Error> {
        setup::offer_of(host)
    }

    /// Can this host run machines with that firmware?
    ///
    /// # Errors
    ///
    /// [`Error::NoFilter`].
    pub fn check(&self, firmware: FirmwareKind) -> Result<(), Error> {
        match (firmware, self.core) {
            (FirmwareKind::Core, Forwarding::Missing) => Err(Error::NoFilter),
            (FirmwareKind::Kernel, _) | (FirmwareKind::Core, Forwarding::Offered) => Ok(()),
        }
    }
}
