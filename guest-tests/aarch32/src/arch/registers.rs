//! System registers, device registers and hints: one instruction each.
#![expect(
    unsafe_code,
    reason = "system registers can only be read in assembly, device registers by chosen instructions"
)]

use core::arch::asm;

/// MPIDR.
#[must_use]
pub fn mpidr() -> u32 {
    let value: u32;
    // SAFETY: Reading MPIDR has no effect.
    unsafe {
        asm!(
            "mrc p15, 0, {value}, c0, c0, 5",
            value = out(reg) value,
            options(nostack, nomem, preserves_flags),
        );
    }
    value
}

/// ACTLR: what the CPU is set to.
#[must_use]
pub fn auxiliary_control() -> u32 {
    let value: u32;
    // SAFETY: Reading ACTLR has no effect.
    unsafe {
        asm!(
            "mrc p15, 0, {value}, c1, c0, 1",
            value = out(reg) value,
            options(nostack, nomem, preserves_flags),
        );
    }
    value
}

/// CNTFRQ: ticks of the counter a second.
#[must_use]
pub fn counter_frequency() -> u32 {
    let value: u32;
    // SAFETY: Reading CNTFRQ has no effect.
    unsafe {
        asm!(
            "mrc p15, 0, {value}, c14, c0, 0",
            value = out(reg) value,
            options(nostack, nomem, preserves_flags),
        );
    }
    value
}

/// CNTVCT: the virtual counter.
#[must_use]
pub fn counter() -> u64 {
    let low: u32;
    let high: u32;
    // SAFETY: Reading CNTVCT has no effect.
    unsafe {
        asm!(
            "isb",
            "mrrc p15, 1, {low}, {high}, c14",
            low = out(reg) low,
            high = out(reg) high,
            options(nostack, nomem, preserves_flags),
        );
    }
    u64::from(high) << 32 | u64::from(low)
}

/// TPIDRPRW, in which a CPU counts its crashes.
#[must_use]
pub fn crash_depth() -> u32 {
    let value: u32;
    // SAFETY: The register means nothing to the hardware.
    unsafe {
        asm!(
            "mrc p15, 0, {value}, c13, c0, 4",
            value = out(reg) value,
            options(nostack, nomem, preserves_flags),
        );
    }
    value
}

/// Sets TPIDRPRW.
pub fn set_crash_depth(depth: u32) {
    // SAFETY: The register means nothing to the hardware.
    unsafe {
        asm!(
            "mcr p15, 0, {depth}, c13, c0, 4",
            depth = in(reg) depth,
            options(nostack, nomem, preserves_flags),
        );
    }
}

/// Reads a register of the UART by one plain load, which KVM can decode.
#[must_use]
pub fn read_uart(offset: u32) -> u32 {
    let value: u32;
    // SAFETY: The machine has a PL011 at this address, mapped as device memory.
    unsafe {
        asm!(
            "ldr {value}, [{address}]",
            value = out(reg) value,
            address = in(reg) UART | offset & 0xFFC,
            options(nostack, preserves_flags),
        );
    }
    value
}

/// Writes a register of the UART by one plain store.
pub fn write_uart(offset: u32, value: u32) {
    // SAFETY: As for `read_uart`; no register of it reaches memory.
    unsafe {
        asm!(
            "str {value}, [{address}]",
            value = in(reg) value,
            address = in(reg) UART | offset & 0xFFC,
            options(nostack, preserves_flags),
        );
    }
}

/// Reads a register of the interrupt controller, as `read_uart` does.
#[must_use]
pub fn read_gic(offset: u32) -> u32 {
    let value: u32;
    // SAFETY: The machine has a GICv3's distributor and redistributors from this address on, mapped
    // as device memory.
    unsafe {
        asm!(
            "ldr {value}, [{address}]",
            value = out(reg) value,
            address = in(reg) GIC + (offset & 0xF_FFFC),
            options(nostack, preserves_flags),
        );
    }
    value
}

/// Writes a register of the interrupt controller.
pub fn write_gic(offset: u32, value: u32) {
    // SAFETY: As for `read_gic`; interrupts are masked, and none of the registers that are written
    // reaches memory.
    unsafe {
        asm!(
            "str {value}, [{address}]",
            value = in(reg) value,
            address = in(reg) GIC + (offset & 0xF_FFFC),
            options(nostack, preserves_flags),
        );
    }
}

/// Has interrupts of group 1 and every priority signalled: ICC_SRE, ICC_PMR, ICC_IGRPEN1.
pub fn enable_interrupts() {
    // SAFETY: They decide which interrupts are signalled, and CPSR masks those.
    unsafe {
        asm!(
            "mcr p15, 0, {system_registers}, c12, c12, 5",
            "isb",
            "mcr p15, 0, {every_priority}, c4, c6, 0",
            "mcr p15, 0, {enabled}, c12, c12, 7",
            "isb",
            system_registers = in(reg) 7,
            every_priority = in(reg) 0xFF,
            enabled = in(reg) 1,
            options(nostack, nomem, preserves_flags),
        );
    }
}

/// ICC_SGI1R: sends an interrupt.
pub fn send_interrupt(low: u32, high: u32) {
    // SAFETY: The interrupt becomes pending on a CPU that masks it.
    unsafe {
        asm!(
            "mcrr p15, 0, {low}, {high}, c12",
            "isb",
            low = in(reg) low,
            high = in(reg) high,
            options(nostack, nomem, preserves_flags),
        );
    }
}

/// ICC_HPPIR1: the interrupt that would be taken first; 1023 is none.
#[must_use]
pub fn highest_pending() -> u32 {
    let value: u32;
    // SAFETY: Reading ICC_HPPIR1 has no effect.
    unsafe {
        asm!(
            "mrc p15, 0, {value}, c12, c12, 2",
            value = out(reg) value,
            options(nostack, nomem, preserves_flags),
        );
    }
    value
}

/// WFE: waits a moment, giving the processor away.
pub fn wait_for_event() {
    // SAFETY: A hint, without effect on registers and memory.
    unsafe { asm!("wfe", options(nostack, nomem, preserves_flags)) }
}

/// WFI: waits for an interrupt, which never comes.
pub fn wait_for_interrupt() {
    // SAFETY: A hint, without effect on registers and memory.
    unsafe { asm!("wfi", options(nostack, nomem, preserves_flags)) }
}

const GIC: u32 = 0x0800_0000;
const UART: u32 = 0x0900_0000;
