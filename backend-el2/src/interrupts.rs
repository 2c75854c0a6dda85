//! Interrupts of the board's: kicks of other CPUs, and those that are the guest's.
//!
//! All of them come here. A kick means "ask core"; a real device's is held and handed to the guest
//! through a list register ([`gic`](crate::gic)), and while the guest runs undisturbed nothing of it
//! is looked at.

use aarch64_cpu::registers::{CNTP_CTL_EL0, CNTV_CTL_EL0};
use tock_registers::interfaces::Readable as _;

use crate::arch::vectors::Frame;
use crate::arch::{cpu, devices, interrupts as interface};
use crate::gic::{PHYSICAL_TIMER, Pending, REAL, UART_INTERRUPT, VIRTUAL_TIMER};
use crate::machine::{Machine, machine};
use crate::vcpu;

/// Lets this CPU's interrupts through: kicks, the guest's timers, and list registers that are free.
pub(crate) fn switch_on(cpu: usize) {
    let private = [
        interface::KICK,
        interface::MAINTENANCE,
        VIRTUAL_TIMER,
        PHYSICAL_TIMER,
    ];
    let interrupts = private
        .iter()
        .fold(0, |all, interrupt| all | 1 << interrupt);
    devices::switch_redistributor_on(cpu, interrupts);
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

/// Takes every interrupt that waits for this CPU.
pub(crate) fn take_all(machine: &Machine, cpu: usize) -> Kicked {
    let mut kicked = Kicked::No;
    while let Some(interrupt) = interface::acknowledge() {
        interface::end(interrupt);
        if REAL.contains(&interrupt) {
            machine.gic.lock().hold(cpu, interrupt);
            if interrupt == UART_INTERRUPT {
                // Another vCPU may be the one that it is routed to.
                machine.kick_others();
            }
        } else {
            interface::deactivate(interrupt);
            if interrupt == interface::KICK {
                kicked = Kicked::Yes;
            }
        }
    }
    kicked
}

/// Takes the guest's interrupts out of the list registers of this CPU and fills them again; says
/// whether one is pending that the guest would see.
pub(crate) fn refresh(machine: &Machine, cpu: usize) -> Pending {
    let mut gic = machine.gic.lock();
    let mut registers = interface::list_registers();
    for interrupt in gic.collect(cpu, &mut registers, line) {
        interface::deactivate(interrupt);
    }
    let pending = gic.pending(cpu, interface::guest_mask());
    let listed = gic.list(cpu, &mut registers);
    interface::set_list_registers(&registers, listed);
    pending
}

/// Forgets all of the guest's interrupts on this CPU, and lets the devices' be signalled again.
pub(crate) fn forget(machine: &Machine, cpu: usize) {
    for interrupt in machine.gic.lock().release(cpu) {
        interface::deactivate(interrupt);
    }
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
