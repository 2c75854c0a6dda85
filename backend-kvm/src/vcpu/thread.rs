//! The loop of one vCPU: prepare, run, answer the exit.
//!
//! What happens on every exit (an access to a device, a firmware call) stays in the inner loop and
//! takes no lock but that of what it touches. Anything that may turn the vCPU off or end the
//! machine goes back through `prepare`, with the kick cleared first: a kick that comes later ends
//! the next run.

use std::thread;

use vambrace_core::memory::Ipa;

use super::abort;
use crate::abort::Fault;
use crate::devices::Served;
use crate::firmware::{Answered, Firmware, Ready};
use crate::machine::{Control, Crash, Devices, Stop};
use crate::memory::GuestMemory;
use crate::sandbox;
use crate::sys::{self, Exit, VcpuOps, VmOps};

/// What the vCPUs of one life share.
pub(crate) struct Board<'a, V: VmOps, F> {
    pub(crate) vm: &'a V,
    pub(crate) memory: &'a GuestMemory,
    pub(crate) devices: &'a Devices,
    pub(crate) firmware: &'a F,
    pub(crate) control: &'a Control<<V::Vcpu as VcpuOps>::Kicker>,
}

impl<V: VmOps, F: Firmware> Board<'_, V, F> {
    /// Ends the machine for `reason`, unless it has ended already.
    pub(crate) fn stop(&self, reason: Stop) {
        self.control.stop(reason);
        self.firmware.wake_all();
    }
}

/// Ends the machine if the thread that holds it panics: the others would never leave, and the
/// panic could not go on to whoever runs the machine.
pub(crate) struct OnPanic<'a, V: VmOps, F: Firmware>(pub(crate) &'a Board<'a, V, F>);

impl<V: VmOps, F: Firmware> Drop for OnPanic<'_, V, F> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.control.abandon();
            self.0.firmware.wake_all();
        }
    }
}

/// One vCPU on its thread.
pub(crate) struct Thread<'a, V: VmOps, F> {
    index: usize,
    vcpu: V::Vcpu,
    board: &'a Board<'a, V, F>,
}

impl<'a, V: VmOps, F: Firmware> Thread<'a, V, F> {
    pub(crate) fn new(index: usize, vcpu: V::Vcpu, board: &'a Board<'a, V, F>) -> Self {
        Self { index, vcpu, board }
    }

    /// Runs the vCPU until the machine stops, then reports that it has left the guest.
    pub(crate) fn run(mut self) {
        if let Err(stop) = self.live() {
            self.board.stop(stop);
        }
        self.board.firmware.stopped(self.index);
    }

    /// `Ok` when somebody else has stopped the machine, `Err` when this vCPU does.
    fn live(&mut self) -> Result<(), Stop> {
        sandbox::confine_vcpu().map_err(|error| Stop::Failed(error.into()))?;
        loop {
            self.vcpu.clear_kick();
            let control = self.board.control;
            let ready = self
                .board
                .firmware
                .prepare(self.index, &mut self.vcpu, || control.has_stopped())?;
            match ready {
                Ready::Leave => return Ok(()),
                Ready::Run => self.run_until_asked()?,
            }
        }
    }

    /// Runs the guest until the vCPU has to prepare again.
    fn run_until_asked(&mut self) -> Result<(), Stop> {
        loop {
            let exit = self.vcpu.run()?;
            match self.answer(exit)? {
                Answered::Resume => {}
                Answered::Prepare => return Ok(()),
                Answered::PrepareAll => {
                    self.board.control.kick_all();
                    return Ok(());
                }
                Answered::Machine(event) => return Err(Stop::Event(event)),
                Answered::Unexpected(exit) => return Err(self.crash(exit)),
            }
        }
    }

    fn answer(&mut self, exit: Exit) -> Result<Answered, Stop> {
        let Board {
            vm,
            devices,
            firmware,
            ..
        } = *self.board;
        match exit {
            Exit::MmioRead { address, width } => {
                match devices.read(vm, Ipa::new(address.0), width)? {
                    Served::Done(value) => self.vcpu.complete_read(value),
                    Served::ExternalAbort => self.vcpu.inject_external_abort()?,
                }
            }
            Exit::MmioWrite {
                address,
                width,
                value,
            } => match devices.write(vm, Ipa::new(address.0), width, value)? {
                Served::Done(()) => {}
                Served::ExternalAbort => self.vcpu.inject_external_abort()?,
            },
            Exit::Hypercall { function, conduit } => {
                return Ok(firmware.call(self.index, &mut self.vcpu, function, conduit)?);
            }
            Exit::SystemEvent(event) => {
                return Ok(firmware.event(self.index, &mut self.vcpu, event)?);
            }
            Exit::Kicked => return Ok(Answered::Prepare),
            Exit::UndecodableAbort { esr_iss, fault_ipa } => {
                let fault = Fault {
                    esr_iss,
                    ipa: Ipa::new(fault_ipa.0),
                };
                abort::emulate(self.index, &mut self.vcpu, self.board, fault)?;
            }
            Exit::FailedEntry { .. }
            | Exit::InternalError { .. }
            | Exit::MemoryFault { .. }
            | Exit::Unknown(_) => return Err(self.crash(exit)),
        }
        Ok(Answered::Resume)
    }

    fn crash(&self, exit: Exit) -> Stop {
        Stop::Crashed(Crash::exit(self.index, &self.vcpu, exit))
    }
}

impl From<sys::Error> for Stop {
    fn from(error: sys::Error) -> Self {
        Self::Failed(error.into())
    }
}
