//! The GICv3 CPU interface, which is system registers.
//!
//! Just enough for an interrupt to become pending while PSTATE masks it. IHI0069, chapter 12.
#![expect(
    unsafe_code,
    reason = "the interrupt controller's system registers can only be written in assembly"
)]

use core::arch::asm;

/// Makes this CPU signal group 1 interrupts of every priority.
pub fn enable_cpu_interface() {
    // SAFETY: ICC_SRE_EL1, ICC_PMR_EL1 and ICC_IGRPEN1_EL1 decide which interrupts are signalled, and
    // PSTATE masks those; memory is not involved, the flags stay as they are.
    unsafe {
        asm!(
            "msr S3_0_C12_C12_5, {system_registers}",
            "isb",
            "msr S3_0_C4_C6_0, {every_priority}",
            "msr S3_0_C12_C12_7, {enabled}",
            "isb",
            system_registers = in(reg) 7_u64,
            every_priority = in(reg) 0xff_u64,
            enabled = in(reg) 1_u64,
            options(nostack, nomem, preserves_flags),
        );
    }
}
