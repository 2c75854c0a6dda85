//! The registers of a vCPU out of reset.
//!
//! A vCPU has its CPU for itself, so what one life leaves there the next would find. The architecture
//! leaves much of it unknown; here it is 0, but for what is on without being asked: streaming mode,
//! counters, breakpoints and buffers that are written behind the guest's back are off. What is not
//! here is kept: the interrupt controller's interface (as KVM keeps it), and the timers, which are
//! `always-on` in the guest's device tree and stop where a CPU goes off.
#![expect(unsafe_code, reason = "these registers can only be named in assembly")]

use core::arch::asm;

use super::features::{Feature, authenticates_pointers, numbers_contexts};
use super::registers;

/// Writes one value to each register of a row if the CPU has the feature.
macro_rules! reset {
    ($($value:literal, $there:expr => $($register:literal)*;)*) => {
        $(
            if $there {
                let value: u64 = $value;
                // SAFETY: All of these are the guest's, which does not run on this CPU now; none has
                // a meaning for EL2.
                unsafe {
                    asm!(
                        $(concat!("msr ", $register, ", {value}"),)*
                        value = in(reg) value,
                        options(nostack, preserves_flags)
                    );
                }
            }
        )*
    };
}

/// Resets this CPU's registers of EL1 and EL0, all but SCTLR_EL1, which is 0 where it matters.
pub(super) fn registers() {
    reset! {
        0, true =>
            "TCR_EL1" "MAIR_EL1" "AMAIR_EL1" "TTBR0_EL1" "TTBR1_EL1" "CONTEXTIDR_EL1" "VBAR_EL1"
            "CPACR_EL1" "CSSELR_EL1" "PAR_EL1" "ELR_EL1" "SPSR_EL1" "ESR_EL1" "FAR_EL1" "AFSR0_EL1"
            "AFSR1_EL1" "SP_EL0" "SP_EL1" "TPIDR_EL0" "TPIDRRO_EL0" "TPIDR_EL1" "CNTKCTL_EL1"
            "MDSCR_EL1" "MDCCINT_EL1" "OSDLR_EL1";
        // The OS lock, as a cold reset leaves it; claim tags.
        1, true => "OSLAR_EL1";
        0xff, true => "DBGCLAIMCLR_EL1";
        // FPEXC32_EL2, DACR32_EL2, IFSR32_EL2, DBGVCR32_EL2, SPSR of its modes.
        0, Feature::AARCH32_EL1.is_there() =>
            "S3_4_C5_C3_0" "S3_4_C3_C0_0" "S3_4_C5_C0_1" "S2_4_C0_C7_0"
            "SPSR_irq" "SPSR_abt" "SPSR_und" "SPSR_fiq";
        // SVCR before all that streaming mode looks at; SMCR_EL1, SMPRI_EL1, TPIDR2_EL0.
        0, Feature::SME.is_there() =>
            "S3_3_C4_C2_2" "S3_0_C1_C2_6" "S3_0_C1_C2_4" "S3_3_C13_C0_5";
        // ZCR_EL1.
        0, Feature::SVE.is_there() => "S3_0_C1_C2_0";
        // FPCR, FPSR.
        0, Feature::FP.is_there() => "S3_3_C4_C4_0" "S3_3_C4_C4_1";
        0, Feature::FPMR.is_there() => "S3_3_C4_C4_2";
        // PMCR_EL0: off, and all counters 0. PMUSERENR_EL0, PMSELR_EL0, PMCCFILTR_EL0; PMCNTENCLR_EL0,
        // PMOVSCLR_EL0, PMINTENCLR_EL1.
        0b110, Feature::PMU.is_there() => "S3_3_C9_C12_0";
        0, Feature::PMU.is_there() => "S3_3_C9_C14_0" "S3_3_C9_C12_5" "S3_3_C14_C15_7";
        0xffff_ffff, Feature::PMU.is_there() =>
            "S3_3_C9_C12_2" "S3_3_C9_C12_3" "S3_0_C9_C14_2";
        // GCR_EL1, RGSR_EL1, TFSR_EL1, TFSRE0_EL1.
        0, Feature::MTE2.is_there() =>
            "S3_0_C1_C0_6" "S3_0_C1_C0_5" "S3_0_C5_C6_0" "S3_0_C5_C6_1";
        // The five keys, low and high.
        0, authenticates_pointers() =>
            "S3_0_C2_C1_0" "S3_0_C2_C1_1" "S3_0_C2_C1_2" "S3_0_C2_C1_3" "S3_0_C2_C2_0"
            "S3_0_C2_C2_1" "S3_0_C2_C2_2" "S3_0_C2_C2_3" "S3_0_C2_C3_0" "S3_0_C2_C3_1";
        // SCXTNUM_EL0, SCXTNUM_EL1.
        0, numbers_contexts() => "S3_3_C13_C0_7" "S3_0_C13_C0_7";
        // VDISR_EL2, which the guest reads as DISR_EL1.
        0, Feature::RAS.is_there() => "S3_4_C12_C1_1";
        // LORC_EL1 first, then LORSA_EL1, LOREA_EL1, LORN_EL1.
        0, Feature::LOR.is_there() =>
            "S3_0_C10_C4_3" "S3_0_C10_C4_0" "S3_0_C10_C4_1" "S3_0_C10_C4_2";
        0, Feature::TCR2.is_there() => "S3_0_C2_C0_3";
        0, Feature::SCTLR2.is_there() => "S3_0_C1_C0_3";
        // PIR_EL1, PIRE0_EL1.
        0, Feature::S1PIE.is_there() => "S3_0_C10_C2_3" "S3_0_C10_C2_2";
        // POR_EL1, POR_EL0.
        0, Feature::S1POE.is_there() => "S3_0_C10_C2_4" "S3_3_C10_C2_4";
        0, Feature::S2POE.is_there() => "S3_0_C10_C2_5";
        // MAIR2_EL1, AMAIR2_EL1.
        0, Feature::AIE.is_there() => "S3_0_C10_C2_1" "S3_0_C10_C3_1";
        // GCSCR_EL1, GCSCRE0_EL1.
        0, Feature::GCS.is_there() => "S3_0_C2_C5_0" "S3_0_C2_C5_2";
        // PMSCR_EL1, PMBLIMITR_EL1.
        0, Feature::SPE.is_there() => "S3_0_C9_C9_0" "S3_0_C9_C10_0";
        // TRFCR_EL1, TRBLIMITR_EL1, BRBCR_EL1.
        0, Feature::TRACE_FILTER.is_there() => "S3_0_C1_C2_1";
        0, Feature::TRACE_BUFFER.is_there() => "S3_0_C9_C11_0";
        0, Feature::BRBE.is_there() => "S2_1_C9_C0_0";
    }
    breakpoints();
    vectors();
}

/// DBGBCR and DBGWCR, of which a CPU has 2 to 16 each: a jump into the last so many of sixteen writes.
fn breakpoints() {
    let debug = registers::read_id_aa64dfr0_el1();
    let breakpoints = (debug >> 12 & 0xf) + 1;
    let watchpoints = (debug >> 20 & 0xf) + 1;
    macro_rules! last_of_sixteen {
        ($register:literal, $count:expr) => {
            // SAFETY: The guest's, which does not run on this CPU now: no exception of EL2's is
            // generated by them. The jump lands on one of the sixteen instructions.
            unsafe {
                asm!(
                    "adr {place}, 2f",
                    "sub {place}, {place}, {count}, lsl #2",
                    "br {place}",
                    ".irp n, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0",
                    concat!("msr ", $register, ", xzr"),
                    ".endr",
                    "2:",
                    count = in(reg) $count,
                    place = out(reg) _,
                    options(nostack, preserves_flags)
                );
            }
        };
    }
    last_of_sixteen!("S2_0_C0_C\\n\\()_5", breakpoints);
    last_of_sixteen!("S2_0_C0_C\\n\\()_7", watchpoints);
}

/// The vector registers, to all their width.
fn vectors() {
    if !Feature::FP.is_there() {
        return;
    }
    // SAFETY: They are the guest's, and not used at EL2. Each instruction is `movi vN.2d, #0`: this
    // target has no name for it.
    unsafe {
        asm!(
            ".set n, 0",
            ".rept 32",
            ".inst 0x6f00e400 + n",
            ".set n, n + 1",
            ".endr",
            options(nostack, nomem, preserves_flags)
        );
    }
}
