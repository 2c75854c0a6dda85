//! Core answers: KVM forwards every call that its SMCCC filter lets go (Linux 6.4 and newer).
//!
//! One lock guards core's machine, held across one call. An off vCPU's thread waits here on a
//! condition of that lock, so no wake-up falls between its question and its sleep. KVM takes part
//! in a suspension only: it alone knows when an interrupt is pending.

use std::mem;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use vambrace_core::smccc::{
    Args, Caller, Conduit, Endianness, ExecutionState, FunctionId, Needs, Results,
};
use vambrace_core::vcpu::VcpuId;
use vambrace_core::{Entry, Outcome, Vm};

use super::{Answered, Firmware, Ready};
use crate::layout::MAXIMUM_VCPUS;
use crate::sys::{self, Exit, MpState, RegisterId, SystemEventKind, VcpuFeatures, VcpuOps};
use crate::vcpu::registers;

/// Core's machine, with room for as many vCPUs as KVM's GIC serves.
type CoreVm = Vm<{ MAXIMUM_VCPUS as usize }>;

/// The firmware in this process.
#[derive(Debug)]
pub(crate) struct Core {
    vm: Mutex<Box<CoreVm>>,
    vcpus: Vec<Place>,
    forwarded: AtomicU64,
    flip: Option<AnswerFlip>,
}

/// What belongs to one vCPU.
#[derive(Debug)]
struct Place {
    id: VcpuId,
    /// Wakes its thread.
    woken: Condvar,
    /// The function that suspended it last.
    suspended_by: AtomicU32,
}

/// A deliberate error: one bit of one function's answer, to show that a comparison notices it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerFlip {
    /// The function whose answer is wrong.
    pub function: u32,
    /// The bit of x0, 0 to 63.
    pub bit: u8,
}

impl Core {
    /// What every vCPU is initialised with: in KVM's eyes none is ever off.
    pub(crate) const FEATURES: VcpuFeatures = VcpuFeatures::PSCI_0_2;

    /// Carries `vm`, whose vCPUs are `ids` in the order of KVM's.
    pub(crate) fn new(vm: Box<CoreVm>, ids: Vec<VcpuId>, flip: Option<AnswerFlip>) -> Self {
        let place = |id| Place {
            id,
            woken: Condvar::new(),
            suspended_by: AtomicU32::new(0),
        };
        Self {
            vm: Mutex::new(vm),
            vcpus: ids.into_iter().map(place).collect(),
            forwarded: AtomicU64::new(0),
            flip,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Box<CoreVm>> {
        // A panic elsewhere ends the machine; what core holds is whole after every call.
        self.vm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the registers that a call changes.
    fn write_results<V: VcpuOps>(
        &self,
        vcpu: &mut V,
        function: FunctionId,
        results: &Results,
    ) -> sys::Result<()> {
        let mut wrong = match self.flip {
            Some(flip) if flip.function == function.value() => {
                1_u64.checked_shl(flip.bit.into()).unwrap_or(0)
            }
            Some(_) | None => 0,
        };
        for (register, value) in RegisterId::X.into_iter().zip(results.registers()) {
            // In x0, which comes first.
            vcpu.set_register(register, value ^ mem::take(&mut wrong))?;
        }
        Ok(())
    }

    /// Lets a vCPU enter as core says, on the vCPU's own thread.
    fn enter<V: VcpuOps>(&self, index: usize, vcpu: &mut V, entry: Entry) -> sys::Result<Answered> {
        match entry {
            Entry::Start(state) => {
                vcpu.init(Self::FEATURES)?;
                registers::set_reset_state(vcpu, &state)?;
            }
            Entry::Resume(results) => {
                let function = self.vcpus[index].suspended_by.load(Ordering::Relaxed);
                self.write_results(vcpu, FunctionId::new(function), &results)?;
            }
            Entry::Continue | Entry::Wait => {}
            Entry::Park | Entry::Stop(_) => return Ok(Answered::Prepare),
        }
        Ok(Answered::Resume)
    }
}

impl Firmware for Core {
    fn prepare<V: VcpuOps>(
        &self,
        index: usize,
        vcpu: &mut V,
        ended: impl Fn() -> bool,
    ) -> sys::Result<Ready> {
        let mut vm = self.lock();
        let entry = loop {
            if ended() {
                return Ok(Ready::Leave);
            }
            match vm.begin(self.vcpus[index].id) {
                Entry::Stop(_) => return Ok(Ready::Leave),
                Entry::Park => {
                    vm = self.vcpus[index]
                        .woken
                        .wait(vm)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                entry => break entry,
            }
        };
        drop(vm);
        self.enter(index, vcpu, entry)?;
        Ok(Ready::Run)
    }

    fn call<V: VcpuOps>(
        &self,
        index: usize,
        vcpu: &mut V,
        function: u32,
        conduit: sys::Conduit,
    ) -> sys::Result<Answered> {
        self.forwarded.fetch_add(1, Ordering::Relaxed);
        let function = FunctionId::new(function);
        let mut caller = Caller {
            vcpu: self.vcpus[index].id,
            // KVM forwards SMC #0 alone, and does not tell HVC immediates apart.
            conduit: match conduit {
                sys::Conduit::Hvc => Conduit::Hvc(0),
                sys::Conduit::Smc => Conduit::Smc(0),
            },
            execution_state: ExecutionState::Aarch64,
            endianness: Endianness::Little,
        };
        let needs = self.lock().needs(&caller, function);
        let args = fetch(vcpu, function, needs)?;
        if needs.endianness() {
            caller.endianness = registers::endianness(vcpu)?;
        }
        let outcome = self.lock().call(&caller, &args);
        match outcome {
            Outcome::Resume(results) => self.write_results(vcpu, function, &results)?,
            Outcome::ResumeAndWake(results, target) => {
                // Whoever waits holds no lock, or has not asked yet and will find its start.
                self.vcpus[target.index()].woken.notify_one();
                self.write_results(vcpu, function, &results)?;
            }
            Outcome::Park => return Ok(Answered::Prepare),
            Outcome::Wait(_) => {
                self.vcpus[index]
                    .suspended_by
                    .store(function.value(), Ordering::Relaxed);
                vcpu.set_mp_state(MpState::Suspended)?;
            }
            Outcome::System(event) => return Ok(Answered::Machine(event)),
        }
        Ok(Answered::Resume)
    }

    fn event<V: VcpuOps>(
        &self,
        index: usize,
        vcpu: &mut V,
        event: sys::SystemEvent,
    ) -> sys::Result<Answered> {
        match event.kind {
            SystemEventKind::Wakeup => {
                // The state is sticky: left alone, every run would end at once.
                vcpu.set_mp_state(MpState::Runnable)?;
                let entry = self.lock().woke(self.vcpus[index].id);
                self.enter(index, vcpu, entry)
            }
            SystemEventKind::Shutdown
            | SystemEventKind::Reset
            | SystemEventKind::Crash
            | SystemEventKind::Suspend
            | SystemEventKind::Other(_) => Ok(Answered::Unexpected(Exit::SystemEvent(event))),
        }
    }

    fn wake_all(&self) {
        // Under the lock, so that nobody is between asking and waiting.
        let _vm = self.lock();
        for vcpu in &self.vcpus {
            vcpu.woken.notify_all();
        }
    }

    fn stopped(&self, index: usize) {
        self.lock().stopped(self.vcpus[index].id);
    }

    fn reset(&mut self) {
        self.lock()
            .reset()
            .expect("every vCPU has reported that it stopped");
    }

    fn forwarded_calls(&self) -> u64 {
        self.forwarded.load(Ordering::Relaxed)
    }
}

/// Reads the registers that the call needs, and no other.
fn fetch<V: VcpuOps>(vcpu: &V, function: FunctionId, needs: Needs) -> sys::Result<Args> {
    let values = RegisterId::X[1..=needs.arguments()]
        .iter()
        .map(|register| vcpu.register(*register))
        .collect::<sys::Result<Vec<_>>>()?;
    Ok(Args::new(function.value().into(), &values))
}
