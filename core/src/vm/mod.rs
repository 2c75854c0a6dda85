//! One machine: its inputs, and what each of them comes to.
//!
//! Inputs are few: [`call`](Vm::call), [`begin`](Vm::begin), [`woke`](Vm::woke),
//! [`stopped`](Vm::stopped) and [`reset`](Vm::reset). The backend makes them one at a time, under
//! one lock.

mod config;
mod outcome;

pub use config::{ConfigError, VmConfig};
pub use outcome::{Entry, Outcome, Stopped};

use heapless::Vec;

use crate::firmware::{Admission, Firmware, Function};
use crate::psci::{self, Answer, SystemEvent};
use crate::smccc::{self, Args, Caller, FunctionId, Needs, Results};
use crate::vcpu::{Cause, OnWake, Power, ResetState, VcpuId, Vcpus};

/// A machine of up to `N` vCPUs, its configuration frozen.
#[derive(Debug, Clone)]
pub struct Vm<const N: usize> {
    firmware: Firmware,
    vcpus: Vcpus<N>,
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
            firmware,
            vcpus,
            boot,
            life: Life::Running,
        };
        vm.power_up();
        vm
    }

    /// Which registers a call of `function` needs beyond the function id. Nothing, if it is refused
    /// whatever they hold.
    pub fn needs(&self, caller: &Caller, function: FunctionId) -> Needs {
        match self.firmware.admit(caller, function) {
            Admission::Open(row) => self.firmware.needs(row),
            Admission::Answered(_) => Needs::NOTHING,
        }
    }

    /// The guest executed a firmware call.
    pub fn call(&mut self, caller: &Caller, args: &Args) -> Outcome {
        if !self.executes(caller.vcpu) {
            return Outcome::Park;
        }
        let row = match self.firmware.admit(caller, args.function()) {
            Admission::Open(row) => row,
            Admission::Answered(results) => return Outcome::Resume(results),
        };
        match row.function {
            Function::Architecture(function) => {
                self.resume(smccc::answer(&self.firmware, function, args))
            }
            Function::Psci(function) => {
                let answer = psci::answer(&self.firmware, &mut self.vcpus, caller, function, args);
                self.carry_out(answer)
            }
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

    /// A wake-up event reached `vcpu` in its suspension.
    pub fn woke(&mut self, vcpu: VcpuId) -> Entry {
        if let Life::Ending { event, .. } = self.life {
            return Entry::Stop(event);
        }
        match self.apply(vcpu, Cause::Wake) {
            Power::Suspended(OnWake::Return) => Entry::Resume(self.success()),
            Power::Suspended(OnWake::Restart(state)) => Entry::Start(state),
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
    /// forgotten, its configuration stays. The backend resets memory and devices.
    ///
    /// # Errors
    ///
    /// The machine is given as it was if a vCPU may still execute.
    pub fn reset(&mut self) -> Result<(), StillRunning> {
        match &self.life {
            Life::Ending { stopped, .. } if stopped.iter().all(|&mark| mark) => {
                self.life = Life::Running;
                self.vcpus.apply_to_all(Cause::Reset);
                self.power_up();
                Ok(())
            }
            Life::Running | Life::Ending { .. } => Err(StillRunning),
        }
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
        matches!(self.life, Life::Running) && self.vcpus.power(vcpu) == Some(Power::On)
    }

    fn carry_out(&mut self, answer: Answer) -> Outcome {
        match answer {
            Answer::Value(x0) => self.resume(x0),
            Answer::Started(vcpu) => Outcome::ResumeAndWake(self.success(), vcpu),
            Answer::Off => Outcome::Park,
            Answer::Suspended(on_wake) => Outcome::Wait(on_wake),
            Answer::System(event) => {
                self.end(event);
                Outcome::System(event)
            }
        }
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
        self.firmware.results(psci::SUCCESS)
    }
}

/// A reset was asked for while a vCPU had not reported that it stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StillRunning;

#[cfg(test)]
mod tests;
