//! Device accesses of a CPU whose data is big-endian.
//!
//! SCTLR_EL1.EE turns the walks of stage 1 around as well, so the MMU is off meanwhile, and all is kept
//! in registers. What a big-endian program wants to say to a little-endian device it turns around
//! itself, as these do: a device that works gives the value that it gives everybody.
#![expect(
    unsafe_code,
    reason = "no compiler changes the byte order of one access"
)]

use core::arch::asm;

macro_rules! big_endian {
    ($($load:ident $store:ident $size:literal $register:literal;)*) => {
        $(
            #[doc = concat!("Loads ", $size, " of a device register.")]
            #[must_use]
            pub fn $load(address: u64) -> u64 {
                let value: u64;
                // SAFETY: `address` is of a device register whose reads and writes reach no memory of
                // the program's; with the MMU off the same instructions are fetched from the same
                // addresses. Memory is not accessed otherwise in between.
                unsafe {
                    asm!(
                        "mrs {old}, SCTLR_EL1",
                        "bic {new}, {old}, #1", // M
                        "bic {new}, {new}, #4", // C
                        "orr {new}, {new}, #(1 << 25)",
                        "msr SCTLR_EL1, {new}",
                        "isb",
                        concat!("ldr {value:", $register, "}, [{address}]"),
                        "msr SCTLR_EL1, {old}",
                        "isb",
                        concat!("rev {value:", $register, "}, {value:", $register, "}"),
                        old = out(reg) _,
                        new = out(reg) _,
                        value = out(reg) value,
                        address = in(reg) address,
                        options(nostack, preserves_flags),
                    );
                }
                value
            }

            #[doc = concat!("Stores ", $size, " to a device register.")]
            pub fn $store(address: u64, value: u64) {
                // SAFETY: As above.
                unsafe {
                    asm!(
                        concat!("rev {value:", $register, "}, {value:", $register, "}"),
                        "mrs {old}, SCTLR_EL1",
                        "bic {new}, {old}, #1", // M
                        "bic {new}, {new}, #4", // C
                        "orr {new}, {new}, #(1 << 25)",
                        "msr SCTLR_EL1, {new}",
                        "isb",
                        concat!("str {value:", $register, "}, [{address}]"),
                        "msr SCTLR_EL1, {old}",
                        "isb",
                        old = out(reg) _,
                        new = out(reg) _,
                        value = inout(reg) value => _,
                        address = in(reg) address,
                        options(nostack, preserves_flags),
                    );
                }
            }
        )*
    };
}

big_endian! {
    load_word store_word "a word" "w";
    load_doubleword store_doubleword "a doubleword" "x";
}
