//! What the guest did that the hardware does not do for it.
//!
//! A guest's mistake is the guest's: it gets the exception that the architecture has for it, or the
//! run ends with a report that names the syndrome. Nothing it does is trusted to be decodable.

use core::fmt;

use vambrace_core::smccc::{Conduit, ExecutionState};

use crate::arch::cpu;
use crate::arch::guest::{self, Exception};
use crate::arch::vectors::Frame;
use crate::crash::End;
use crate::firmware;
use crate::gic::Place;
use crate::interrupts;
use crate::machine::{Machine, machine};
use crate::syndrome::{Cause, DataAbort, Decoded, Direction, RegisterAccess, Syndrome, encoding};

/// A synchronous exception of the guest's came here.
#[inline]
pub(crate) fn synchronous(frame: &mut Frame) {
    let syndrome = guest::syndrome();
    match syndrome.hvc() {
        Some(immediate) => firmware::call(frame, Conduit::Hvc(immediate)),
        None => all_causes(frame, syndrome),
    }
}

/// Apart, so that an HVC does not pay for what the others take.
#[inline(never)]
fn all_causes(frame: &mut Frame, syndrome: Syndrome) {
    match syndrome.cause() {
        // Those of AArch64 are answered. The return address is behind the instruction.
        Cause::Hvc(immediate) => firmware::call_of_aarch32(frame, Conduit::Hvc(immediate)),
        // That of a trapped instruction is the instruction.
        Cause::Smc(immediate) => {
            guest::skip_instruction(syndrome);
            firmware::call(frame, Conduit::Smc(immediate));
        }
        Cause::SmcAarch32(condition) => {
            guest::skip_instruction(syndrome);
            if condition.holds(guest::pstate()) {
                firmware::call_of_aarch32(frame, Conduit::Smc(0));
            }
        }
        Cause::DataAbort(abort) => data_abort(frame, syndrome, abort),
        Cause::InstructionAbort => refuse(syndrome, Exception::InstructionAbort),
        Cause::SystemRegister(access) => system_register(frame, syndrome, access),
        Cause::Other => crash(format_args!("{syndrome:?} at {:#x}", guest::pc())),
    }
}

/// An error that the memory system reports, of an access of the guest's.
pub(crate) fn system_error(_: &mut Frame) {
    let syndrome = guest::syndrome();
    crash(format_args!("SError {syndrome:?} at {:#x}", guest::pc()))
}

/// A load or store where stage 2 has nothing.
fn data_abort(frame: &mut Frame, syndrome: Syndrome, abort: DataAbort) {
    let machine = machine();
    let address = guest::fault_address();
    let place = Place::at(address, machine.vcpus.len());
    match (place, abort.decoded) {
        (Some(place), Some(decoded)) if address.is_multiple_of(decoded.bytes.into()) => {
            access_gic(machine, frame, place, abort.direction, decoded);
            guest::skip_instruction(syndrome);
        }
        // Nobody is there, or nobody knows what was meant.
        (_, _) => refuse(syndrome, Exception::DataAbort),
    }
}

fn access_gic(
    machine: &Machine,
    frame: &mut Frame,
    place: Place,
    direction: Direction,
    decoded: Decoded,
) {
    let cpu = cpu::index();
    // What is in this CPU's list registers is to be seen, and changed, as well.
    let _ = interrupts::refresh(machine, cpu);
    match direction {
        Direction::Read => {
            let value = machine.gic.lock().read(place, decoded.bytes);
            write_register(frame, decoded.transfer, decoded.loaded(value));
        }
        Direction::Write => {
            let value = read_register(frame, decoded.transfer);
            machine.gic.lock().write(place, decoded.bytes, value);
            let _ = interrupts::refresh(machine, cpu);
            if place.concerns_others(cpu) {
                machine.kick_others();
            }
        }
    }
}

/// MRS or MSR of a register that is not the guest's.
fn system_register(frame: &mut Frame, syndrome: Syndrome, access: RegisterAccess) {
    if access.register == ACTLR_EL1 {
        if access.direction == Direction::Read {
            write_register(frame, access.transfer, guest::auxiliary_control());
        }
        return guest::skip_instruction(syndrome);
    }
    let sends = [ICC_SGI1R_EL1, ICC_ASGI1R_EL1, ICC_SGI0R_EL1].contains(&access.register);
    if !sends || access.direction == Direction::Read {
        return refuse(syndrome, Exception::Undefined);
    }
    let (machine, cpu) = (machine(), cpu::index());
    let reached = machine
        .gic
        .lock()
        .send(cpu, read_register(frame, access.transfer));
    for other in (0..machine.vcpus.len()).filter(|other| *other != cpu) {
        if reached >> other & 1 == 1 {
            machine.kick(other);
        }
    }
    if reached >> cpu & 1 == 1 {
        let _ = interrupts::refresh(machine, cpu);
    }
    guest::skip_instruction(syndrome);
}

/// Gives the guest the exception; in AArch32, which has others, the run ends.
fn refuse(syndrome: Syndrome, exception: Exception) {
    let (pc, address) = (guest::pc(), guest::fault_address());
    let virtual_address = guest::fault_virtual_address();
    match guest::execution_state() {
        ExecutionState::Aarch64 => guest::inject(exception),
        ExecutionState::Aarch32 => crash(format_args!(
            "{exception:?} {syndrome:?} at {pc:#x}, address {virtual_address:#x}, physical \
             {address:#x}"
        )),
    }
}

/// Ends the machine: nobody can answer what the guest did.
fn crash(what: fmt::Arguments<'_>) -> ! {
    let cpu = cpu::index();
    log::error!("the guest crashed: vCPU {cpu}: {what}");
    machine().end(End::Crashed)
}

/// Register 31 is none.
fn read_register(frame: &Frame, register: u8) -> u64 {
    frame.x.get(usize::from(register)).copied().unwrap_or(0)
}

fn write_register(frame: &mut Frame, register: u8, value: u64) {
    if let Some(place) = frame.x.get_mut(usize::from(register)) {
        *place = value;
    }
}

const ACTLR_EL1: u16 = encoding(3, 0, 1, 0, 1);
const ICC_SGI1R_EL1: u16 = encoding(3, 0, 12, 11, 5);
const ICC_ASGI1R_EL1: u16 = encoding(3, 0, 12, 11, 6);
const ICC_SGI0R_EL1: u16 = encoding(3, 0, 12, 11, 7);
