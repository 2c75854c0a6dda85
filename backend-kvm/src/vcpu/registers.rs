//! Core's words for a vCPU's state, as KVM's registers.

use vambrace_core::smccc::{Endianness, ExecutionState};
use vambrace_core::vcpu::ResetState;

use crate::sys::{self, RegisterId, VcpuOps};

/// Sets what distinguishes a started CPU from one that KVM_ARM_VCPU_INIT has just reset: that left
/// PSTATE, SCTLR_EL1 and every general-purpose register as a little-endian CPU has them.
pub(crate) fn set_reset_state<V: VcpuOps>(vcpu: &mut V, state: &ResetState) -> sys::Result<()> {
    vcpu.set_register(RegisterId::PC, state.pc())?;
    vcpu.set_register(RegisterId::X[0], state.x0())?;
    if state.execution_state() == ExecutionState::Aarch32 && state.pstate() != CPSR_AT_RESET {
        vcpu.set_register(RegisterId::PSTATE, state.pstate())?;
    }
    if state.endianness() == Endianness::Big {
        let reset = vcpu.register(RegisterId::SCTLR_EL1)?;
        vcpu.set_register(RegisterId::SCTLR_EL1, reset | SCTLR_EL1_EE)?;
    }
    Ok(())
}

/// The byte order of the vCPU's data accesses, at EL1 in AArch64.
pub(crate) fn endianness<V: VcpuOps>(
    vcpu: &V,
    execution_state: ExecutionState,
) -> sys::Result<Endianness> {
    let big = match execution_state {
        ExecutionState::Aarch64 => vcpu.register(RegisterId::SCTLR_EL1)? & SCTLR_EL1_EE,
        ExecutionState::Aarch32 => vcpu.register(RegisterId::PSTATE)? & CPSR_E,
    };
    Ok(if big == 0 {
        Endianness::Little
    } else {
        Endianness::Big
    })
}

const SCTLR_EL1_EE: u64 = 1 << 25;
const CPSR_E: u64 = 1 << 9;

/// Supervisor mode, A, I and F masked.
const CPSR_AT_RESET: u64 = 0x1d3;
