//! The guest's registers of EL1 and EL0, and what EL2 decides about them.
//!
//! A vCPU has a CPU for itself: its registers are the CPU's, and are written only when it starts or
//! is given an exception.

use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{
    CNTHCTL_EL2, CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVOFF_EL2, CPTR_EL2,
    ELR_EL2, ESR_EL2, FAR_EL2, HAFGRTR_EL2, HCR_EL2, HDFGRTR_EL2, HDFGWTR_EL2, HFGITR_EL2,
    HFGRTR_EL2, HFGWTR_EL2, HPFAR_EL2, MDCR_EL2, MIDR_EL1, SCTLR_EL1, SPSR_EL2, VMPIDR_EL2,
    VTCR_EL2, VTTBR_EL2,
};
use tock_registers::interfaces::{Readable as _, Writeable as _};
use vambrace_core::smccc::{Endianness, ExecutionState};
use vambrace_core::vcpu::{Mpidr, ResetState};

use super::features::{Feature, authenticates_pointers, numbers_contexts};
use super::{registers, reset};
use crate::stage2::ADDRESS_BITS;
use crate::syndrome::{PSTATE_AARCH32, Syndrome, behind_instruction};

/// Sets for this CPU's life what traps, and where the guest's memory is.
pub(crate) fn confine(mpidr: Mpidr, stage2_root: u64, execution_state: ExecutionState) {
    // Nothing is translated for the guest before all that says how is there.
    SCTLR_EL1.set(SCTLR);
    VTCR_EL2.set(VTCR);
    VTTBR_EL2.set(stage2_root | VMID);
    barrier::isb(barrier::SY);
    HCR_EL2.set(hcr(execution_state));
    VMPIDR_EL2.set(mpidr.value() | MPIDR_RES1);
    registers::write_vpidr_el2(MIDR_EL1.get());
    // The counters and the physical timer are the guest's; no events come from EL2.
    CNTHCTL_EL2.set(0b11);
    confine_vectors();
    confine_debug();
    let_features_through();
    registers::write_hstr_el2(0);
    stop_timers();
    registers::forget_guest();
}

fn hcr(execution_state: ExecutionState) -> u64 {
    let mut hcr = HCR;
    if execution_state == ExecutionState::Aarch64 {
        hcr |= HCR_AARCH64;
    }
    if authenticates_pointers() {
        hcr |= HCR_POINTER_AUTHENTICATION;
    }
    if numbers_contexts() {
        hcr |= HCR_CONTEXT_NUMBERS;
    }
    if Feature::MTE2.is_there() {
        hcr |= HCR_TAGS;
    }
    hcr
}

/// FP, SIMD and all that is wider are the guest's: nothing here uses them.
fn confine_vectors() {
    let mut cptr = CPTR_RES1;
    if !Feature::SVE.is_there() {
        cptr |= CPTR_NO_SVE;
    }
    if !Feature::SME.is_there() {
        cptr |= CPTR_NO_SME;
    }
    CPTR_EL2.set(cptr);
    barrier::isb(barrier::SY);
    if Feature::SVE.is_there() {
        registers::write_zcr_el2(WIDEST);
    }
    if Feature::SME.is_there() {
        registers::write_smcr_el2(SMCR_FA64 | SMCR_EZT0 | WIDEST);
    }
}

/// The event counters and the buffers of profiles and traces are the guest's; nothing counts at EL2,
/// and its debugger does not reach there.
fn confine_debug() {
    let mut mdcr = MDCR_NOT_AT_EL2;
    if Feature::PMU.is_there() {
        mdcr |= registers::read_pmcr_el0() >> 11 & 0x1f;
    }
    if Feature::SPE.is_there() {
        mdcr |= MDCR_PROFILES_OF_EL1;
    }
    if Feature::TRACE_BUFFER.is_there() {
        mdcr |= MDCR_TRACES_OF_EL1;
    }
    MDCR_EL2.set(mdcr);
}

/// Controls that trap unless they are told otherwise.
///
/// Of the fine-grained traps a bit of the older registers traps where it is 1, and one whose name
/// begins with n where it is **0**; HCRX_EL2's `En` bits enable. What is 0 out of reset would so make
/// features undefined that the guest sees in its ID registers. Bits of features that are not there are
/// RES0.
fn let_features_through() {
    if Feature::FGT.is_there() {
        HFGRTR_EL2.set(HFGRTR_N);
        HFGWTR_EL2.set(HFGRTR_N);
        HFGITR_EL2.set(HFGITR_N);
        HDFGRTR_EL2.set(HDFGRTR_N);
        HDFGWTR_EL2.set(HDFGWTR_N);
        if Feature::AMU.is_there() {
            HAFGRTR_EL2.set(0);
        }
    }
    if Feature::HCX.is_there() {
        registers::write_hcrx_el2(HCRX);
    }
    if Feature::MPAM.is_there() {
        registers::write_mpam2_el2(0);
    }
}

/// Makes this CPU's registers those of a vCPU out of reset, its MMU and caches off.
pub(crate) fn reset(state: &ResetState, counter_offset: u64) {
    let endianness = match state.endianness() {
        Endianness::Little => 0,
        Endianness::Big => SCTLR_EE,
    };
    // The MMU is off before what it walks goes.
    SCTLR_EL1.set(endianness | SCTLR);
    barrier::isb(barrier::SY);
    reset::registers();
    CNTVOFF_EL2.set(counter_offset);
    ELR_EL2.set(state.pc());
    SPSR_EL2.set(state.pstate());
    registers::forget_guest();
}

/// Stops the guest's timers: those of a CPU that is off interrupt nobody.
pub(crate) fn stop_timers() {
    CNTV_CTL_EL0.set(0);
    CNTP_CTL_EL0.set(0);
    CNTV_CVAL_EL0.set(0);
    CNTP_CVAL_EL0.set(0);
}

/// The byte order of the guest's data accesses where it is.
pub(crate) fn endianness() -> Endianness {
    let pstate = SPSR_EL2.get();
    let big = match pstate & (PSTATE_AARCH32 | PSTATE_LEVEL) {
        0 => SCTLR_EL1.get() & SCTLR_E0E,
        state if state & PSTATE_AARCH32 == 0 => SCTLR_EL1.get() & SCTLR_EE,
        _ => pstate & CPSR_E,
    };
    match big {
        0 => Endianness::Little,
        _ => Endianness::Big,
    }
}

/// Whether this CPU executes AArch32 at EL1.
pub(crate) fn executes_aarch32() -> bool {
    Feature::AARCH32_EL1.is_there()
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

/// Goes on behind an instruction that trapped.
pub(crate) fn skip_instruction(syndrome: Syndrome) {
    let length = if syndrome.is_32_bits_long() { 4 } else { 2 };
    ELR_EL2.set(ELR_EL2.get().wrapping_add(length));
    SPSR_EL2.set(behind_instruction(pstate()));
}

/// The guest-physical address that stage 2 refused.
pub(crate) fn fault_address() -> u64 {
    (HPFAR_EL2.get() >> 4 & 0xfff_ffff_ffff) << 12 | FAR_EL2.get() & 0xfff
}

/// HCR_EL2: stage 2; set/way invalidation cleans; interrupts and SErrors come here; SMC, ACTLR_EL1
/// and registers that nobody defines trap.
const HCR: u64 = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 19 | 1 << 20 | 1 << 21;
const HCR_AARCH64: u64 = 1 << 31;
const HCR_POINTER_AUTHENTICATION: u64 = 0b11 << 40;
/// EnSCXT.
const HCR_CONTEXT_NUMBERS: u64 = 1 << 53;
/// ATA.
const HCR_TAGS: u64 = 1 << 56;

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
/// SMCR_EL2: what streaming mode can, and ZT0.
const SMCR_FA64: u64 = 1 << 31;
const SMCR_EZT0: u64 = 1 << 30;
/// MDCR_EL2: HPMD and HCCD, no counting here.
const MDCR_NOT_AT_EL2: u64 = 1 << 17 | 1 << 23;
/// E2PB and E2TB: the buffers are in EL1's memory, and EL1's matter.
const MDCR_PROFILES_OF_EL1: u64 = 0b11 << 12;
const MDCR_TRACES_OF_EL1: u64 = 0b11 << 24;

/// HFGRTR_EL2 and HFGWTR_EL2: nACCDATA_EL1; nGCS_EL0 to nAMAIR2_EL1.
const HFGRTR_N: u64 = 1 << 50 | 0xfff << 52;
/// HFGITR_EL2: nBRBINJ, nBRBIALL, nGCSPUSHM_EL1, nGCSSTR_EL1, nGCSEPP.
const HFGITR_N: u64 = 0b1_1111 << 55;
/// HDFGRTR_EL2: nBRBIDR, nBRBCTL, nBRBDATA, nPMSNEVFR_EL1.
const HDFGRTR_N: u64 = 0b1111 << 59;
/// HDFGWTR_EL2: the same, all but nBRBIDR.
const HDFGWTR_N: u64 = 0b111 << 60;
/// HCRX_EL2: EnAS0, EnALS, EnASR (FEAT_LS64), MSCEn (FEAT_MOPS), TCR2En, SCTLR2En, D128En, GCSEn,
/// EnFPM.
const HCRX: u64 = 0b111 | 1 << 11 | 1 << 14 | 1 << 15 | 1 << 17 | 1 << 22 | 1 << 23;

/// SCTLR_EL1 out of reset: nothing but RES1.
const SCTLR: u64 = 0x00c5_0078;
const SCTLR_E0E: u64 = 1 << 24;
pub(super) const SCTLR_EE: u64 = 1 << 25;

/// PSTATE.
pub(super) const PSTATE_LEVEL: u64 = 0b11 << 2;
pub(super) const CPSR_E: u64 = 1 << 9;
