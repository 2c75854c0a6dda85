//! The CPU's side of the interrupt controller: its own interface, and the guest's virtual one.
//!
//! Interrupts are ended in two steps (EOImode 1): the drop of priority here at once, deactivation
//! when what caused them is over; of a real device's interrupt it is the guest's list register
//! that deactivates. (IHI 0069, chapter 12)

use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::HCR_EL2;
use tock_registers::interfaces::Readable as _;

use super::registers::{
    clear_ich_ap, clear_ich_ap1, clear_ich_ap2_and_ap3, read_icc_iar1, read_ich_hcr, read_ich_lr,
    read_ich_vmcr, read_ich_vtr, write_icc_ctlr, write_icc_dir, write_icc_eoir1, write_icc_igrpen1,
    write_icc_pmr, write_icc_sgi1r, write_icc_sre_el1, write_icc_sre_el2, write_ich_hcr,
    write_ich_lr, write_ich_vmcr,
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
    clear_active_priorities();
    write_ich_hcr(enable());
}

/// There is one register of them for 32 levels of preemption.
fn clear_active_priorities() {
    let bits = (read_ich_vtr() >> 26 & 0b111) + 1;
    clear_ich_ap();
    if bits >= 6 {
        clear_ich_ap1();
    }
    if bits >= 7 {
        clear_ich_ap2_and_ap3();
    }
}

/// Takes the next interrupt that waits for this CPU. What its sender has written before is seen
/// from here on: the acknowledgement has taken effect before any load.
pub(crate) fn acknowledge() -> Option<u32> {
    let number = (read_icc_iar1() & 0xff_ffff) as u32;
    barrier::dsb(barrier::SY);
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

/// What is in the guest's list registers, and how many interrupts it has ended that were in none.
pub(crate) fn list_registers() -> (ListRegisters, u32) {
    let registers = (0..list_register_count()).map(read_ich_lr).collect();
    (registers, (read_ich_hcr() >> 27 & 0x1f) as u32)
}

/// Fills them again; where some found no place, this CPU is interrupted when there is one, or when
/// the guest has ended one of those.
pub(crate) fn set_list_registers(registers: &ListRegisters, listed: Listed) {
    for (index, value) in registers.iter().enumerate() {
        write_ich_lr(index, *value);
    }
    let maintenance = match listed {
        Listed::All => 0,
        Listed::SomeActive => WHEN_OTHERS_END,
        Listed::SomePending => WHEN_OTHERS_END | WHEN_NONE_IS_PENDING,
    };
    write_ich_hcr(enable() | maintenance);
}

/// Lets the maintenance interrupt's line fall; the count of what was ended stays.
pub(crate) fn stop_maintenance() {
    write_ich_hcr(read_ich_hcr() & !(WHEN_OTHERS_END | WHEN_NONE_IS_PENDING));
}

/// Which priorities the guest masks: those at or below.
pub(crate) fn guest_mask() -> u8 {
    let [_, _, _, mask, ..] = read_ich_vmcr().to_le_bytes();
    mask
}

/// Whether the guest ends interrupts in two steps as well.
pub(crate) fn guest_ends_in_two_steps() -> bool {
    read_ich_vmcr() & GUEST_ENDS_IN_TWO_STEPS != 0
}

/// ICH_HCR_EL2 while everything has room. Where ICC_DIR does not trap, what it deactivates without a
/// list register is counted as ended: on CPUs that cannot (ICH_VTR_EL2.TDS), and for AArch32.
fn enable() -> u64 {
    match HCR_EL2.is_set(HCR_EL2::RW) {
        true => ENABLE | TRAP_DEACTIVATION,
        false => ENABLE,
    }
}

fn list_register_count() -> usize {
    (read_ich_vtr() & 0xf) as usize + 1
}

/// The interrupt that one CPU sends another.
pub(crate) const KICK: u32 = 0;
/// List registers are to be filled again.
pub(crate) const MAINTENANCE: u32 = 25;

const FIRST_SPECIAL: u32 = 1020;
/// ICC_SRE_EL2 and ICC_SRE_EL1.
const SYSTEM_REGISTERS: u64 = 0b111;
const GUEST_SYSTEM_REGISTERS: u64 = 1 << 3;
/// ICC_CTLR_EL1.
const END_IN_TWO_STEPS: u64 = 1 << 1;
/// ICH_HCR_EL2.
const ENABLE: u64 = 1 << 0;
const WHEN_OTHERS_END: u64 = 1 << 2;
const WHEN_NONE_IS_PENDING: u64 = 1 << 3;
const TRAP_DEACTIVATION: u64 = 1 << 14;
/// ICH_VMCR_EL2.
const GUEST_ENDS_IN_TWO_STEPS: u64 = 1 << 9;
