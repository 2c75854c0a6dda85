//! Interrupts of the board's: kicks of other CPUs, and those that are the guest's.
//!
//! All of them come here. A kick means "ask core"; a real device's is held and handed to the guest
//! through a list register ([`gic`](crate::gic)), and while the guest runs undisturbed nothing of it
//! is looked at.

use aarch64_cpu::registers::{CNTP_CTL_EL0, CNTV_CTL_EL0};
use spin::mutex::TicketMutexGuard;
use tock_registers::interfaces::Readable as _;

use crate::arch::vectors::Frame;
use crate::arch::{cpu, devices, guest, interrupts as interface};
use crate::gic::{
    Gic, Groups, ListRegisters, PHYSICAL_TIMER, Pending, REAL, UART_INTERRUPT, VIRTUAL_TIMER,
};
use crate::machine::{Machine, machine};
use crate::vcpu;

/// Lets this CPU's interrupts through: kicks, the guest's timers, and list registers that are free.
pub(crate) fn switch_on() {
    let private = [
        interface::KICK,
        interface::MAINTENANCE,
        VIRTUAL_TIMER,
        PHYSICAL_TIMER,
    ];
    let interrupts = private
        .iter()
        .fold(0, |all, interrupt| all | 1 << interrupt);
    devices::switch_redistributor_on(interrupts);
    interface::switch_on();
}

/// An interrupt came while the guest ran.
pub(crate) fn from_guest(frame: &mut Frame) {
    let (machine, cpu) = (machine(), cpu::index());
    let kicked = take_all(machine, cpu);
    // Whether one is pending matters to a vCPU that waits; this one runs.
    let _ = refresh(machine, cpu);
    if kicked == Kicked::Yes {
        vcpu::after_kick(machine, cpu, frame);
    }
}

/// Whether another CPU wants something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kicked {
    Yes,
    No,
}

/// Takes every interrupt that waits for this CPU. Those that are held go to the guest with the next
/// [`refresh`].
pub(crate) fn take_all(machine: &Machine, cpu: usize) -> Kicked {
    let mut kicked = Kicked::No;
    while let Some(interrupt) = interface::acknowledge() {
        interface::end(interrupt);
        if REAL.contains(&interrupt) {
            let hears = machine.gic.lock().hold(cpu, interrupt);
            if let Some(other) = hears.filter(|vcpu| *vcpu != cpu) {
                machine.kick(other);
            }
            continue;
        }
        match interrupt {
            interface::KICK => kicked = Kicked::Yes,
            // A level, up to here.
            interface::MAINTENANCE => interface::stop_maintenance(),
            _ => {}
        }
        interface::deactivate(interrupt);
    }
    kicked
}

/// Takes the guest's interrupts out of the list registers of this CPU and fills them again; says
/// whether one is pending that the guest would see.
pub(crate) fn refresh(machine: &Machine, cpu: usize) -> Pending {
    Gathered::new(machine, cpu).hand_out()
}

/// Has `change` read or write the guest's interrupt controller, with all of this CPU's interrupts in
/// it. The vCPU runs, so it will see what is pending then.
pub(crate) fn with_all<T>(machine: &Machine, cpu: usize, change: impl FnOnce(&mut Gic) -> T) -> T {
    let mut gathered = Gathered::new(machine, cpu);
    let result = change(&mut gathered.gic);
    let _ = gathered.hand_out();
    result
}

/// The guest's interrupt controller with all of a vCPU's interrupts in it, locked.
#[must_use]
struct Gathered<'a> {
    cpu: usize,
    gic: TicketMutexGuard<'a, Gic>,
    registers: ListRegisters,
}

impl<'a> Gathered<'a> {
    /// Those of this CPU's vCPU.
    fn new(machine: &'a Machine, cpu: usize) -> Self {
        let (mut registers, ended) = interface::list_registers();
        let mut gic = machine.gic.lock();
        let moved = gic.collect(cpu, &mut registers, ended);
        machine.kick_all(moved);
        let mut gathered = Self {
            cpu,
            gic,
            registers,
        };
        gathered.release();
        gathered
    }

    /// Fills the list registers again.
    fn hand_out(mut self) -> Pending {
        self.release();
        let pending = self.gic.pending(self.cpu, interface::guest_mask());
        let listed = self.gic.list(self.cpu, &mut self.registers);
        interface::set_list_registers(&self.registers, listed);
        pending
    }

    fn release(&mut self) {
        for interrupt in self.gic.release(self.cpu, line) {
            interface::deactivate(interrupt);
        }
    }
}

/// The guest wrote `value` to a register that sends SGIs of these groups.
pub(crate) fn send(groups: Groups, value: u64) {
    let (machine, cpu) = (machine(), cpu::index());
    let reached = machine.gic.lock().send(cpu, value, groups);
    machine.kick_all(reached & !(1 << cpu));
    if reached >> cpu & 1 == 1 {
        // It runs, so it will see.
        let _ = refresh(machine, cpu);
    }
}

/// The guest wrote `value` to ICC_DIR_EL1.
pub(crate) fn deactivate(value: u64) {
    if interface::guest_ends_in_two_steps() {
        let (machine, cpu) = (machine(), cpu::index());
        let [b0, b1, b2, ..] = value.to_le_bytes();
        let interrupt = u32::from_le_bytes([b0, b1, b2, 0]);
        machine.kick_all(with_all(machine, cpu, |gic| gic.deactivate(cpu, interrupt)));
    }
}

/// Forgets all of the guest's interrupts on this CPU: its timers signal no more, and what is held
/// of them is let go when a vCPU begins here.
pub(crate) fn forget() {
    guest::stop_timers();
    interface::reset_guest();
}

/// Whether a real device signals its interrupt now.
fn line(interrupt: u32) -> bool {
    match interrupt {
        VIRTUAL_TIMER => CNTV_CTL_EL0.get() & TIMER_MASK == TIMER_SIGNALS,
        PHYSICAL_TIMER => CNTP_CTL_EL0.get() & TIMER_MASK == TIMER_SIGNALS,
        UART_INTERRUPT => devices::uart_interrupts(),
        _ => false,
    }
}

/// CNTV_CTL_EL0, CNTP_CTL_EL0: enabled, not masked, and the condition holds.
const TIMER_MASK: u64 = 0b111;
const TIMER_SIGNALS: u64 = 0b101;
