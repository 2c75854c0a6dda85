//! The board's real firmware, by SMC: below EL2 it is not ours.
#![expect(unsafe_code, reason = "smc can only be assembly")]

use core::arch::asm;

use super::{cpu, entry};

/// Starts the board's CPU with this affinity as CPU `index`; the firmware's code if it refuses.
pub(crate) fn cpu_on(affinity: u64, index: usize) -> Result<(), i64> {
    match smc(CPU_ON, [affinity, entry::secondary_entry(), index as u64]) {
        0 => Ok(()),
        code => Err(code),
    }
}

/// Turns the board off.
pub(crate) fn system_off() -> ! {
    smc(SYSTEM_OFF, [0; 3]);
    cpu::halt()
}

/// Whether the board's firmware mitigates Spectre variant 2 when it is called, on a CPU that needs it
/// (SMCCC_ARCH_WORKAROUND_1, found as DEN0028 §7.2 and §7.3 say).
pub(crate) fn mitigates() -> bool {
    let ask = |function, about| smc(function, [about, 0, 0]);
    ask(PSCI_FEATURES, SMCCC_VERSION) == 0
        && ask(SMCCC_VERSION, 0) >= SMCCC_1_1
        && ask(SMCCC_ARCH_FEATURES, SMCCC_ARCH_WORKAROUND_1) == 0
}

/// Has it do so, on this CPU.
pub(crate) fn mitigate() {
    smc(SMCCC_ARCH_WORKAROUND_1, [0; 3]);
}

fn smc(function: u64, arguments: [u64; 3]) -> i64 {
    let [first, second, third] = arguments;
    let result: u64;
    // SAFETY: The functions above start a CPU at its entry, which takes nothing that another CPU has,
    // end the machine, or change nothing that a program can see. By the calling convention x0 to x17 may change (DEN0028 §2.6);
    // memory is a clobber, because a started CPU reads what was written before.
    unsafe {
        asm!(
            "dsb sy",
            "smc #0",
            inout("x0") function => result,
            inout("x1") first => _,
            inout("x2") second => _,
            inout("x3") third => _,
            lateout("x4") _, lateout("x5") _, lateout("x6") _, lateout("x7") _,
            lateout("x8") _, lateout("x9") _, lateout("x10") _, lateout("x11") _,
            lateout("x12") _, lateout("x13") _, lateout("x14") _, lateout("x15") _,
            lateout("x16") _, lateout("x17") _,
            options(nostack),
        );
    }
    result.cast_signed()
}

/// DEN0022 §5.1.
const CPU_ON: u64 = 0xc400_0003;
const SYSTEM_OFF: u64 = 0x8400_0008;
const PSCI_FEATURES: u64 = 0x8400_000a;
/// DEN0028 §7.
const SMCCC_VERSION: u64 = 0x8000_0000;
const SMCCC_1_1: i64 = 0x1_0001;
const SMCCC_ARCH_FEATURES: u64 = 0x8000_0001;
const SMCCC_ARCH_WORKAROUND_1: u64 = 0x8000_8000;
