//! What the guest did that the hardware does not do for it.
//!
//! A guest's mistake is the guest's: it gets the exception that the architecture has for it, or the
//! run ends with a report that names the syndrome. Nothing it does is trusted to be decodable.

use core::fmt;

use vambrace_core::smccc::{Conduit, Endianness};

use crate::arch::cpu;
use crate::arch::guest;
use crate::arch::injection::{Exception, inject};
use crate::arch::vectors::Frame;
use crate::crash::End;
use crate::firmware;
use crate::gic::{Groups, Place};
use crate::interrupts;
use crate::machine::{Machine, machine};
use crate::syndrome::{
    Cause, DataAbort, Decoded, Direction, PairAccess, RegisterAccess, Syndrome, encoding,
};

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
        Cause::InstructionAbort => inject(frame, Exception::InstructionAbort),
        Cause::SystemRegister(access) => system_register(frame, syndrome, access),
        Cause::RegisterAarch32(access, condition) if condition.holds(guest::pstate()) => {
            register_of_aarch32(frame, syndrome, access);
        }
        Cause::PairAarch32(access, condition) if condition.holds(guest::pstate()) => {
            register_pair(frame, syndrome, access);
        }
        Cause::RegisterAarch32(..) | Cause::PairAarch32(..) => guest::skip_instruction(syndrome),
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
        (_, _) => inject(frame, Exception::DataAbort),
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
    let written = in_guests_order(decoded, read_register(frame, decoded.transfer));
    // What is in this CPU's list registers is to be seen, and changed, as well.
    let value = interrupts::with_all(machine, cpu, |gic| match direction {
        Direction::Read => Some(gic.read(place, decoded.bytes)),
        Direction::Write => {
            gic.write(place, decoded.bytes, written);
            None
        }
    });
    match value {
        Some(value) => {
            let value = decoded.loaded(in_guests_order(decoded, value));
            write_register(frame, decoded.transfer, value);
        }
        None if place.concerns_others(cpu) => machine.kick_others(),
        None => {}
    }
}

/// A value of the interrupt controller's, which is little-endian, as the guest's instruction moves it,
/// or the other way round.
fn in_guests_order(decoded: Decoded, value: u64) -> u64 {
    match guest::endianness() {
        Endianness::Little => value,
        Endianness::Big => decoded.swapped(value),
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
    if access.direction == Direction::Read {
        return inject(frame, Exception::Undefined);
    }
    match (access.register, read_register(frame, access.transfer)) {
        (ICC_SGI1R_EL1, value) => interrupts::send(Groups::Both, value),
        (ICC_ASGI1R_EL1 | ICC_SGI0R_EL1, value) => interrupts::send(Groups::Zero, value),
        (ICC_DIR_EL1, value) => interrupts::deactivate(value),
        (_, _) => return inject(frame, Exception::Undefined),
    }
    guest::skip_instruction(syndrome);
}

/// MRC or MCR of AArch32, of a register that is not the guest's.
fn register_of_aarch32(frame: &mut Frame, syndrome: Syndrome, access: RegisterAccess) {
    let half = match access.register {
        ACTLR => 0,
        ACTLR2 => 32,
        _ => return inject(frame, Exception::Undefined),
    };
    if access.direction == Direction::Read {
        let value = guest::auxiliary_control() >> half & 0xffff_ffff;
        write_register(frame, access.transfer, value);
    }
    guest::skip_instruction(syndrome);
}

/// MRRC or MCRR of AArch32, of a register that is not the guest's.
fn register_pair(frame: &mut Frame, syndrome: Syndrome, access: PairAccess) {
    let groups = match (access.direction, access.register) {
        (Direction::Write, ICC_SGI1R) => Groups::Both,
        (Direction::Write, ICC_ASGI1R | ICC_SGI0R) => Groups::Zero,
        (_, _) => return inject(frame, Exception::Undefined),
    };
    let [low, high] = access.transfers.map(|half| read_register(frame, half));
    interrupts::send(groups, low & 0xffff_ffff | high << 32);
    guest::skip_instruction(syndrome);
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
const ICC_DIR_EL1: u16 = encoding(3, 0, 12, 11, 1);
const ICC_SGI1R_EL1: u16 = encoding(3, 0, 12, 11, 5);
const ICC_ASGI1R_EL1: u16 = encoding(3, 0, 12, 11, 6);
const ICC_SGI0R_EL1: u16 = encoding(3, 0, 12, 11, 7);
/// In AArch32 its halves.
const ACTLR: u16 = encoding(0, 0, 1, 0, 1);
const ACTLR2: u16 = encoding(0, 0, 1, 0, 3);
/// By opc1 and CRm.
const ICC_SGI1R: u8 = 0x0c;
const ICC_ASGI1R: u8 = 0x1c;
const ICC_SGI0R: u8 = 0x2c;
