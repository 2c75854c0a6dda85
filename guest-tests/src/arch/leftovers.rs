//! State of a CPU that its next life must not find.
//!
//! Streaming mode, a counter that counts, a breakpoint, a way of rounding: what is on without the next
//! program having asked. Each where the ID registers show it. (DDI0487, chapters D24 and B1)
#![expect(
    unsafe_code,
    reason = "these registers can only be written in assembly"
)]

use core::arch::asm;

use super::features::{id_aa64dfr0, id_aa64pfr1, id_aa64smfr0};
use crate::expect::{self, Proof};

/// What of it is on, one word each; 0 where the CPU has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leftovers {
    /// SVCR: PSTATE.SM and PSTATE.ZA.
    pub streaming: u64,
    /// PMCR_EL0.E.
    pub counting: u64,
    /// DBGBCR0_EL1.E.
    pub breakpoint: u64,
    /// FPCR.
    pub rounding: u64,
}

impl Leftovers {
    /// Leaves as much of it as this CPU can.
    pub fn leave() {
        if has_streaming_mode() {
            set_cpacr(cpacr() | STREAMING_DOES_NOT_TRAP);
            // All of SIMD works in streaming mode, or the program stays out of it.
            let all_of_simd = id_aa64smfr0() & FA64 != 0;
            set_smcr(if all_of_simd { FA64_IN_SMCR } else { 0 });
            set_svcr(if all_of_simd { 0b11 } else { 0b10 });
        }
        if has_counters() {
            set_pmcr(pmcr() | 1);
        }
        // Of no instruction: no byte of the word at DBGBVR0_EL1 is selected.
        set_dbgbcr0(1);
        set_fpcr(0b01 << 22);
    }

    /// What there is now.
    #[must_use]
    pub fn found() -> Self {
        let streaming = if has_streaming_mode() {
            set_cpacr(cpacr() | STREAMING_DOES_NOT_TRAP);
            svcr()
        } else {
            0
        };
        Self {
            streaming,
            counting: if has_counters() { pmcr() & 1 } else { 0 },
            breakpoint: dbgbcr0() & 1,
            rounding: fpcr(),
        }
    }

    /// The words, in their order.
    #[must_use]
    pub fn words(self) -> [u64; 4] {
        [
            self.streaming,
            self.counting,
            self.breakpoint,
            self.rounding,
        ]
    }

    /// # Errors
    ///
    /// Naming what there is.
    pub fn expect_none(words: [u64; 4]) -> Proof {
        let [streaming, counting, breakpoint, rounding] = words;
        expect::equal("SVCR", streaming, 0)?;
        expect::equal("PMCR_EL0.E", counting, 0)?;
        expect::equal("DBGBCR0_EL1.E", breakpoint, 0)?;
        expect::equal("FPCR", rounding, 0)
    }
}

/// ID_AA64PFR1_EL1.SME.
fn has_streaming_mode() -> bool {
    id_aa64pfr1() >> 24 & 0xf != 0
}

/// ID_AA64DFR0_EL1.PMUVer: 0 is none, 0xf none of Arm's.
fn has_counters() -> bool {
    !matches!(id_aa64dfr0() >> 8 & 0xf, 0 | 0xf)
}

macro_rules! read {
    ($($name:ident $number:literal;)*) => {
        $(
            fn $name() -> u64 {
                let value: u64;
                // SAFETY: The register is there, as the caller has seen; it is read without an effect.
                unsafe {
                    asm!(
                        concat!("mrs {}, ", $number),
                        out(reg) value,
                        options(nostack, nomem, preserves_flags)
                    );
                }
                value
            }
        )*
    };
}

macro_rules! write {
    ($($name:ident $number:literal;)*) => {
        $(
            fn $name(value: u64) {
                // SAFETY: The register is there, as the caller has seen. What is written gives no
                // instruction of the program's another meaning: none rounds, and streaming mode is
                // entered only where all of SIMD works in it.
                unsafe {
                    asm!(
                        concat!("msr ", $number, ", {}"),
                        "isb",
                        in(reg) value,
                        options(nostack, preserves_flags)
                    );
                }
            }
        )*
    };
}

read! {
    cpacr "S3_0_C1_C0_2";
    svcr "S3_3_C4_C2_2";
    pmcr "S3_3_C9_C12_0";
    dbgbcr0 "S2_0_C0_C0_5";
    fpcr "S3_3_C4_C4_0";
}

write! {
    set_cpacr "S3_0_C1_C0_2";
    set_smcr "S3_0_C1_C2_6";
    set_svcr "S3_3_C4_C2_2";
    set_pmcr "S3_3_C9_C12_0";
    set_dbgbcr0 "S2_0_C0_C0_5";
    set_fpcr "S3_3_C4_C4_0";
}

/// CPACR_EL1.SMEN.
const STREAMING_DOES_NOT_TRAP: u64 = 0b11 << 24;
/// ID_AA64SMFR0_EL1.FA64, SMCR_EL1.FA64.
const FA64: u64 = 1 << 63;
const FA64_IN_SMCR: u64 = 1 << 31;
