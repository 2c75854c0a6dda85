//! Exceptions of the guest's own, which EL2 gives it as the CPU would have.

use aarch64_cpu::registers::{
    ELR_EL1, ELR_EL2, ESR_EL1, ESR_EL2, FAR_EL1, FAR_EL2, HCR_EL2, SCTLR_EL1, SPSR_EL1, SPSR_EL2,
    TCR_EL1, VBAR_EL1,
};
use tock_registers::interfaces::{Readable as _, Writeable as _};

use super::features::Feature;
use super::guest::{CPSR_E, PSTATE_LEVEL, SCTLR_EE};
use super::registers::{write_ifsr32_el2, write_spsr_abt, write_spsr_und};
use super::vectors::Frame;
use crate::syndrome::PSTATE_AARCH32;

/// What the guest is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exception {
    /// Its instruction is undefined.
    Undefined,
    /// It was fetched from where nothing is: a synchronous external abort.
    InstructionAbort,
    /// It loaded or stored where nothing is.
    DataAbort,
}

/// Has the guest take an exception instead of the instruction that came here, at EL1 in the execution
/// state that it has there.
pub(crate) fn inject(frame: &mut Frame, exception: Exception) {
    if HCR_EL2.matches_all(HCR_EL2::RW::EL1IsAarch64) {
        inject_aarch64(exception);
    } else {
        inject_aarch32(frame, exception);
    }
}

/// DDI 0487, D1.3.6.
fn inject_aarch64(exception: Exception) {
    let from = SPSR_EL2.get();
    let from_el0 = from & PSTATE_LEVEL == 0;
    let class = match exception {
        Exception::Undefined => EC_UNKNOWN,
        Exception::InstructionAbort if from_el0 => EC_INSTRUCTION_ABORT,
        Exception::InstructionAbort => EC_INSTRUCTION_ABORT + 1,
        Exception::DataAbort if from_el0 => EC_DATA_ABORT,
        Exception::DataAbort => EC_DATA_ABORT + 1,
    };
    let trapped = ESR_EL2.get();
    let cause = match exception {
        Exception::Undefined => 0,
        Exception::InstructionAbort | Exception::DataAbort => {
            FAR_EL1.set(FAR_EL2.get());
            match trapped & ESR_WALK {
                0 => EXTERNAL_ABORT,
                // Of the level only stage 2's own is known.
                _ => EXTERNAL_ABORT_OF_WALK | trapped & ESR_LEVEL,
            }
        }
    };
    let direction = match exception {
        Exception::DataAbort => trapped & (ESR_WRITE | ESR_CACHE),
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

/// EL1 on its own stack with everything masked; flags and DIT stay, PAN, SSBS and ALLINT are as
/// SCTLR_EL1 says, and tags are not checked (DDI 0487, D1.3.6.1).
fn pstate_at_vector(from: u64) -> u64 {
    let sctlr = SCTLR_EL1.get();
    let mut pstate = from & (PSTATE_FLAGS | PSTATE_DIT | PSTATE_PAN) | PSTATE_RESET;
    if sctlr & SCTLR_SPAN == 0 && Feature::PAN.is_there() {
        pstate |= PSTATE_PAN;
    }
    if sctlr & SCTLR_DSSBS != 0 {
        pstate |= PSTATE_SSBS;
    }
    if sctlr & SCTLR_SPINTMASK == 0 && Feature::NMI.is_there() {
        pstate |= PSTATE_ALLINT;
    }
    if Feature::MTE2.is_there() {
        pstate |= PSTATE_TCO;
    }
    pstate
}

/// The same where EL1 is AArch32: a mode of its own, with a link register that lies as far behind the
/// instruction as the mode has it (DDI 0487, G1.11).
fn inject_aarch32(frame: &mut Frame, exception: Exception) {
    let from = SPSR_EL2.get();
    // DIT is elsewhere in a register of AArch32, and SS in none.
    let saved = from & !(PSTATE_DIT | CPSR_DIT) | (from & PSTATE_DIT) >> 3;
    let (mode, vector, link, behind) = match exception {
        Exception::Undefined if from & CPSR_T != 0 => (UNDEFINED, 0x4, LR_UND, 2),
        Exception::Undefined => (UNDEFINED, 0x4, LR_UND, 4),
        Exception::InstructionAbort => (ABORT, 0xc, LR_ABT, 4),
        Exception::DataAbort => (ABORT, 0x10, LR_ABT, 8),
    };
    match exception {
        Exception::Undefined => write_spsr_und(saved),
        Exception::InstructionAbort => {
            write_spsr_abt(saved);
            write_ifsr32_el2(fault_status());
            // IFAR is its upper half.
            FAR_EL1.set(FAR_EL1.get() & 0xffff_ffff | FAR_EL2.get() << 32);
        }
        Exception::DataAbort => {
            let trapped = ESR_EL2.get();
            write_spsr_abt(saved);
            // DFSR, and DFAR below IFAR.
            ESR_EL1.set(fault_status() | (trapped & (ESR_WRITE | ESR_CACHE)) << 5);
            FAR_EL1.set(FAR_EL1.get() & !0xffff_ffff | FAR_EL2.get() & 0xffff_ffff);
        }
    }
    frame.x[link] = ELR_EL2.get().wrapping_add(behind) & 0xffff_ffff;
    let sctlr = SCTLR_EL1.get();
    let base = match sctlr & SCTLR_V {
        0 => VBAR_EL1.get() & 0xffff_ffe0,
        _ => 0xffff_0000,
    };
    ELR_EL2.set(base + vector);
    SPSR_EL2.set(cpsr_at_vector(from, sctlr) | mode);
}

/// Flags and DIT stay; IRQ is masked; instruction set, byte order, PAN and SSBS are as SCTLR says.
fn cpsr_at_vector(from: u64, sctlr: u64) -> u64 {
    let mut cpsr = from & (CPSR_FLAGS | PSTATE_DIT | PSTATE_PAN | CPSR_F | CPSR_A) | CPSR_I;
    if sctlr & SCTLR_EE != 0 {
        cpsr |= CPSR_E;
    }
    if sctlr & SCTLR_TE != 0 {
        cpsr |= CPSR_T;
    }
    if sctlr & SCTLR_SPAN == 0 && Feature::PAN.is_there() {
        cpsr |= PSTATE_PAN;
    }
    if sctlr & SCTLR_DSSBS32 != 0 {
        cpsr |= CPSR_SSBS;
    }
    cpsr
}

/// A synchronous external abort, in the format of TTBCR.EAE.
fn fault_status() -> u64 {
    match TCR_EL1.get() & TTBCR_EAE {
        0 => 0x008,
        _ => 0x210,
    }
}

const EC_UNKNOWN: u64 = 0x00;
const EC_INSTRUCTION_ABORT: u64 = 0x20;
const EC_DATA_ABORT: u64 = 0x24;
/// ESR of EL1 and EL2.
const ESR_LONG: u64 = 1 << 25;
const ESR_WRITE: u64 = 1 << 6;
const ESR_WALK: u64 = 1 << 7;
const ESR_CACHE: u64 = 1 << 8;
const ESR_LEVEL: u64 = 0b11;
const EXTERNAL_ABORT: u64 = 0b01_0000;
const EXTERNAL_ABORT_OF_WALK: u64 = 0b01_0100;

const SCTLR_V: u64 = 1 << 13;
const SCTLR_SPAN: u64 = 1 << 23;
const SCTLR_TE: u64 = 1 << 30;
const SCTLR_DSSBS32: u64 = 1 << 31;
const SCTLR_DSSBS: u64 = 1 << 44;
const SCTLR_SPINTMASK: u64 = 1 << 62;
const TTBCR_EAE: u64 = 1 << 31;

const PSTATE_STACK: u64 = 1 << 0;
const PSTATE_SSBS: u64 = 1 << 12;
const PSTATE_ALLINT: u64 = 1 << 13;
const PSTATE_PAN: u64 = 1 << 22;
const PSTATE_DIT: u64 = 1 << 24;
const PSTATE_TCO: u64 = 1 << 25;
const PSTATE_FLAGS: u64 = 0xf << 28;
const PSTATE_RESET: u64 = 0x3c5;

const CPSR_T: u64 = 1 << 5;
const CPSR_F: u64 = 1 << 6;
const CPSR_I: u64 = 1 << 7;
const CPSR_A: u64 = 1 << 8;
const CPSR_DIT: u64 = 1 << 21;
const CPSR_SSBS: u64 = 1 << 23;
/// N, Z, C, V, Q and GE.
const CPSR_FLAGS: u64 = 0xf800_0000 | 0xf << 16;
const UNDEFINED: u64 = 0x1b;
/// With SError masked.
const ABORT: u64 = 0x17 | CPSR_A;
/// Where AArch64 has the link registers of modes.
const LR_ABT: usize = 20;
const LR_UND: usize = 22;
