//! A host profile as JSON: what a probe saw, for tools to read and for people to compare.
//!
//! A file holds the [`HostProfile`] whole, the complete list of registers that it was made from,
//! and where it comes from. A field or register is one line; the sets of values that it accepts are
//! written as ranges, `"0-2,15"`, and what a kernel stores as something else behind them,
//! `"0-1; 2-3 become 1"`.
//!
//! Most of what a host has does not depend on the features of a vCPU, so every view but the first
//! says only where it differs from the first; null takes a line away. What is read is complete
//! again: no part of a [`HostProfile`] is a difference.

mod limit;
mod read;
mod registers;
mod views;
mod write;

use std::collections::BTreeMap;

use vambrace_core::contract::{HostProfile, VcpuFeatures};

use crate::error::Error;

/// What a file of a host profile holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFile {
    /// Where it comes from. No decision looks at it.
    pub provenance: Provenance,
    /// What the host accepts.
    pub profile: HostProfile,
    /// All registers of a fresh vCPU, for each of the profile's views in its order; or nothing, if
    /// they were not recorded.
    pub registers: Vec<RegisterList>,
}

/// Where a profile comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Who took it: a program and its version.
    pub program: String,
    /// What the host's kernel calls itself.
    pub kernel_release: String,
    /// How many CPUs the host has.
    pub host_cpus: u32,
}

/// Every register that a kernel lists of a vCPU with certain features (KVM_GET_REG_LIST).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterList {
    /// The features.
    pub features: VcpuFeatures,
    /// The registers' bytes by their KVM ids; as many as the id says, the least significant first.
    pub values: BTreeMap<u64, Vec<u8>>,
}

impl ProfileFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error`] says where it cannot be understood, or that it contradicts itself.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        read::document(crate::text_of("host profile", bytes, LIMIT)?)
    }

    /// The file as a text that [`Self::read`] reads.
    #[must_use]
    pub fn write(&self) -> String {
        write::document(self)
    }
}

/// The longest file that is read, in bytes: fifty times what a profile has.
pub const LIMIT: usize = 4 << 20;

/// The newest form that is understood.
pub const SCHEMA: u64 = 1;

/// The bitmaps of services, in KVM's order.
const BITMAPS: [&str; 4] = [
    "standard",
    "standard-hypervisor",
    "vendor-hypervisor",
    "vendor-hypervisor-2",
];
