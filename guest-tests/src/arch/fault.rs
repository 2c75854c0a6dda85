//! Instructions that may fault, and what came of them.
//!
//! A claim about isolation does what must not be done and looks at the exception. Each routine here is
//! one such instruction. Before it, the address behind it is left in TPIDRRO_EL0; the vectors take a
//! synchronous exception with that set as the instruction's answer, and go on there. The MMU is off
//! meanwhile, so that every guest-physical address can be named and only the hypervisor's
//! translation is in the way; the routines keep everything in registers until it is on again.
#![expect(
    unsafe_code,
    reason = "an instruction that faults and is survived can only be assembly"
)]

use core::arch::global_asm;
use core::fmt;

/// One instruction.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// For transcripts.
    pub name: &'static str,
    routine: extern "C" fn(u64, &mut [u64; 3]),
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was executed; what a load got.
    Done(u64),
    /// A synchronous exception.
    Fault {
        /// ESR_EL1.
        esr: u64,
        /// FAR_EL1.
        far: u64,
    },
}

impl Attempt {
    /// Executes the instruction with this address, or with a value for a register.
    #[must_use]
    pub fn make(self, address: u64) -> Answer {
        let mut out = [0; 3];
        (self.routine)(address, &mut out);
        match out {
            [0, value, _] => Answer::Done(value),
            [_, esr, far] => Answer::Fault { esr, far },
        }
    }
}

impl Answer {
    /// ESR_EL1 without the bits that say how the instruction was to be emulated; `u64::MAX` if there
    /// was no exception.
    #[must_use]
    pub fn syndrome(self) -> u64 {
        match self {
            Self::Done(_) => u64::MAX,
            Self::Fault { esr, .. } => esr,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(_) => out.write_str("done"),
            Self::Fault { esr, .. } => write!(out, "exception {esr:#x}"),
        }
    }
}

macro_rules! attempts {
    ($($(#[$doc:meta])* $constant:ident $routine:ident: $instruction:literal;)*) => {
        global_asm!(
            ".section .text.fault, \"ax\"",
            $(
                concat!(".global ", stringify!($routine)),
                concat!(stringify!($routine), ":"),
                "   mov     x10, x1",
                "   mov     x11, x30",
                "   adr     x9, 1f",
                "   mrs     x12, SCTLR_EL1",
                "   bic     x13, x12, #1",
                "   bic     x13, x13, #4",
                "   msr     SCTLR_EL1, x13",
                "   msr     TPIDRRO_EL0, x9",
                "   isb",
                "   mov     x30, x9", // a fetch that succeeds may come back
                "   mov     x1, xzr",
                concat!("   ", $instruction),
                "   mov     x0, xzr",
                "1: msr     TPIDRRO_EL0, xzr",
                "   mov     x13, x0",
                "   bl      translation_on",
                "   stp     x13, x1, [x10]",
                "   str     x2, [x10, #16]",
                "   mov     x30, x11",
                "   ret",
            )*
        );

        // Safe to call: they follow the procedure call standard and write nothing of the program's
        // but the array, unless the hypervisor lets a store through that it must not.
        unsafe extern "C" {
            $(safe fn $routine(address: u64, out: &mut [u64; 3]);)*
        }

        impl Attempt {
            $(
                $(#[$doc])*
                pub const $constant: Self = Self {
                    name: $instruction,
                    routine: $routine,
                };
            )*
        }
    };
}

attempts! {
    /// A load whose syndrome says all of it.
    LOAD fault_load: "ldr x1, [x0]";
    /// The same of a word.
    LOAD_WORD fault_load_word: "ldr w1, [x0]";
    /// A store whose syndrome says all of it.
    STORE fault_store: "str xzr, [x0]";
    /// A load of which the syndrome says nothing.
    LOAD_PAIR fault_load_pair: "ldp x1, x2, [x0]";
    /// A store with write-back.
    STORE_POST_INDEX fault_store_post: "str xzr, [x0], #8";
    /// A load into a vector register.
    LOAD_VECTOR fault_load_vector: "ldr q0, [x0]";
    /// Both at once.
    EXCLUSIVE fault_exclusive: "ldxr x1, [x0]";
    /// A fetch.
    FETCH fault_fetch: "br x0";
    /// Which memory the guest has is EL2's matter.
    READ_VTTBR_EL2 fault_read_vttbr: "mrs x1, VTTBR_EL2";
    /// What traps too.
    READ_HCR_EL2 fault_read_hcr: "mrs x1, HCR_EL2";
    /// To let nothing trap.
    WRITE_HCR_EL2 fault_write_hcr: "msr HCR_EL2, x0";
    /// To see all memory.
    WRITE_VTTBR_EL2 fault_write_vttbr: "msr VTTBR_EL2, x0";
    /// To take EL2's exceptions.
    WRITE_VBAR_EL2 fault_write_vbar: "msr VBAR_EL2, x0";
    /// EL2's own memory.
    WRITE_SCTLR_EL2 fault_write_sctlr: "msr SCTLR_EL2, x0";
    /// Interrupts that are not the guest's.
    WRITE_ICH_LR fault_write_ich_lr: "msr S3_4_C12_C12_0, x0";
    /// To forget EL2's translations.
    TLBI_ALLE2 fault_tlbi_alle2: "tlbi alle2";
    /// To go where only EL2 can send.
    READ_ELR_EL2 fault_read_elr: "mrs x1, ELR_EL2";
    /// What EL2 keeps for itself: nobody defines it.
    READ_IMPLEMENTATION_DEFINED fault_read_impdef: "mrs x1, S3_0_C15_C0_0";
    /// To change what nobody defines.
    WRITE_IMPLEMENTATION_DEFINED fault_write_impdef: "msr S3_0_C15_C0_0, x0";
    /// What the CPU is set to.
    READ_ACTLR fault_read_actlr: "mrs x1, ACTLR_EL1";
    /// To set it otherwise.
    WRITE_ACTLR fault_write_actlr: "msr ACTLR_EL1, x0";
    /// A register that is only written.
    READ_ICC_SGI1R fault_read_sgi1r: "mrs x1, S3_0_C12_C11_5";
    /// `FEAT_SME`: TPIDR2_EL0.
    WRITE_TPIDR2_EL0 feature_tpidr2: "msr S3_3_C13_C0_5, xzr";
    /// `FEAT_SME`: SMPRI_EL1.
    READ_SMPRI_EL1 feature_smpri: "mrs x1, S3_0_C1_C2_4";
    /// `FEAT_SME`: SMCR_EL1.
    READ_SMCR_EL1 feature_smcr: "mrs x1, S3_0_C1_C2_6";
    /// `FEAT_SME`: streaming mode and ZA, on and off.
    SMSTART feature_smstart: "msr S0_3_C4_C7_3, xzr; msr S0_3_C4_C6_3, xzr";
    /// `FEAT_SVE`: ZCR_EL1.
    READ_ZCR_EL1 feature_zcr: "mrs x1, S3_0_C1_C2_0";
    /// `FEAT_SVE`: an instruction, `rdvl x1, #1`.
    READ_VECTOR_LENGTH feature_rdvl: ".inst 0x04bf5021";
    /// `FEAT_CSV2_2`: SCXTNUM_EL1.
    WRITE_SCXTNUM_EL1 feature_scxtnum: "msr S3_0_C13_C0_7, xzr";
    /// `FEAT_MOPS`: `SETP [x0]!, x1!, x2`, of no byte.
    SET_MEMORY feature_setp: ".inst 0x19c20420";
    /// `FEAT_MTE2`: GCR_EL1.
    READ_GCR_EL1 feature_gcr: "mrs x1, S3_0_C1_C0_6";
    /// `FEAT_PAuth`: PACGA x1, x0, x0.
    AUTHENTICATE_POINTER feature_pacga: ".inst 0x9ac03001";
    /// `FEAT_PAuth`: APIAKeyLo_EL1.
    READ_KEY feature_key: "mrs x1, S3_0_C2_C1_0";
    /// `FEAT_RNG`: RNDR.
    READ_RNDR feature_rndr: "mrs x1, S3_3_C2_C4_0";
    /// `FEAT_RAS`: DISR_EL1.
    READ_DISR_EL1 feature_disr: "mrs x1, S3_0_C12_C1_1";
    /// `FEAT_RAS`: ERRIDR_EL1.
    READ_ERRIDR_EL1 feature_erridr: "mrs x1, S3_0_C5_C3_0";
    /// `FEAT_LOR`: LORC_EL1.
    READ_LORC_EL1 feature_lorc: "mrs x1, S3_0_C10_C4_3";
    /// `FEAT_PMUv3`: PMCR_EL0.
    READ_PMCR_EL0 feature_pmcr: "mrs x1, S3_3_C9_C12_0";
    /// `FEAT_NMI`: ALLINT.
    READ_ALLINT feature_allint: "mrs x1, S3_0_C4_C3_0";
    /// `FEAT_TCR2`: TCR2_EL1.
    READ_TCR2_EL1 feature_tcr2: "mrs x1, S3_0_C2_C0_3";
    /// `FEAT_SCTLR2`: SCTLR2_EL1.
    READ_SCTLR2_EL1 feature_sctlr2: "mrs x1, S3_0_C1_C0_3";
    /// `FEAT_S1PIE`: PIR_EL1.
    READ_PIR_EL1 feature_pir: "mrs x1, S3_0_C10_C2_3";
    /// `FEAT_S1POE`: POR_EL1.
    READ_POR_EL1 feature_por: "mrs x1, S3_0_C10_C2_4";
}
