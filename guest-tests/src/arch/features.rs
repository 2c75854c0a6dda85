//! The registers that tell what this CPU has beyond Armv8.0.
#![expect(
    unsafe_code,
    reason = "not all of these registers have names in assembly"
)]

use core::arch::asm;

/// Lets SVE and SME be used at EL1, where they are: CPACR_EL1.ZEN, FPEN, SMEN.
pub fn enable() {
    // SAFETY: More instructions are executed, and none otherwise.
    unsafe {
        asm!(
            "msr CPACR_EL1, {}",
            "isb",
            in(reg) 0b11_u64 << 16 | 0b11 << 20 | 0b11 << 24,
            options(nostack, nomem, preserves_flags)
        );
    }
}

macro_rules! read {
    ($($name:ident $number:literal;)*) => {
        $(
            #[doc = concat!(stringify!($name), "_el1, as the guest sees it.")]
            #[must_use]
            pub fn $name() -> u64 {
                let value: u64;
                // SAFETY: All ID registers can be read, those that are not there as 0.
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

read! {
    id_aa64pfr0 "S3_0_C0_C4_0";
    id_aa64pfr1 "S3_0_C0_C4_1";
    id_aa64smfr0 "S3_0_C0_C4_5";
    id_aa64dfr0 "S3_0_C0_C5_0";
    id_aa64isar0 "S3_0_C0_C6_0";
    id_aa64isar1 "S3_0_C0_C6_1";
    id_aa64isar2 "S3_0_C0_C6_2";
    id_aa64mmfr1 "S3_0_C0_C7_1";
    id_aa64mmfr3 "S3_0_C0_C7_3";
}
