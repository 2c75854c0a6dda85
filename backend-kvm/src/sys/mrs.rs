//! Identification registers that a program may read itself.
//!
//! Linux lets programs read all three (SCTLR_EL1.UCT, CNTKCTL_EL1), or reads them in their place,
//! and then it answers with what holds on every CPU of the machine.

#![expect(unsafe_code, reason = "MRS can only be assembly")]

use std::arch::asm;

/// CTR_EL0: the cache lines, and what keeps instructions and data coherent.
pub(super) fn ctr_el0() -> u64 {
    let value;
    // SAFETY: a read of an identification register.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// DCZID_EL0: how much DC ZVA clears, and whether it may be used.
pub(super) fn dczid_el0() -> u64 {
    let value;
    // SAFETY: a read of an identification register.
    unsafe { asm!("mrs {}, dczid_el0", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// CNTFRQ_EL0: what the host's firmware says of the counter's frequency, in Hz.
pub(super) fn cntfrq_el0() -> u64 {
    let value;
    // SAFETY: a read of a register that only firmware writes.
    unsafe { asm!("mrs {}, cntfrq_el0", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}
