//! Why a data abort is not emulated: an end of the run that names PC and instruction.

use std::fmt;

use vambrace_core::memory::Ipa;

use super::walk::WalkError;

/// Why an emulation could not be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmulationError<E> {
    /// The vCPU's registers could not be read.
    #[error(transparent)]
    Registers(E),
    /// The abort cannot be emulated; the run ends.
    #[error(transparent)]
    Undecodable(Undecodable),
}

/// A data abort that cannot be emulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot emulate the guest's access to {ipa} at PC {pc:#x}{}: {reason} \
     (ESR_EL2.ISS {esr_iss:#x})",
    Shown(*instruction)
)]
pub struct Undecodable {
    /// The address of the instruction, as the guest sees it.
    pub pc: u64,
    /// The instruction, if it could be fetched.
    pub instruction: Option<u32>,
    /// The ISS bits that KVM passed on.
    pub esr_iss: u64,
    /// Where the guest accessed.
    pub ipa: Ipa,
    /// Why it stops here.
    pub reason: Reason,
}

/// Why a data abort cannot be emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The guest was in AArch32 state.
    #[error("the guest runs 32-bit code, which is not emulated")]
    Aarch32,
    /// The guest was at EL2.
    #[error("the guest runs at its own EL2, where nothing is emulated")]
    El2,
    /// The access is by a cache maintenance instruction.
    #[error("it is cache maintenance of an address without RAM")]
    CacheMaintenance,
    /// The instruction's address could not be translated.
    #[error("its instruction cannot be fetched: {0}")]
    Fetch(WalkError),
    /// The instruction is not in RAM.
    #[error("its instruction lies at {0}, outside RAM")]
    FetchOutsideRam(Ipa),
    /// The instruction is none that is decoded.
    #[error(
        "only loads and stores of general-purpose registers reach a device; use a volatile access \
         of at most 8 bytes, not SIMD, exclusives or atomics"
    )]
    NotDecoded,
    /// The accessed address could not be translated.
    #[error("its address cannot be followed: {0}")]
    Walk(WalkError),
    /// One register's bytes are in two pages.
    #[error("its access to the virtual address {0:#x} crosses a page")]
    CrossesPage(u64),
    /// The instruction accesses RAM.
    #[error(
        "it accesses RAM at {0}, which needs no emulation: the instruction or a page table has \
         changed"
    )]
    InRam(Ipa),
    /// The instruction accesses something else than what faulted.
    #[error("it accesses {0} instead: the instruction or a page table has changed")]
    Elsewhere(Ipa),
    /// The instruction loads where a store faulted, or the reverse.
    #[error("it goes the other way than the fault: the instruction has changed")]
    OtherDirection,
}

struct Shown(Option<u32>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(word) => write!(f, ", instruction {word:#010x}"),
            None => Ok(()),
        }
    }
}
