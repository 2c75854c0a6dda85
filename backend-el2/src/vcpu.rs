//! A vCPU on its CPU: when it runs, when it waits, and how it starts.
//!
//! Starting is pulled: whoever was kicked asks core what to do. A CPU that has nothing to run waits
//! in WFI at EL2 with interrupts masked; one that comes between the question and the sleep stays
//! pending and ends the sleep at once.

use vambrace_core::Entry;
use vambrace_core::psci::SystemEvent;
use vambrace_core::vcpu::ResetState;
use vambrace_core::vm::Stopped;

use crate::arch::vectors::{self, Frame};
use crate::arch::{cpu, guest};
use crate::firmware::{now, write_results};
use crate::gic::Pending;
use crate::interrupts;
use crate::machine::Machine;

/// The life of this CPU from its first instruction to its first of the guest.
pub(crate) fn run(machine: &Machine, cpu: usize) -> ! {
    let mut frame = Frame { x: [0; 31] };
    let entry = ask(machine, cpu);
    settle(machine, cpu, &mut frame, entry);
    vectors::enter(frame)
}

/// Does as core says until the vCPU can enter the guest.
pub(crate) fn settle(machine: &Machine, cpu: usize, frame: &mut Frame, mut entry: Entry) {
    loop {
        entry = match entry {
            Entry::Start(state) | Entry::Restart(state) => {
                return start(machine, cpu, frame, &state);
            }
            Entry::Continue => return,
            Entry::Resume(results) => return write_results(frame, &results),
            Entry::Wait => wait(machine, cpu),
            Entry::Park => {
                // Here, and not where it starts: a CPU that wakes from a powerdown state starts too,
                // and the timer that woke it is `always-on`.
                guest::stop_timers();
                cpu::sleep();
                interrupts::take_all(machine, cpu);
                ask(machine, cpu)
            }
            Entry::Stop(event) => stop(machine, cpu, event),
        }
    }
}

/// After a kick: goes on, or leaves the guest.
pub(crate) fn after_kick(machine: &Machine, cpu: usize, frame: &mut Frame) {
    let entry = ask(machine, cpu);
    settle(machine, cpu, frame, entry);
}

fn ask(machine: &Machine, cpu: usize) -> Entry {
    machine.vm.lock().begin(machine.vcpus[cpu])
}

/// Waits for an interrupt that the guest would see, or for the end of the machine.
fn wait(machine: &Machine, cpu: usize) -> Entry {
    if interrupts::refresh(machine, cpu) == Pending::Some {
        return machine.vm.lock().woke(machine.vcpus[cpu], now());
    }
    cpu::sleep();
    interrupts::take_all(machine, cpu);
    ask(machine, cpu)
}

/// Reports once that this vCPU has stopped; the last one concludes. The others wait for what comes
/// of it.
fn stop(machine: &Machine, cpu: usize, event: SystemEvent) -> Entry {
    let life = machine.life();
    interrupts::forget();
    let stopped = machine.vm.lock().stopped(machine.vcpus[cpu]);
    match stopped {
        Stopped::All => machine.conclude(event),
        Stopped::OthersRun => {
            while machine.life() == life {
                cpu::sleep();
                interrupts::take_all(machine, cpu);
            }
        }
    }
    ask(machine, cpu)
}

fn start(machine: &Machine, cpu: usize, frame: &mut Frame, state: &ResetState) {
    guest::reset(state, machine.counter_offset());
    frame.x = [0; 31];
    frame.x[0] = state.x0();
    // The interrupt controller keeps its state while a CPU is off, as KVM's does: what was pending
    // for the vCPU is pending still, and what it masked is masked.
    let _ = interrupts::refresh(machine, cpu);
}
