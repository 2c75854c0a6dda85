//! HVC and SMC with r0 to r11 in and out.
//!
//! DEN0028 §2.6 and §2.7: arguments and results of an AArch32 caller are in r0 to r7. The program's own
//! registers from r4 up come back from the stack whatever the firmware does to them.
#![expect(unsafe_code, reason = "hvc and smc can only be assembly")]

use core::arch::global_asm;

/// How many registers take part in a call.
pub const REGISTERS: usize = 12;

/// The instruction that makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduit {
    /// `hvc #0`, the conduit of a virtual machine.
    Hvc,
    /// `smc #0`
    Smc,
}

macro_rules! conduits {
    ($($name:literal $instruction:literal;)*) => {
        global_asm!(
            ".section .text.conduit, \"ax\"",
            ".arm",
            ".arch_extension virt",
            ".arch_extension sec",
            $(
                concat!(".global ", $name),
                concat!($name, ":"),
                "   push    {{r4-r11, lr}}",
                "   push    {{r0}}",
                "   mov     r12, r0",
                "   ldm     r12, {{r0-r11}}",
                "   dsb     sy", // counts and records are in memory before the machine may end
                concat!("   ", $instruction),
                "   pop     {{r12}}",
                "   stm     r12, {{r0-r11}}",
                "   pop     {{r4-r11, pc}}",
            )*
        );
    };
}

conduits! {
    "conduit_hvc" "hvc #0";
    "conduit_smc" "smc #0";
}

// Safe to call: the routines follow the procedure call standard and touch nothing but the array.
// What the firmware does to the machine is the point of these programs.
unsafe extern "C" {
    safe fn conduit_hvc(registers: &mut [u32; REGISTERS]);
    safe fn conduit_smc(registers: &mut [u32; REGISTERS]);
}

impl Conduit {
    /// Makes the call: `registers` are r0 to r11, before and after.
    pub fn call(self, registers: &mut [u32; REGISTERS]) {
        match self {
            Self::Hvc => conduit_hvc(registers),
            Self::Smc => conduit_smc(registers),
        }
    }

    /// The instruction as a transcript names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hvc => "hvc",
            Self::Smc => "smc",
        }
    }
}
