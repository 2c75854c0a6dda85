//! Core's words for a vCPU's state, as KVM's registers.

use vambrace_core::smccc::{Endianness, ExecutionState};
use vambrace_core::vcpu::ResetState;

use crate::sys::{self, RegisterId, VcpuFeatures, VcpuOps};

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

/// Starts a vCPU that wakes from a powerdown state: its registers are reset, and its timers, which the
/// device tree calls `always-on`, run on. KVM_ARM_VCPU_INIT stops them, so they are told anew; that
/// makes the interrupt of an expired one pending again.
pub(crate) fn restart<V: VcpuOps>(
    vcpu: &mut V,
    features: VcpuFeatures,
    state: &ResetState,
) -> sys::Result<()> {
    let mut timers = Vec::new();
    for register in TIMERS {
        timers.push(vcpu.optional_register(register)?);
    }
    vcpu.init(features)?;
    for (register, value) in TIMERS.into_iter().zip(timers) {
        if let Some(value) = value {
            vcpu.set_register(register, value)?;
        }
    }
    set_reset_state(vcpu, state)
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

/// What a guest sets of its timers, deadlines before what makes them fire.
const TIMERS: [RegisterId; 4] = [
    RegisterId::CNTV_CVAL_EL0,
    RegisterId::CNTV_CTL_EL0,
    RegisterId::CNTP_CVAL_EL0,
    RegisterId::CNTP_CTL_EL0,
];

const SCTLR_EL1_EE: u64 = 1 << 25;
const CPSR_E: u64 = 1 << 9;

/// Supervisor mode, A, I and F masked.
const CPSR_AT_RESET: u64 = 0x1d3;
