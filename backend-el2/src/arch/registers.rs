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
                // counts as changed, so that loads behind an acknowledgement are not moved before it.
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
    read_id_aa64isar2_el1 "S3_0_C0_C6_2";
    read_actlr_el1 "ACTLR_EL1";
    read_pmcr_el0 "PMCR_EL0";
    read_icc_iar1 "S3_0_C12_C12_0";
    read_ich_vtr "S3_4_C12_C11_1";
    read_ich_vmcr "S3_4_C12_C11_7";
}

system_registers! {
    write_vpidr_el2 "VPIDR_EL2";
    write_hstr_el2 "HSTR_EL2";
    write_hcrx_el2 "S3_4_C1_C2_2";
    write_zcr_el2 "S3_4_C1_C2_0";
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
    write_ich_ap0r0 "S3_4_C12_C8_0";
    write_ich_ap1r0 "S3_4_C12_C9_0";
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

/// Clears the guest's registers of EL1 and EL0.
pub(crate) fn clear_el1() {
    clear! {
        "TCR_EL1" "MAIR_EL1" "AMAIR_EL1" "TTBR0_EL1" "TTBR1_EL1" "CONTEXTIDR_EL1"
        "VBAR_EL1" "CPACR_EL1" "CSSELR_EL1" "PAR_EL1" "MDSCR_EL1"
        "ELR_EL1" "SPSR_EL1" "ESR_EL1" "FAR_EL1" "AFSR0_EL1" "AFSR1_EL1"
        "SP_EL0" "SP_EL1" "TPIDR_EL0" "TPIDRRO_EL0" "TPIDR_EL1"
        "CNTKCTL_EL1" "CNTV_CTL_EL0" "CNTP_CTL_EL0"
    }
}

/// Clears those that only AArch32 at EL1 has; elsewhere they are undefined.
pub(crate) fn clear_aarch32() {
    clear! { "DACR32_EL2" "IFSR32_EL2" "FPEXC32_EL2" }
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
