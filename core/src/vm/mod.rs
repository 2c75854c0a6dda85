//! One machine: its inputs, and what each of them comes to.
//!
//! Inputs are few: [`call`](Vm::call), [`begin`](Vm::begin), [`woke`](Vm::woke),
//! [`stopped`](Vm::stopped) and [`reset`](Vm::reset). The backend makes them one at a time, under
//! one lock.

mod config;
mod lent;
mod outcome;

pub use config::{ConfigError, VmConfig};
pub use lent::{Clocks, Entropy, Lent};
pub use outcome::{Entry, Outcome, Stopped};

use core::fmt;

use heapless::Vec;

use crate::firmware::{Admission, Firmware, Function, RegisterError, Row, Stage, Workaround};
use crate::psci::{self, Answer, SystemEvent};
use crate::smccc::{self, Args, Caller, Needs, Results, ReturnCode, SUCCESS};
use crate::time::Time;
use crate::vcpu::{Cause, OnWake, Power, ResetState, VcpuId, Vcpus};
use crate::{pvtime, trng, vendor_hyp};

/// A machine of up to `N` vCPUs, its configuration frozen.
#[derive(Debug, Clone)]
pub struct Vm<const N: usize> {
    firmware: Firmware,
    vcpus: Vcpus<N>,
    psci: psci::State,
    boot: (VcpuId, ResetState),
    life: Life<N>,
}

/// Does the machine run, or does it end?
#[derive(Debug, Clone)]
enum Life<const N: usize> {
    Running,
    Ending {
        event: SystemEvent,
        stopped: Vec<bool, N>,
    },
}

impl<const N: usize> Vm<N> {
    /// A machine ready to boot: its boot vCPU has a start to ask for, the others are off.
    fn new(firmware: Firmware, vcpus: Vcpus<N>, boot: (VcpuId, ResetState)) -> Self {
        let mut vm = Self {
            psci: psci::State::new(&firmware),
            firmware,
            vcpus,
            boot,
            life: Life::Running,
        };
        vm.power_up();
        vm
    }

    /// The guest executed a firmware call.
    ///
    /// A backend that has few registers at hand may pass none, and is told what the call needs;
    /// one that has them all passes them all. What `lent` carries is taken back empty: entropy
    /// that the guest did not get is wiped. A vCPU that is not on, because it has not begun, is
    /// off or the machine ends, hears [`Outcome::Park`].
    pub fn call(&mut self, caller: &Caller, args: &Args<'_>, lent: Lent<'_>) -> Outcome {
        if !self.executes(caller.vcpu) {
            return Outcome::Park;
        }
        let row = match self.firmware.admit(caller, args.function()) {
            Admission::Open(row) => row,
            Admission::Closed(row) => return self.refuse(caller, row),
            Admission::Unknown => return self.not_supported(),
            Admission::NotServed => {
                return Outcome::Resume(Results::in_x0(ReturnCode::NotSupported.value()));
            }
        };
        match self.firmware.constant(row) {
            Some(x0) => self.resume(x0),
            None => self.serve(caller, row, args, lent),
        }
    }

    /// Answers an open call that is more than a constant. Apart, so that a constant does not pay
    /// for the registers that this saves.
    #[inline(never)]
    fn serve(&mut self, caller: &Caller, row: &Row, args: &Args<'_>, lent: Lent<'_>) -> Outcome {
        let needs = self.needs(caller, row, args);
        if !needs.are_met(caller, args, &lent) {
            lent.entropy.give_back();
            return Outcome::Fetch(needs);
        }
        let firmware = &self.firmware;
        Outcome::Resume(match row.function {
            Function::Workaround(workaround) => return self.mitigate(caller, workaround),
            Function::Architecture(function) => smccc::answer(firmware, caller, function, args),
            Function::Trng(function) => {
                trng::answer(firmware, caller, function, args, lent.entropy)
            }
            Function::PvTime(function) => pvtime::answer(firmware, caller, function, args),
            Function::VendorHyp(function) => {
                vendor_hyp::answer(firmware, function, args, lent.clocks)
            }
            Function::Psci(function) => {
                let answer = self.psci(caller, lent.time).answer(function, args);
                return self.carry_out(answer);
            }
        })
    }

    /// What an open call needs now.
    fn needs(&mut self, caller: &Caller, row: &Row, args: &Args<'_>) -> Needs {
        match row.function {
            Function::Psci(function) => self.psci(caller, None).needs(row, function, args),
            Function::Trng(function) => trng::needs(&self.firmware, function, args, row.needs),
            Function::VendorHyp(function) => vendor_hyp::needs(function, args, row.needs),
            Function::Architecture(_) | Function::Workaround(_) | Function::PvTime(_) => row.needs,
        }
    }

    fn psci<'a>(&'a mut self, caller: &'a Caller, time: Option<Time>) -> psci::Context<'a, N> {
        psci::Context {
            firmware: &self.firmware,
            vcpus: &mut self.vcpus,
            state: &mut self.psci,
            caller,
            time,
        }
    }

    /// `vcpu` asks whether to enter the guest: before its first entry, and after every kick.
    pub fn begin(&mut self, vcpu: VcpuId) -> Entry {
        if let Life::Ending { event, .. } = self.life {
            return Entry::Stop(event);
        }
        match self.apply(vcpu, Cause::Begin) {
            Power::Off => Entry::Park,
            Power::OnPending(state) => Entry::Start(state),
            Power::On => Entry::Continue,
            Power::Suspended(_) => Entry::Wait,
        }
    }

    /// A wake-up event reached `vcpu` in its suspension, `now`.
    pub fn woke(&mut self, vcpu: VcpuId, now: Time) -> Entry {
        if let Life::Ending { event, .. } = self.life {
            return Entry::Stop(event);
        }
        match self.vcpus.wake(vcpu, now) {
            Power::Suspended(OnWake::Return) => Entry::Resume(self.success()),
            Power::Suspended(OnWake::Restart(state)) => Entry::Restart(state),
            Power::Off | Power::OnPending(_) | Power::On => self.begin(vcpu),
        }
    }

    /// `vcpu` has left the guest for good, as [`Entry::Stop`] asked.
    pub fn stopped(&mut self, vcpu: VcpuId) -> Stopped {
        let Life::Ending { stopped, .. } = &mut self.life else {
            return Stopped::OthersRun;
        };
        if let Some(mark) = stopped.get_mut(vcpu.index()) {
            *mark = true;
        }
        if stopped.iter().all(|&mark| mark) {
            Stopped::All
        } else {
            Stopped::OthersRun
        }
    }

    /// Makes a stopped machine ready to boot again; every call and vCPU of its former life is
    /// forgotten, its configuration stays. The backend resets memory and devices, and overwrites
    /// RAM if [`protects_memory`](Self::protects_memory).
    ///
    /// # Errors
    ///
    /// The machine is given as it was if a vCPU may still execute.
    pub fn reset(&mut self) -> Result<(), StillRunning> {
        match &self.life {
            Life::Ending { stopped, .. } if stopped.iter().all(|&mark| mark) => {
                self.life = Life::Running;
                self.vcpus.reset();
                self.psci = self.psci.after_reset(&self.firmware);
                self.power_up();
                Ok(())
            }
            Life::Running | Life::Ending { .. } => Err(StillRunning),
        }
    }

    /// Has the guest asked that no later boot can read its memory (MEM_PROTECT)? It stays asked
    /// over resets.
    #[must_use]
    pub const fn protects_memory(&self) -> bool {
        self.psci.protects_memory()
    }

    /// The value of a firmware pseudo-register, by KVM's id.
    ///
    /// # Errors
    ///
    /// KVM's of this dialect.
    pub fn register(&self, id: u64) -> Result<u64, RegisterError> {
        self.firmware.register(id)
    }

    /// Writes a firmware pseudo-register of the machine, which counts as running from its first
    /// moment: bitmaps can be written with the value that they have, the PSCI version with any
    /// that the dialect knows, but for 0.1, which a machine has from the start or never.
    ///
    /// # Errors
    ///
    /// KVM's of this dialect.
    pub fn set_register(&mut self, id: u64, value: u64) -> Result<(), RegisterError> {
        self.firmware.set_register(id, value, Stage::Running)
    }

    /// Gives the boot vCPU, which is off, its start.
    fn power_up(&mut self) {
        let (vcpu, state) = self.boot;
        self.apply(vcpu, Cause::TurnOn(state));
    }

    /// Applies what nothing refuses; gives the state before.
    fn apply(&mut self, vcpu: VcpuId, cause: Cause) -> Power {
        self.vcpus.apply(vcpu, cause).unwrap_or(Power::Off)
    }

    /// A call counts only from a vCPU that runs: one that was turned off or stopped meanwhile has
    /// left its last call behind.
    fn executes(&self, vcpu: VcpuId) -> bool {
        matches!(self.life, Life::Running) && self.vcpus.is_on(vcpu)
    }

    fn carry_out(&mut self, answer: Answer) -> Outcome {
        match answer {
            Answer::Value(x0) => self.resume(x0),
            Answer::Started(vcpu) => Outcome::ResumeAndWake(self.success(), vcpu),
            Answer::Off => Outcome::Park,
            Answer::Suspended(on_wake) => Outcome::Wait(on_wake),
            Answer::SystemSuspended(on_wake) => Outcome::SystemSuspend(on_wake),
            Answer::CleanInvalidate(range) => Outcome::CleanInvalidate(self.success(), range),
            Answer::System(event) => {
                self.end(event);
                Outcome::System(event)
            }
        }
    }

    /// Answers a call of a function that is not there; some of KVM's are answered nevertheless.
    #[cold]
    fn refuse(&self, caller: &Caller, row: &Row) -> Outcome {
        match row.function {
            Function::Workaround(workaround) => self.mitigate(caller, workaround),
            Function::Architecture(_)
            | Function::Psci(_)
            | Function::Trng(_)
            | Function::PvTime(_)
            | Function::VendorHyp(_) => self.not_supported(),
        }
    }

    #[cold]
    fn mitigate(&self, caller: &Caller, workaround: Workaround) -> Outcome {
        match self.firmware.workaround(caller.conduit, workaround) {
            Some(results) if self.firmware.workarounds.mitigate(workaround) => {
                Outcome::Mitigate(results, workaround)
            }
            Some(results) => Outcome::Resume(results),
            None => self.not_supported(),
        }
    }

    fn not_supported(&self) -> Outcome {
        self.resume(ReturnCode::NotSupported.value())
    }

    fn end(&mut self, event: SystemEvent) {
        let mut stopped = Vec::new();
        for _ in 0..self.vcpus.len() {
            // There is room for every vCPU.
            let _ = stopped.push(false);
        }
        self.life = Life::Ending { event, stopped };
    }

    fn resume(&self, x0: u64) -> Outcome {
        Outcome::Resume(self.firmware.results(x0))
    }

    fn success(&self) -> Results {
        self.firmware.results(SUCCESS)
    }
}

/// A reset was asked for while a vCPU had not reported that it stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StillRunning;

impl fmt::Display for StillRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a vCPU of the machine may still execute")
    }
}

impl core::error::Error for StillRunning {}

#[cfg(test)]
mod tests;
