//! The CPU's side of the interrupt controller: its own interface, and the guest's virtual one.
//!
//! Interrupts are ended in two steps (EOImode 1): the drop of priority here at once, deactivation
//! when what caused them is over; of a real device's interrupt it is the guest's list register
//! that deactivates. (IHI 0069, chapter 12)

use aarch64_cpu::asm::barrier;

use super::registers::{
    read_icc_iar1, read_ich_lr, read_ich_vmcr, read_ich_vtr, write_icc_ctlr, write_icc_dir,
    write_icc_eoir1, write_icc_igrpen1, write_icc_pmr, write_icc_sgi1r, write_icc_sre_el1,
    write_icc_sre_el2, write_ich_ap0r0, write_ich_ap1r0, write_ich_hcr, write_ich_lr,
    write_ich_vmcr,
};
use crate::gic::{ListRegisters, Listed};

/// Lets every interrupt of group 1 come to this CPU, and gives the guest an interface of its own.
pub(crate) fn switch_on() {
    write_icc_sre_el2(SYSTEM_REGISTERS | GUEST_SYSTEM_REGISTERS);
    write_icc_sre_el1(SYSTEM_REGISTERS);
    write_icc_pmr(0xff);
    write_icc_ctlr(END_IN_TWO_STEPS);
    write_icc_igrpen1(1);
    reset_guest();
}

/// The guest's interface, out of reset.
pub(crate) fn reset_guest() {
    for index in 0..list_register_count() {
        write_ich_lr(index, 0);
    }
    write_ich_vmcr(0);
    write_ich_ap0r0(0);
    write_ich_ap1r0(0);
    write_ich_hcr(ENABLE);
}

/// Takes the next interrupt that waits for this CPU.
pub(crate) fn acknowledge() -> Option<u32> {
    let number = (read_icc_iar1() & 0xff_ffff) as u32;
    (number < FIRST_SPECIAL).then_some(number)
}

/// Drops the priority of an interrupt that was taken.
pub(crate) fn end(interrupt: u32) {
    write_icc_eoir1(interrupt.into());
}

/// Lets an interrupt that was taken be signalled again.
pub(crate) fn deactivate(interrupt: u32) {
    write_icc_dir(interrupt.into());
}

/// Sends [`KICK`] to the CPU with this affinity, after everything that this CPU has written.
pub(crate) fn kick(affinity: u64) {
    let [aff0, aff1, aff2, _, aff3, ..] = affinity.to_le_bytes();
    let cluster = u64::from(aff1) << 16 | u64::from(aff2) << 32 | u64::from(aff3) << 48;
    let target = 1_u64 << (aff0 & 0xf);
    barrier::dsb(barrier::ISHST);
    write_icc_sgi1r(target | cluster | u64::from(KICK) << 24);
}

/// What is in the guest's list registers.
pub(crate) fn list_registers() -> ListRegisters {
    (0..list_register_count()).map(read_ich_lr).collect()
}

/// Fills them again; where some found no place, this CPU is interrupted when there is one.
pub(crate) fn set_list_registers(registers: &ListRegisters, listed: Listed) {
    for (index, value) in registers.iter().enumerate() {
        write_ich_lr(index, *value);
    }
    write_ich_hcr(match listed {
        Listed::All => ENABLE,
        Listed::Some => ENABLE | ON_UNDERFLOW,
    });
}

/// Which priorities the guest masks: those at or below.
pub(crate) fn guest_mask() -> u8 {
    let [_, _, _, mask, ..] = read_ich_vmcr().to_le_bytes();
    mask
}

fn list_register_count() -> usize {
    (read_ich_vtr() & 0xf) as usize + 1
}

/// The interrupt that one CPU sends another.
pub(crate) const KICK: u32 = 0;
/// A list register is free again.
pub(crate) const MAINTENANCE: u32 = 25;

const FIRST_SPECIAL: u32 = 1020;
/// ICC_SRE_EL2 and ICC_SRE_EL1.
const SYSTEM_REGISTERS: u64 = 0b111;
const GUEST_SYSTEM_REGISTERS: u64 = 1 << 3;
/// ICC_CTLR_EL1.
const END_IN_TWO_STEPS: u64 = 1 << 1;
/// ICH_HCR_EL2.
const ENABLE: u64 = 1 << 0;
const ON_UNDERFLOW: u64 = 1 << 1;
