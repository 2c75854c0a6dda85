//! Reads of system registers, each by the numbers of its instruction.
#![expect(
    unsafe_code,
    reason = "registers that no crate knows are read by their numbers"
)]

use core::arch::asm;

/// A register's name, and its read.
pub(crate) type Register = (&'static str, fn() -> u64);

macro_rules! read {
    ($($name:expr),*) => {{
        let value: u64;
        // SAFETY: EL1 may read this register (DDI0487 D24.2, D19.2); that changes nothing. A
        // reserved place of the ID space reads as zero.
        unsafe {
            asm!(
                concat!("mrs {}, " $(, $name)*),
                out(reg) value,
                options(nomem, nostack, preserves_flags),
            );
        }
        value
    }};
}

macro_rules! register {
    ($($name:literal),*) => {
        (concat!($($name),*), || read!($($name),*))
    };
}

/// The eight registers with this CRm in the space of ID registers.
macro_rules! id_registers {
    ($crm:literal) => {
        [
            register!("S3_0_C0_C", $crm, "_0"),
            register!("S3_0_C0_C", $crm, "_1"),
            register!("S3_0_C0_C", $crm, "_2"),
            register!("S3_0_C0_C", $crm, "_3"),
            register!("S3_0_C0_C", $crm, "_4"),
            register!("S3_0_C0_C", $crm, "_5"),
            register!("S3_0_C0_C", $crm, "_6"),
            register!("S3_0_C0_C", $crm, "_7"),
        ]
    };
}

/// All that are always there. The first row: MIDR_EL1, REVIDR_EL1, AIDR_EL1, CTR_EL0, DCZID_EL0,
/// CLIDR_EL1, CNTFRQ_EL0, MPIDR_EL1.
pub(crate) const ALL: [[Register; 8]; 8] = [
    [
        register!("MIDR_EL1"),
        register!("REVIDR_EL1"),
        register!("AIDR_EL1"),
        register!("CTR_EL0"),
        register!("DCZID_EL0"),
        register!("CLIDR_EL1"),
        register!("CNTFRQ_EL0"),
        register!("MPIDR_EL1"),
    ],
    id_registers!("1"),
    id_registers!("2"),
    id_registers!("3"),
    id_registers!("4"),
    id_registers!("5"),
    id_registers!("6"),
    id_registers!("7"),
];

/// CNTPCT_EL0 and CNTVCT_EL0, in this order.
pub(crate) fn counters() -> (u64, u64) {
    let (physical, virtual_counter): (u64, u64);
    // SAFETY: EL1 may read both counters. The barrier keeps the reads in order (DDI0487 D12.1.2).
    unsafe {
        asm!(
            "isb",
            "mrs {}, CNTPCT_EL0",
            "isb",
            "mrs {}, CNTVCT_EL0",
            out(reg) physical,
            out(reg) virtual_counter,
            options(nomem, nostack, preserves_flags),
        );
    }
    (physical, virtual_counter)
}

/// CLIDR_EL1: which caches there are.
pub(crate) fn clidr_el1() -> u64 {
    read!("CLIDR_EL1")
}

/// CCSIDR_EL1 of the cache that `selector` selects.
pub(crate) fn ccsidr_el1(selector: u64) -> u64 {
    let value: u64;
    // SAFETY: Only this function uses CSSELR_EL1, which decides what CCSIDR_EL1 reads as and nothing
    // else; the barrier puts the read behind the write.
    unsafe {
        asm!(
            "msr CSSELR_EL1, {}",
            "isb",
            "mrs {}, CCSIDR_EL1",
            in(reg) selector,
            out(reg) value,
            options(nomem, nostack, preserves_flags),
        );
    }
    value
}

/// ID_AA64DFR0_EL1.
pub(crate) fn id_aa64dfr0_el1() -> u64 {
    read!("ID_AA64DFR0_EL1")
}

/// PMCR_EL0, of a CPU with FEAT_PMUv3.
pub(crate) fn pmcr_el0() -> u64 {
    read!("PMCR_EL0")
}
