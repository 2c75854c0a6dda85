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

const UART: u32 = 0x0900_0000;
