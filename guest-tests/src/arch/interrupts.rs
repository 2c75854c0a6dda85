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

/// Sends SGI 0 to one CPU, after everything that this CPU has written.
pub fn send_sgi_0(affinity: u64) {
    let [aff0, aff1, aff2, _, aff3, ..] = affinity.to_le_bytes();
    let targets = 1_u64 << (aff0 & 0xf);
    let fields = targets | u64::from(aff1) << 16 | u64::from(aff2) << 32 | u64::from(aff3) << 48;
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

/// Takes the highest pending interrupt and ends it at once; nothing if there is none.
pub fn take_back() {
    // SAFETY: An interrupt is acknowledged in ICC_IAR1_EL1 and ended in ICC_EOIR1_EL1, which is right
    // for the special numbers too (they are ignored). No handler is involved, since PSTATE masks
    // interrupts; memory is not either, the flags stay as they are.
    unsafe {
        asm!(
            "mrs {interrupt}, S3_0_C12_C12_0",
            "dsb sy",
            "msr S3_0_C12_C12_1, {interrupt}",
            "isb",
            interrupt = out(reg) _,
            options(nostack, preserves_flags),
        );
    }
}
