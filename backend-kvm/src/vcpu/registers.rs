//! Core's words for a vCPU's state, as KVM's registers.

use vambrace_core::smccc::Endianness;
use vambrace_core::vcpu::ResetState;

use crate::sys::{self, RegisterId, VcpuOps};

/// Sets what distinguishes a started CPU from one that KVM_ARM_VCPU_INIT has just reset: that left
/// PSTATE, SCTLR_EL1 and every general-purpose register as they have to be.
pub(crate) fn set_reset_state<V: VcpuOps>(vcpu: &mut V, state: &ResetState) -> sys::Result<()> {
    vcpu.set_register(RegisterId::PC, state.pc())?;
    vcpu.set_register(RegisterId::X[0], state.x0())?;
    if state.endianness() == Endianness::Big {
        let reset = vcpu.register(RegisterId::SCTLR_EL1)?;
        vcpu.set_register(RegisterId::SCTLR_EL1, reset | SCTLR_EL1_EE)?;
    }
    Ok(())
}

/// The byte order of the vCPU's data accesses at EL1.
pub(crate) fn endianness<V: VcpuOps>(vcpu: &V) -> sys::Result<Endianness> {
    let sctlr = vcpu.register(RegisterId::SCTLR_EL1)?;
    Ok(if sctlr & SCTLR_EL1_EE == 0 {
        Endianness::Little
    } else {
        Endianness::Big
    })
}

const SCTLR_EL1_EE: u64 = 1 << 25;
