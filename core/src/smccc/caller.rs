//! Who calls: the vCPU, through which instruction, in which state.

use crate::vcpu::VcpuId;

/// The vCPU that executed the call, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The calling vCPU.
    pub vcpu: VcpuId,
    /// The instruction and its immediate.
    pub conduit: Conduit,
    /// AArch64 or AArch32, at the time of the call.
    pub execution_state: ExecutionState,
    /// The byte order of the caller's data accesses, if it is known yet. Only calls that start a
    /// CPU look at it, and ask for it ([`Needs::endianness`](super::Needs::endianness)).
    pub endianness: Option<Endianness>,
}

impl Caller {
    /// A caller known to be in AArch64 and little-endian, as nearly all are. A backend that does not
    /// know the byte order yet says `None`, and is asked when it matters.
    #[must_use]
    pub const fn little_endian_aarch64(vcpu: VcpuId, conduit: Conduit) -> Self {
        Self {
            vcpu,
            conduit,
            execution_state: ExecutionState::Aarch64,
            endianness: Some(Endianness::Little),
        }
    }
}

/// The instruction that made the call, with its 16-bit immediate.
///
/// The convention fixes the immediate as zero (DEN0028 §2.10); what another value gets is the
/// dialect's matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduit {
    /// `HVC #immediate`.
    Hvc(u16),
    /// `SMC #immediate`.
    Smc(u16),
}

/// The execution state of a CPU. AArch32 callers cannot use SMC64 functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionState {
    /// 64-bit registers.
    Aarch64,
    /// 32-bit registers.
    Aarch32,
}

/// Byte order of data accesses. A started CPU begins with its starter's (DEN0022 §6.4.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endianness {
    /// SCTLR_EL1.EE = 0.
    Little,
    /// SCTLR_EL1.EE = 1.
    Big,
}
