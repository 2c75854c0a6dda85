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
    /// The byte order of the caller's data accesses. Only calls that start a CPU look at it
    /// ([`Needs::endianness`](super::Needs::endianness)); elsewhere any value does.
    pub endianness: Endianness,
}

impl Caller {
    /// A little-endian AArch64 caller, which nearly all are.
    #[must_use]
    pub const fn new(vcpu: VcpuId, conduit: Conduit) -> Self {
        Self {
            vcpu,
            conduit,
            execution_state: ExecutionState::Aarch64,
            endianness: Endianness::Little,
        }
    }
}

/// The instruction that made the call, with its 16-bit immediate.
///
/// The convention fixes the immediate as zero (DEN0028 §2.9); what another value gets is the
/// dialect's matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduit {
    /// `HVC #immediate`.
    Hvc(u16),
    /// `SMC #immediate`.
    Smc(u16),
}

/// The execution state of the caller. AArch32 callers cannot use SMC64 functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionState {
    /// 64-bit registers.
    Aarch64,
    /// 32-bit registers.
    Aarch32,
}

/// Byte order of data accesses. A started CPU begins with its starter's (DEN0022 §6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endianness {
    /// SCTLR_EL1.EE = 0.
    Little,
    /// SCTLR_EL1.EE = 1.
    Big,
}
