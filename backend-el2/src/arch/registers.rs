//! System registers that no crate names, and those that have to be written together.
//!
//! A name here is the register's own, in small letters; the number is its instruction's. Each
//! function is one `mrs`, or one `msr` and the `isb` that lets it count.
#![expect(unsafe_code, reason = "these registers can only be named in assembly")]

use core::arch::asm;

macro_rules! system_registers {
    ($($name:ident $number:literal;)*) => {
        $(
            pub(crate) fn $name(value: u64) {
                // SAFETY: What these registers decide is what the guest sees and which interrupts
                // are signalled; interrupts are masked at EL2, and no guest runs on this CPU now.
                // Memory counts as changed, so that stores are not moved across.
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
    (read $($name:ident $number:literal;)*) => {
        $(
            pub(crate) fn $name() -> u64 {
                let value: u64;
                // SAFETY: The read has no effect but on interrupts, which are masked here. Memory
                // counts as changed, so that the compiler moves no load before an acknowledgement.
                unsafe {
                    asm!(
                        concat!("mrs {}, ", $number),
                        out(reg) value,
                        options(nostack, preserves_flags)
                    );
                }
                value
            }
        )*
    };
}

system_registers! {
    read
    read_revidr_el1 "REVIDR_EL1";
    read_aidr_el1 "AIDR_EL1";
    read_ctr_el0 "CTR_EL0";
    read_id_aa64pfr0_el1 "S3_0_C0_C4_0";
    read_id_aa64pfr1_el1 "S3_0_C0_C4_1";
    read_id_aa64pfr2_el1 "S3_0_C0_C4_2";
    read_id_aa64dfr0_el1 "S3_0_C0_C5_0";
    read_id_aa64isar1_el1 "S3_0_C0_C6_1";
    read_id_aa64isar2_el1 "S3_0_C0_C6_2";
    read_id_aa64mmfr0_el1 "S3_0_C0_C7_0";
    read_id_aa64mmfr1_el1 "S3_0_C0_C7_1";
    read_id_aa64mmfr3_el1 "S3_0_C0_C7_3";
    read_actlr_el1 "ACTLR_EL1";
    read_pmcr_el0 "PMCR_EL0";
    read_icc_iar1 "S3_0_C12_C12_0";
    read_ich_hcr "S3_4_C12_C11_0";
    read_ich_vtr "S3_4_C12_C11_1";
    read_ich_vmcr "S3_4_C12_C11_7";
}

system_registers! {
    write_vpidr_el2 "VPIDR_EL2";
    write_hstr_el2 "HSTR_EL2";
    write_hcrx_el2 "S3_4_C1_C2_2";
    write_zcr_el2 "S3_4_C1_C2_0";
    write_smcr_el2 "S3_4_C1_C2_6";
    write_mpam2_el2 "S3_4_C10_C5_0";
    write_ifsr32_el2 "S3_4_C5_C0_1";
    write_spsr_abt "SPSR_abt";
    write_spsr_und "SPSR_und";
    write_icc_sre_el2 "S3_4_C12_C9_5";
    write_icc_sre_el1 "S3_0_C12_C12_5";
    write_icc_pmr "S3_0_C4_C6_0";
    write_icc_ctlr "S3_0_C12_C12_4";
    write_icc_igrpen1 "S3_0_C12_C12_7";
    write_icc_eoir1 "S3_0_C12_C12_1";
    write_icc_dir "S3_0_C12_C11_1";
    write_icc_sgi1r "S3_0_C12_C11_5";
    write_ich_hcr "S3_4_C12_C11_0";
    write_ich_vmcr "S3_4_C12_C11_7";
}

/// The list registers, which are numbers in their instructions.
macro_rules! list_registers {
    ($($index:literal $number:literal;)*) => {
        pub(crate) fn read_ich_lr(index: usize) -> u64 {
            let value: u64;
            match index {
                $(
                    // SAFETY: A list register is read, without an effect.
                    $index => unsafe {
                        asm!(
                            concat!("mrs {}, ", $number),
                            out(reg) value,
                            options(nostack, nomem, preserves_flags)
                        );
                    },
                )*
                _ => value = 0,
            }
            value
        }

        pub(crate) fn write_ich_lr(index: usize, value: u64) {
            match index {
                $(
                    // SAFETY: A list register decides what the guest is interrupted by.
                    $index => unsafe {
                        asm!(
                            concat!("msr ", $number, ", {}"),
                            in(reg) value,
                            options(nostack, nomem, preserves_flags)
                        );
                    },
                )*
                _ => {}
            }
        }
    };
}

list_registers! {
    0 "S3_4_C12_C12_0";
    1 "S3_4_C12_C12_1";
    2 "S3_4_C12_C12_2";
    3 "S3_4_C12_C12_3";
    4 "S3_4_C12_C12_4";
    5 "S3_4_C12_C12_5";
    6 "S3_4_C12_C12_6";
    7 "S3_4_C12_C12_7";
    8 "S3_4_C12_C13_0";
    9 "S3_4_C12_C13_1";
    10 "S3_4_C12_C13_2";
    11 "S3_4_C12_C13_3";
    12 "S3_4_C12_C13_4";
    13 "S3_4_C12_C13_5";
    14 "S3_4_C12_C13_6";
    15 "S3_4_C12_C13_7";
}

/// Clears what a CPU's reset clears, or leaves unknown, of some registers.
macro_rules! clear {
    ($($register:literal)*) => {
        // SAFETY: All of these are the guest's, which does not run on this CPU now.
        unsafe {
            asm!(
                $(concat!("msr ", $register, ", xzr"),)*
                options(nostack, preserves_flags)
            );
        }
    };
}

/// Clears ICH_AP0R0_EL2 and ICH_AP1R0_EL2, which every virtual CPU interface has.
pub(crate) fn clear_ich_ap() {
    clear! { "S3_4_C12_C8_0" "S3_4_C12_C9_0" }
}

/// Clears ICH_AP0R1_EL2 and ICH_AP1R1_EL2.
pub(crate) fn clear_ich_ap1() {
    clear! { "S3_4_C12_C8_1" "S3_4_C12_C9_1" }
}

/// Clears ICH_AP0R2_EL2, ICH_AP0R3_EL2, ICH_AP1R2_EL2 and ICH_AP1R3_EL2.
pub(crate) fn clear_ich_ap2_and_ap3() {
    clear! { "S3_4_C12_C8_2" "S3_4_C12_C8_3" "S3_4_C12_C9_2" "S3_4_C12_C9_3" }
}

/// Forgets what this CPU's TLBs and instruction caches hold of a guest.
pub(crate) fn forget_guest() {
    // SAFETY: Of EL2's own translation nothing is in them, and the guest's is walked again.
    unsafe {
        asm!(
            "isb",
            "tlbi vmalls12e1",
            "ic iallu",
            "dsb nsh",
            "isb",
            options(nostack, preserves_flags)
        );
    }
}
