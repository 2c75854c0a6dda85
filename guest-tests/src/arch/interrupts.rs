//! The GICv3 CPU interface, which is system registers.
//!
//! Just enough for an interrupt to become pending while PSTATE masks it, to be seen, and to be taken
//! back. IHI0069, chapter 12.
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

/// Sends an SGI (0 to 15) to one CPU, after everything that this CPU has written.
pub fn send_sgi(interrupt: u64, affinity: u64) {
    let [aff0, aff1, aff2, _, aff3, ..] = affinity.to_le_bytes();
    let targets = 1_u64 << (aff0 & 0xf);
    let cluster = u64::from(aff1) << 16 | u64::from(aff2) << 32 | u64::from(aff3) << 48;
    let fields = targets | cluster | (interrupt & 0xf) << 24;
    // SAFETY: ICC_SGI1R_EL1 makes an interrupt pending on a CPU that masks it; the barrier orders
    // memory and changes none, the flags stay as they are.
    unsafe {
        asm!(
            "dsb ishst",
            "msr S3_0_C12_C11_5, {fields}",
            "isb",
            fields = in(reg) fields,
            options(nostack, preserves_flags),
        );
    }
}

/// The interrupt that this CPU would take first if it took any; 1023 is none.
#[must_use]
pub fn highest_pending() -> u64 {
    let interrupt: u64;
    // SAFETY: ICC_HPPIR1_EL1 is read without an effect; memory is not involved, the flags stay as
    // they are.
    unsafe {
        asm!(
            "mrs {interrupt}, S3_0_C12_C12_2",
            interrupt = out(reg) interrupt,
            options(nostack, nomem, preserves_flags),
        );
    }
    interrupt & 0xFF_FFFF
}

/// Takes the highest pending interrupt, which is active from now on, and gives its number; 1023 if
/// there is none.
#[must_use]
pub fn acknowledge() -> u64 {
    let interrupt: u64;
    // SAFETY: An interrupt is acknowledged in ICC_IAR1_EL1. No handler is involved, since PSTATE
    // masks interrupts; the barrier orders memory and changes none, the flags stay as they are.
    unsafe {
        asm!(
            "mrs {interrupt}, S3_0_C12_C12_0",
            "dsb sy",
            interrupt = out(reg) interrupt,
            options(nostack, preserves_flags),
        );
    }
    interrupt & 0xFF_FFFF
}

/// Ends an interrupt that was taken; deactivates it too, unless that is a [step](end_in_two_steps)
/// of its own.
pub fn end(interrupt: u64) {
    // SAFETY: ICC_EOIR1_EL1 drops this CPU's priority, and is right for the special numbers too (they
    // are ignored); memory is not involved, the flags stay as they are.
    unsafe {
        asm!(
            "msr S3_0_C12_C12_1, {interrupt}",
            "isb",
            interrupt = in(reg) interrupt,
            options(nostack, preserves_flags),
        );
    }
}

/// Makes [`end`] drop the priority alone; [`deactivate`] is the second step.
pub fn end_in_two_steps() {
    // SAFETY: ICC_CTLR_EL1.EOImode is this CPU's own; memory is not involved, the flags stay as they
    // are.
    unsafe {
        asm!(
            "msr S3_0_C12_C12_4, {mode}",
            "isb",
            mode = in(reg) 2_u64,
            options(nostack, nomem, preserves_flags),
        );
    }
}

/// Lets an interrupt that was ended in the first step be signalled again.
pub fn deactivate(interrupt: u64) {
    // SAFETY: ICC_DIR_EL1 ends the interrupt's active state; memory is not involved, the flags stay
    // as they are.
    unsafe {
        asm!(
            "msr S3_0_C12_C11_1, {interrupt}",
            "isb",
            interrupt = in(reg) interrupt,
            options(nostack, preserves_flags),
        );
    }
}

/// Takes the highest pending interrupt and ends it at once; nothing if there is none.
pub fn take_back() {
    end(acknowledge());
}
