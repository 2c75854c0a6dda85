//! Why a host could not be asked whether it keeps a contract.

use crate::{probe, sys};

/// Why there is no answer. A host that says no is one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation failed, with an errno that does not say what the host accepts.
    #[error("cannot try the contract on this host: {0}")]
    Kvm(#[from] sys::Error),
    /// What the kernel does without a register is not known.
    #[error(transparent)]
    Kernel(#[from] probe::Error),
    /// Memory for the structure of stolen time cannot be had.
    #[error("cannot map memory for the structure of stolen time: {0}; free some of the host's")]
    Memory(#[from] vm_memory::mmap::FromRangesError),
}
