//! The guest's registers of EL1 and EL0, and what EL2 decides about them.
//!
//! A vCPU has a CPU for itself: its registers are the CPU's, and are written only when it starts or
//! is given an exception.

use aarch64_cpu::registers::{
    CNTHCTL_EL2, CNTVOFF_EL2, CPTR_EL2, ELR_EL1, ELR_EL2, ESR_EL1, ESR_EL2, FAR_EL1, FAR_EL2,
    HCR_EL2, HDFGRTR_EL2, HDFGWTR_EL2, HFGITR_EL2, HFGRTR_EL2, HFGWTR_EL2, HPFAR_EL2,
    ID_AA64DFR0_EL1, ID_AA64ISAR1_EL1, ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1, ID_AA64PFR0_EL1,
    ID_AA64PFR1_EL1, MDCR_EL2, MIDR_EL1, SCTLR_EL1, SPSR_EL1, SPSR_EL2, VBAR_EL1, VMPIDR_EL2,
    VTCR_EL2, VTTBR_EL2,
};
use tock_registers::interfaces::{Readable as _, Writeable as _};
use vambrace_core::smccc::{Endianness, ExecutionState};
use vambrace_core::vcpu::{Mpidr, ResetState};

use super::registers;
use crate::stage2::ADDRESS_BITS;
use crate::syndrome::Syndrome;

/// Sets for this CPU's life what traps, and where the guest's memory is.
pub(crate) fn confine(mpidr: Mpidr, stage2_root: u64, execution_state: ExecutionState) {
    HCR_EL2.set(hcr(execution_state));
    VTCR_EL2.set(VTCR);
    VTTBR_EL2.set(stage2_root | VMID);
    VMPIDR_EL2.set(mpidr.value() | MPIDR_RES1);
    registers::write_vpidr_el2(MIDR_EL1.get());
    // The counters and the physical timer are the guest's; no events come from EL2.
    CNTHCTL_EL2.set(0b11);
    confine_vectors();
    confine_debug();
    if has(ID_AA64MMFR0_EL1.get(), FGT) {
        HFGRTR_EL2.set(0);
        HFGWTR_EL2.set(0);
        HFGITR_EL2.set(0);
        HDFGRTR_EL2.set(0);
        HDFGWTR_EL2.set(0);
    }
    if has(ID_AA64MMFR1_EL1.get(), HCX) {
        registers::write_hcrx_el2(0);
    }
    registers::write_hstr_el2(0);
    registers::forget_guest();
}

fn hcr(execution_state: ExecutionState) -> u64 {
    let mut hcr = HCR;
    if execution_state == ExecutionState::Aarch64 {
        hcr |= HCR_AARCH64;
    }
    let with_qarma3 = registers::read_id_aa64isar2_el1() & POINTER_AUTHENTICATION_QARMA3;
    if (ID_AA64ISAR1_EL1.get() & POINTER_AUTHENTICATION) | with_qarma3 != 0 {
        hcr |= HCR_POINTER_AUTHENTICATION;
    }
    hcr
}

/// FP, SIMD and all that is wider are the guest's: nothing here uses them.
fn confine_vectors() {
    let mut cptr = CPTR_RES1;
    if !has(ID_AA64PFR0_EL1.get(), SVE) {
        cptr |= CPTR_NO_SVE;
    }
    if !has(ID_AA64PFR1_EL1.get(), SME) {
        cptr |= CPTR_NO_SME;
    }
    CPTR_EL2.set(cptr);
    if has(ID_AA64PFR0_EL1.get(), SVE) {
        aarch64_cpu::asm::barrier::isb(aarch64_cpu::asm::barrier::SY);
        registers::write_zcr_el2(WIDEST);
    }
}

/// The event counters are the guest's, and neither they nor its debugger work at EL2.
fn confine_debug() {
    let counters = if has(ID_AA64DFR0_EL1.get(), PMU) {
        registers::read_pmcr_el0() >> 11 & 0x1f
    } else {
        0
    };
    MDCR_EL2.set(counters | MDCR_NOT_AT_EL2);
}

/// Makes this CPU's registers those of a vCPU out of reset, its MMU and caches off.
pub(crate) fn reset(state: &ResetState, counter_offset: u64) {
    registers::clear_el1();
    if executes_aarch32() {
        registers::clear_aarch32();
    }
    let endianness = match state.endianness() {
        Endianness::Little => 0,
        Endianness::Big => SCTLR_EE,
    };
    SCTLR_EL1.set(endianness | SCTLR);
    CNTVOFF_EL2.set(counter_offset);
    ELR_EL2.set(state.pc());
    SPSR_EL2.set(state.pstate());
    registers::forget_guest();
}

/// The byte order of the guest's data accesses at EL1.
pub(crate) fn endianness(execution_state: ExecutionState) -> Endianness {
    let big = match execution_state {
        ExecutionState::Aarch64 => SCTLR_EL1.get() & SCTLR_EE,
        ExecutionState::Aarch32 => SPSR_EL2.get() & CPSR_E,
    };
    match big {
        0 => Endianness::Little,
        _ => Endianness::Big,
    }
}

/// Whether this CPU executes AArch32 at EL1.
pub(crate) fn executes_aarch32() -> bool {
    ID_AA64PFR0_EL1.get() >> 4 & 0xf == 2
}

/// Whether the guest executes AArch32 now.
pub(crate) fn execution_state() -> ExecutionState {
    match SPSR_EL2.get() & PSTATE_AARCH32 {
        0 => ExecutionState::Aarch64,
        _ => ExecutionState::Aarch32,
    }
}

/// ACTLR_EL1, which the guest reads and does not write: what it switches is the CPU's own.
pub(crate) fn auxiliary_control() -> u64 {
    registers::read_actlr_el1()
}

/// Why this CPU is at EL2.
pub(crate) fn syndrome() -> Syndrome {
    Syndrome::new(ESR_EL2.get())
}

/// Where the guest is.
pub(crate) fn pc() -> u64 {
    ELR_EL2.get()
}

/// Its PSTATE.
pub(crate) fn pstate() -> u64 {
    SPSR_EL2.get()
}

/// Goes on behind an instruction that trapped; in AArch32 IT blocks are not advanced, as no trapped
/// instruction may be in one but the last.
pub(crate) fn skip_instruction(syndrome: Syndrome) {
    let length = if syndrome.is_32_bits_long() { 4 } else { 2 };
    ELR_EL2.set(ELR_EL2.get().wrapping_add(length));
}

/// The guest-physical address that stage 2 refused.
pub(crate) fn fault_address() -> u64 {
    (HPFAR_EL2.get() >> 4 & 0xfff_ffff_ffff) << 12 | FAR_EL2.get() & 0xfff
}

/// The guest's own address for it.
pub(crate) fn fault_virtual_address() -> u64 {
    FAR_EL2.get()
}

/// An exception of the guest's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exception {
    /// Its instruction is undefined.
    Undefined,
    /// It was fetched from where nothing is: a synchronous external abort.
    InstructionAbort,
    /// It loaded or stored where nothing is.
    DataAbort,
}

/// Gives the guest, which executes AArch64 at EL1, an exception at its own vector (DDI 0487,
/// D1.3.6).
pub(crate) fn inject(exception: Exception) {
    let from = SPSR_EL2.get();
    let from_el0 = from & PSTATE_LEVEL == 0;
    let class = match exception {
        Exception::Undefined => EC_UNKNOWN,
        Exception::InstructionAbort if from_el0 => EC_INSTRUCTION_ABORT,
        Exception::InstructionAbort => EC_INSTRUCTION_ABORT + 1,
        Exception::DataAbort if from_el0 => EC_DATA_ABORT,
        Exception::DataAbort => EC_DATA_ABORT + 1,
    };
    let cause = match exception {
        Exception::Undefined => 0,
        Exception::InstructionAbort | Exception::DataAbort => {
            FAR_EL1.set(FAR_EL2.get());
            EXTERNAL_ABORT
        }
    };
    let direction = match exception {
        Exception::DataAbort => ESR_EL2.get() & (ESR_WRITE | ESR_CACHE),
        Exception::Undefined | Exception::InstructionAbort => 0,
    };
    ESR_EL1.set(class << 26 | ESR_LONG | cause | direction);
    ELR_EL1.set(ELR_EL2.get());
    SPSR_EL1.set(from);
    ELR_EL2.set(VBAR_EL1.get().wrapping_add(vector_of(from)));
    SPSR_EL2.set(pstate_at_vector(from));
}

/// Where the vector of a synchronous exception is, by where it comes from.
fn vector_of(from: u64) -> u64 {
    match from & (PSTATE_AARCH32 | PSTATE_LEVEL | PSTATE_STACK) {
        0b0_0101 => 0x200,
        0b0_0100 => 0x000,
        state if state & PSTATE_AARCH32 == 0 => 0x400,
        _ => 0x600,
    }
}

/// EL1 on its own stack with everything masked; flags and DIT stay, PAN and SSBS are as SCTLR_EL1
/// says (DDI 0487, D1.3.6.1).
fn pstate_at_vector(from: u64) -> u64 {
    let sctlr = SCTLR_EL1.get();
    let mut pstate = from & (PSTATE_FLAGS | PSTATE_DIT | PSTATE_PAN) | PSTATE_RESET;
    if sctlr & SCTLR_SPAN == 0 && has(ID_AA64MMFR1_EL1.get(), PAN) {
        pstate |= PSTATE_PAN;
    }
    if sctlr & SCTLR_DSSBS != 0 {
        pstate |= PSTATE_SSBS;
    }
    pstate
}

/// Is this field of an ID register anything but 0?
fn has(register: u64, shift: u32) -> bool {
    register >> shift & 0xf != 0
}

/// Fields of ID registers, by their lowest bit.
const FGT: u32 = 56;
const HCX: u32 = 40;
const PAN: u32 = 20;
const SVE: u32 = 32;
const SME: u32 = 24;
const PMU: u32 = 8;
/// ID_AA64ISAR1_EL1: GPI, GPA, API, APA.
const POINTER_AUTHENTICATION: u64 = 0xff00_0ff0;
/// ID_AA64ISAR2_EL1: APA3, GPA3.
const POINTER_AUTHENTICATION_QARMA3: u64 = 0xff00;

/// HCR_EL2: stage 2; set/way invalidation cleans; interrupts and SErrors come here; SMC, ACTLR_EL1
/// and registers that nobody defines trap.
const HCR: u64 = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 19 | 1 << 20 | 1 << 21;
const HCR_AARCH64: u64 = 1 << 31;
const HCR_POINTER_AUTHENTICATION: u64 = 0b11 << 40;

/// VTCR_EL2: 36 bits of guest address from level 1, walks write-back and inner shareable, results
/// of 40 bits.
const VTCR: u64 =
    1 << 31 | 0b010 << 16 | 0b11 << 12 | 1 << 10 | 1 << 8 | 1 << 6 | (64 - ADDRESS_BITS) as u64;
/// VTTBR_EL2: any number but 0, which is nobody's.
const VMID: u64 = 1 << 48;
const MPIDR_RES1: u64 = 1 << 31;

/// CPTR_EL2, E2H = 0: bits of no feature.
const CPTR_RES1: u64 = 0x22ff;
const CPTR_NO_SVE: u64 = 1 << 8;
const CPTR_NO_SME: u64 = 1 << 12;
/// ZCR_EL2.LEN: as wide as the CPU has.
const WIDEST: u64 = 0xf;
/// MDCR_EL2: HPMD and HCCD, no counting here.
const MDCR_NOT_AT_EL2: u64 = 1 << 17 | 1 << 23;

/// SCTLR_EL1 out of reset: nothing but RES1.
const SCTLR: u64 = 0x00c5_0078;
const SCTLR_SPAN: u64 = 1 << 23;
const SCTLR_EE: u64 = 1 << 25;
const SCTLR_DSSBS: u64 = 1 << 44;

/// PSTATE.
const PSTATE_STACK: u64 = 1 << 0;
const PSTATE_LEVEL: u64 = 0b11 << 2;
const PSTATE_AARCH32: u64 = 1 << 4;
const CPSR_E: u64 = 1 << 9;
const PSTATE_SSBS: u64 = 1 << 12;
const PSTATE_PAN: u64 = 1 << 22;
const PSTATE_DIT: u64 = 1 << 24;
const PSTATE_FLAGS: u64 = 0xf << 28;
const PSTATE_RESET: u64 = 0x3c5;

/// ESR_EL1.
const EC_UNKNOWN: u64 = 0x00;
const EC_INSTRUCTION_ABORT: u64 = 0x20;
const EC_DATA_ABORT: u64 = 0x24;
const ESR_LONG: u64 = 1 << 25;
const ESR_WRITE: u64 = 1 << 6;
const ESR_CACHE: u64 = 1 << 8;
const EXTERNAL_ABORT: u64 = 0b01_0000;
