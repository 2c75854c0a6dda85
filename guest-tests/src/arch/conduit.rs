//! HVC and SMC with all of x0 to x17 in and out.
//!
//! DEN0028 §2.6 and §2.7: arguments and results are x0 to x17. The program's own registers
//! from x19 up come back from the stack whatever the firmware does to them.
#![expect(unsafe_code, reason = "hvc and smc can only be assembly")]

use core::arch::global_asm;

/// How many registers take part in a call.
pub const REGISTERS: usize = 18;

/// The instruction that makes a call, immediate included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduit {
    /// `hvc #0`, the conduit of a virtual machine.
    Hvc,
    /// `hvc #1`
    Hvc1,
    /// `hvc #2`
    Hvc2,
    /// `hvc #3`
    Hvc3,
    /// `hvc #0xffff`
    HvcFfff,
    /// `hvc #0` with SCTLR_EL1.EE set: by a CPU whose data is big-endian.
    HvcBigEndian,
    /// `smc #0`
    Smc,
    /// `smc #1`
    Smc1,
    /// `smc #2`
    Smc2,
    /// `smc #3`
    Smc3,
    /// `smc #0xffff`
    SmcFfff,
}

macro_rules! conduits {
    ($($name:literal $instruction:literal;)*) => {
        global_asm!(
            ".section .text.conduit, \"ax\"",
            $(
                concat!(".global ", $name),
                concat!($name, ":"),
                "   stp     x29, x30, [sp, #-112]!",
                "   stp     x19, x20, [sp, #16]",
                "   stp     x21, x22, [sp, #32]",
                "   stp     x23, x24, [sp, #48]",
                "   stp     x25, x26, [sp, #64]",
                "   stp     x27, x28, [sp, #80]",
                "   str     x0, [sp, #96]",
                "   mov     x18, x0",
                "   ldp     x0, x1, [x18]",
                "   ldp     x2, x3, [x18, #16]",
                "   ldp     x4, x5, [x18, #32]",
                "   ldp     x6, x7, [x18, #48]",
                "   ldp     x8, x9, [x18, #64]",
                "   ldp     x10, x11, [x18, #80]",
                "   ldp     x12, x13, [x18, #96]",
                "   ldp     x14, x15, [x18, #112]",
                "   ldp     x16, x17, [x18, #128]",
                "   dsb     sy", // counts and records are in memory before the machine may end
                concat!("   ", $instruction),
                "   ldr     x18, [sp, #96]",
                "   stp     x0, x1, [x18]",
                "   stp     x2, x3, [x18, #16]",
                "   stp     x4, x5, [x18, #32]",
                "   stp     x6, x7, [x18, #48]",
                "   stp     x8, x9, [x18, #64]",
                "   stp     x10, x11, [x18, #80]",
                "   stp     x12, x13, [x18, #96]",
                "   stp     x14, x15, [x18, #112]",
                "   stp     x16, x17, [x18, #128]",
                "   ldp     x19, x20, [sp, #16]",
                "   ldp     x21, x22, [sp, #32]",
                "   ldp     x23, x24, [sp, #48]",
                "   ldp     x25, x26, [sp, #64]",
                "   ldp     x27, x28, [sp, #80]",
                "   ldp     x29, x30, [sp], #112",
                "   ret",
            )*
        );
    };
}

conduits! {
    "conduit_hvc" "hvc #0";
    "conduit_hvc_1" "hvc #1";
    "conduit_hvc_2" "hvc #2";
    "conduit_hvc_3" "hvc #3";
    "conduit_hvc_ffff" "hvc #0xffff";
    // Without the MMU, because EE turns the table walks around too. x19 and x20 are on the stack.
    "conduit_hvc_big_endian" "mrs x19, SCTLR_EL1
        bic x20, x19, #(1 << 0)
        bic x20, x20, #(1 << 2)
        orr x20, x20, #(1 << 25)
        msr SCTLR_EL1, x20
        isb
        hvc #0
        msr SCTLR_EL1, x19
        isb";
    "conduit_smc" "smc #0";
    "conduit_smc_1" "smc #1";
    "conduit_smc_2" "smc #2";
    "conduit_smc_3" "smc #3";
    "conduit_smc_ffff" "smc #0xffff";
}

// Safe to call: the routines follow the procedure call standard and touch nothing but the array.
// What the firmware does to the machine is the point of these programs.
unsafe extern "C" {
    safe fn conduit_hvc(registers: &mut [u64; REGISTERS]);
    safe fn conduit_hvc_1(registers: &mut [u64; REGISTERS]);
    safe fn conduit_hvc_2(registers: &mut [u64; REGISTERS]);
    safe fn conduit_hvc_3(registers: &mut [u64; REGISTERS]);
    safe fn conduit_hvc_ffff(registers: &mut [u64; REGISTERS]);
    safe fn conduit_hvc_big_endian(registers: &mut [u64; REGISTERS]);
    safe fn conduit_smc(registers: &mut [u64; REGISTERS]);
    safe fn conduit_smc_1(registers: &mut [u64; REGISTERS]);
    safe fn conduit_smc_2(registers: &mut [u64; REGISTERS]);
    safe fn conduit_smc_3(registers: &mut [u64; REGISTERS]);
    safe fn conduit_smc_ffff(registers: &mut [u64; REGISTERS]);
}

impl Conduit {
    /// Makes the call: `registers` are x0 to x17, before and after.
    pub fn call(self, registers: &mut [u64; REGISTERS]) {
        match self {
            Self::Hvc => conduit_hvc(registers),
            Self::Hvc1 => conduit_hvc_1(registers),
            Self::Hvc2 => conduit_hvc_2(registers),
            Self::Hvc3 => conduit_hvc_3(registers),
            Self::HvcFfff => conduit_hvc_ffff(registers),
            Self::HvcBigEndian => conduit_hvc_big_endian(registers),
            Self::Smc => conduit_smc(registers),
            Self::Smc1 => conduit_smc_1(registers),
            Self::Smc2 => conduit_smc_2(registers),
            Self::Smc3 => conduit_smc_3(registers),
            Self::SmcFfff => conduit_smc_ffff(registers),
        }
    }

    /// The instruction as a transcript names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hvc => "hvc",
            Self::Hvc1 => "hvc#1",
            Self::Hvc2 => "hvc#2",
            Self::Hvc3 => "hvc#3",
            Self::HvcFfff => "hvc#0xffff",
            Self::HvcBigEndian => "hvc(big-endian)",
            Self::Smc => "smc",
            Self::Smc1 => "smc#1",
            Self::Smc2 => "smc#2",
            Self::Smc3 => "smc#3",
            Self::SmcFfff => "smc#0xffff",
        }
    }

    /// Whether a hypervisor's filter ever sees the call: KVM answers an SMC with an immediate other
    /// than 0 before it looks at the function.
    #[must_use]
    pub fn reaches_the_firmware(self) -> bool {
        match self {
            Self::Hvc
            | Self::Hvc1
            | Self::Hvc2
            | Self::Hvc3
            | Self::HvcFfff
            | Self::HvcBigEndian
            | Self::Smc => true,
            Self::Smc1 | Self::Smc2 | Self::Smc3 | Self::SmcFfff => false,
        }
    }
}
