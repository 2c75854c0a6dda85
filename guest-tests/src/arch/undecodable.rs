//! Device accesses that the hardware does not describe to the hypervisor.
//!
//! A data abort's syndrome says register and size only for plain loads and stores. With write-back, for
//! pairs and for SIMD its ISV bit is 0 (DDI0487, ESR_EL1: ISS of a data abort), and the monitor has to find the
//! instruction itself: through the guest's translation when the MMU is on, at its plain address
//! when it is off. Every routine here is one such instruction on x0, x1 and x2, and may run in
//! each of the three [`Place`]s.
#![expect(
    unsafe_code,
    reason = "these instructions can only be chosen in assembly"
)]

use core::arch::global_asm;

use super::translation::ALIAS;

/// How the instruction's address becomes a physical one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// MMU on, identity map.
    Mapped,
    /// MMU off. The routine and its caller keep everything in registers meanwhile.
    Untranslated,
    /// MMU on, code and device at addresses that are not their own translation.
    Aliased,
}

/// One undecodable instruction: base register x0, data in x1 and x2.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// The instruction, for transcripts.
    pub name: &'static str,
    routine: extern "C" fn(),
}

/// x0 (the address), x1 and x2 (the data) before or after an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Registers {
    /// Base register.
    pub address: u64,
    /// First data register.
    pub first: u64,
    /// Second data register, of pairs.
    pub second: u64,
}

impl Access {
    /// Executes the instruction on the device registers at a physical address.
    ///
    /// # Panics
    ///
    /// If the address is in RAM, where a store would break the program.
    #[must_use]
    pub fn execute(self, place: Place, before: Registers) -> Registers {
        assert!(before.address < RAM, "{:#x} is in RAM", before.address);
        let code = (self.routine as *const ()).addr() as u64;
        let mut registers = before;
        match place {
            Place::Mapped => undecodable_mapped(&mut registers, code),
            Place::Untranslated => undecodable_untranslated(&mut registers, code),
            Place::Aliased => {
                registers.address = registers.address.wrapping_add(ALIAS);
                undecodable_mapped(&mut registers, code.wrapping_add(ALIAS));
                registers.address = registers.address.wrapping_sub(ALIAS);
            }
        }
        registers
    }
}

const RAM: u64 = 0x4000_0000;

macro_rules! accesses {
    ($($(#[$doc:meta])* $constant:ident $routine:ident: $instruction:literal;)*) => {
        global_asm!(
            ".section .text.undecodable, \"ax\"",
            $(
                concat!(".global ", stringify!($routine)),
                concat!(stringify!($routine), ":"),
                concat!("   ", $instruction),
                "   ret",
            )*
            options(raw), // vector lists have braces
        );

        unsafe extern "C" {
            $(safe fn $routine();)*
        }

        impl Access {
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

accesses! {
    /// Word store, address taken before the increment.
    STORE_POST_INDEX undecodable_store_post: "str w1, [x0], #4";
    /// Word store, address taken after the increment.
    STORE_PRE_INDEX undecodable_store_pre: "str w1, [x0, #4]!";
    /// Byte store with write-back.
    STORE_BYTE undecodable_store_byte: "strb w1, [x0], #1";
    /// Halfword store with a negative write-back.
    STORE_HALFWORD undecodable_store_halfword: "strh w1, [x0, #-2]!";
    /// Two words to two registers of the device.
    STORE_PAIR undecodable_store_pair: "stp w1, w2, [x0]";
    /// Two words, then the increment.
    STORE_PAIR_POST_INDEX undecodable_store_pair_post: "stp w1, w2, [x0], #8";
    /// Word load, then a decrement.
    LOAD_POST_INDEX undecodable_load_post: "ldr w1, [x0], #-4";
    /// Word load after an increment.
    LOAD_PRE_INDEX undecodable_load_pre: "ldr w1, [x0, #4]!";
    /// Doubleword load with write-back.
    LOAD_DOUBLEWORD undecodable_load_doubleword: "ldr x1, [x0], #8";
    /// Byte load, sign-extended to 64 bits.
    LOAD_SIGNED_BYTE undecodable_load_signed_byte: "ldrsb x1, [x0], #1";
    /// Word load whose result nobody wants: register 31 is no register here.
    LOAD_NOWHERE undecodable_load_nowhere: "ldr wzr, [x0], #4";
    /// Two words.
    LOAD_PAIR undecodable_load_pair: "ldp w1, w2, [x0]";
    /// Two words after an increment.
    LOAD_PAIR_PRE_INDEX undecodable_load_pair_pre: "ldp w1, w2, [x0, #8]!";
    /// Two words, each sign-extended to 64 bits.
    LOAD_PAIR_SIGNED undecodable_load_pair_signed: "ldpsw x1, x2, [x0]";
    /// Two doublewords.
    LOAD_PAIR_DOUBLEWORDS undecodable_load_pair_doublewords: "ldp x1, x2, [x0]";
    /// Thirty-two bytes into two vector registers: nothing a device could mean.
    LOAD_VECTORS undecodable_load_vectors: "ld1 {v0.4s, v1.4s}, [x0]";
    /// No access at all, but an exception in each place.
    UNDEFINED undecodable_undefined: "udf #0";
}

global_asm!(
    ".section .text.undecodable, \"ax\"",
    // In: x0 = the registers in memory, x1 = the routine.
    ".macro undecodable_trampoline name, before, after",
    ".global \\name",
    "\\name:",
    "   stp     x29, x30, [sp, #-32]!",
    "   str     x0, [sp, #16]",
    "   mov     x9, x1",
    "   mov     x10, x0",
    "   ldp     x0, x1, [x10]",
    "   ldr     x2, [x10, #16]",
    "   \\before",
    "   blr     x9",
    "   \\after",
    "   ldr     x10, [sp, #16]",
    "   stp     x0, x1, [x10]",
    "   str     x2, [x10, #16]",
    "   ldp     x29, x30, [sp], #32",
    "   ret",
    ".endm",
    "",
    // Only registers until translation_on: RAM behind dirty cache lines is stale now. The
    // instruction cache stays on.
    ".macro translation_off",
    "   mrs     x11, SCTLR_EL1",
    "   bic     x11, x11, #1",
    "   bic     x11, x11, #4",
    "   msr     SCTLR_EL1, x11",
    "   isb",
    ".endm",
    "",
    "undecodable_trampoline undecodable_mapped, nop, nop",
    "undecodable_trampoline undecodable_untranslated, translation_off, \"bl translation_on\"",
);

// Safe to call: they follow the procedure call standard, and `Access` has no other routines.
unsafe extern "C" {
    safe fn undecodable_mapped(registers: &mut Registers, code: u64);
    safe fn undecodable_untranslated(registers: &mut Registers, code: u64);
}
