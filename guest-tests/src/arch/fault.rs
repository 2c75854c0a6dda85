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
}
