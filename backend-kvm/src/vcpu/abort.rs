//! Carries out an access that KVM could not decode, on the vCPU's own thread.

use super::thread::Board;
use crate::abort::{Direction, EmulationError, Fault, Register, Registers, plan};
use crate::devices::Served;
use crate::machine::{Crash, Stop};
use crate::sys::{self, RegisterId, VcpuOps, VmOps};

/// Emulates the instruction at PC, or injects the abort that the bus answers with; the end of the
/// run if neither can be.
pub(super) fn emulate<V: VmOps, F>(
    index: usize,
    vcpu: &mut V::Vcpu,
    board: &Board<'_, V, F>,
    fault: Fault,
) -> Result<(), Stop> {
    let emulation = plan(fault, &Borrowed(vcpu), board.memory).map_err(|error| match error {
        EmulationError::Registers(error) => error.into(),
        EmulationError::Undecodable(access) => Stop::Crashed(Crash::Undecodable {
            vcpu: index,
            access,
        }),
    })?;
    let mut values = Vec::new();
    for access in emulation.accesses() {
        let served = match access.direction {
            Direction::Read => board.devices.read(board.vm, access.ipa, access.width)?,
            Direction::Write(value) => board
                .devices
                .write(board.vm, access.ipa, access.width, value)?
                .map_done(|()| 0),
        };
        match served {
            Served::Done(value) if access.direction == Direction::Read => values.push(value),
            Served::Done(_) => {}
            Served::ExternalAbort => return Ok(vcpu.inject_external_abort()?),
        }
    }
    Ok(emulation.complete(&mut Borrowed(vcpu), &values)?)
}

/// A vCPU's registers by the names that emulation knows.
struct Borrowed<'a, V>(&'a mut V);

impl<V: VcpuOps> Registers for Borrowed<'_, V> {
    type Error = sys::Error;

    fn read(&self, register: Register) -> sys::Result<u64> {
        self.0.register(id(register))
    }

    fn write(&mut self, register: Register, value: u64) -> sys::Result<()> {
        self.0.set_register(id(register), value)
    }
}

fn id(register: Register) -> RegisterId {
    match register {
        Register::X(number) => RegisterId::X[usize::from(number)],
        Register::SpEl0 => RegisterId::SP_EL0,
        Register::SpEl1 => RegisterId::SP_EL1,
        Register::Pc => RegisterId::PC,
        Register::Pstate => RegisterId::PSTATE,
        Register::Sctlr => RegisterId::SCTLR_EL1,
        Register::Tcr => RegisterId::TCR_EL1,
        Register::Ttbr0 => RegisterId::TTBR0_EL1,
        Register::Ttbr1 => RegisterId::TTBR1_EL1,
    }
}
