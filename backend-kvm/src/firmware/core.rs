//! Core answers: KVM forwards every call that its SMCCC filter lets go (Linux 6.4 and newer).
//!
//! One lock guards core's machine, held across one call. An off vCPU's thread waits here on a
//! condition of that lock, so no wake-up falls between its question and its sleep. KVM takes part
//! in what it alone can: a suspension, because it knows when an interrupt is pending; stolen time,
//! because it sees threads wait; and PTP, because it reads two clocks at one instant.
//!
//! Of a call core is told the function id first. What else it needs it says, and only that is
//! fetched: each register costs. Nothing is fetched under the lock.

use std::mem;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::rand::{GetRandomFlags, getrandom};
use vambrace_core::memory::RamRange;
use vambrace_core::smccc::{
    Args, Caller, Conduit, Endianness, ExecutionState, FunctionId, Needs, Results,
};
use vambrace_core::time::Time;
use vambrace_core::vcpu::VcpuId;
use vambrace_core::vm::Entropy;
use vambrace_core::{Entry, Lent, Outcome, Vm};

use super::power_calls::Counter;
use super::stolen_time::StolenTime;
use super::{Answered, Firmware, PowerCalls, Ready};
use crate::address::Region;
use crate::layout::MAXIMUM_VCPUS;
use crate::memory::GuestMemory;
use crate::sys::{self, Exit, MpState, RegisterId, SystemEventKind, VcpuFeatures, VcpuOps};
use crate::vcpu::registers;

/// Core's machine, with room for as many vCPUs as KVM's GIC serves.
type CoreVm = Vm<{ MAXIMUM_VCPUS as usize }>;

/// The firmware in this process.
#[derive(Debug)]
pub(crate) struct Core {
    vm: Mutex<Box<CoreVm>>,
    vcpus: Vec<Place>,
    surroundings: Surroundings,
    stolen_time: Option<StolenTime>,
    began: Instant,
    forwarded: AtomicU64,
    power_calls: Counter,
}

/// What core's machine lives in.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// What every vCPU is initialised with: in KVM's eyes none is ever off.
    pub(crate) features: VcpuFeatures,
    /// What every vCPU executes: KVM lets none change it.
    pub(crate) execution_state: ExecutionState,
    /// Its RAM.
    pub(crate) memory: GuestMemory,
    /// The page of stolen time, if that is promised.
    pub(crate) stolen_time: Option<GuestMemory>,
    /// A deliberate error in its answers.
    pub(crate) flip: Option<AnswerFlip>,
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
    /// Carries `vm`, whose vCPUs are `ids` in the order of KVM's.
    pub(crate) fn new(vm: Box<CoreVm>, ids: Vec<VcpuId>, surroundings: Surroundings) -> Self {
        let place = |id| Place {
            id,
            woken: Condvar::new(),
            suspended_by: AtomicU32::new(0),
        };
        let vcpus: Vec<_> = ids.into_iter().map(place).collect();
        let page = surroundings.stolen_time.clone();
        Self {
            vm: Mutex::new(vm),
            stolen_time: page.map(|page| StolenTime::new(page, vcpus.len())),
            vcpus,
            surroundings,
            began: Instant::now(),
            forwarded: AtomicU64::new(0),
            power_calls: Counter::default(),
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
        let mut wrong = match self.surroundings.flip {
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
                vcpu.init(self.surroundings.features)?;
                registers::set_reset_state(vcpu, &state)?;
                if let Some(time) = &self.stolen_time {
                    time.begin(index)
                        .expect("the page of stolen time has room for every vCPU");
                }
            }
            Entry::Restart(state) => {
                registers::restart(vcpu, self.surroundings.features, &state)?;
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

    /// Fetches what core says it needs; gives what it lends of it.
    fn fetch<V: VcpuOps>(
        &self,
        needs: Needs,
        caller: &mut Caller,
        registers: &mut Vec<u64>,
        vcpu: &V,
    ) -> sys::Result<Loan> {
        assert!(
            !needs.clocks(),
            "KVM forwards no call of PTP that is served"
        );
        for register in RegisterId::X[1..]
            .iter()
            .take(needs.arguments())
            .skip(registers.len())
        {
            registers.push(vcpu.register(*register)?);
        }
        if needs.endianness() && caller.endianness.is_none() {
            caller.endianness = Some(self.endianness(vcpu)?);
        }
        Ok(Loan {
            time: needs.time().then(|| self.now()),
            bits: needs.entropy().then_some([0; 24]),
        })
    }

    /// One call of core's, under its lock.
    fn lock_and_call(&self, caller: &Caller, args: &Args<'_>, loan: &mut Loan) -> Outcome {
        let lent = Lent {
            time: loan.time,
            clocks: None,
            entropy: loan.bits.as_mut().map_or(Entropy::NotLent, draw),
        };
        self.lock().call(caller, args, lent)
    }

    /// Does what core has answered.
    fn carry_out<V: VcpuOps>(
        &self,
        index: usize,
        vcpu: &mut V,
        function: FunctionId,
        outcome: &Outcome,
    ) -> sys::Result<Answered> {
        match outcome {
            Outcome::Fetch(_) => unreachable!("what core needs is fetched"),
            // Every exit from the guest runs KVM's own mitigations, if the CPU needs any.
            Outcome::Resume(results) | Outcome::Mitigate(results, _) => {
                self.write_results(vcpu, function, results)?;
            }
            Outcome::ResumeAndWake(results, target) => {
                // Whoever waits holds no lock, or has not asked yet and will find its start.
                self.vcpus[target.index()].woken.notify_one();
                self.write_results(vcpu, function, results)?;
            }
            Outcome::CleanInvalidate(results, range) => {
                self.clean_and_invalidate(vcpu, *range);
                self.write_results(vcpu, function, results)?;
            }
            Outcome::Park => return Ok(Answered::Prepare),
            Outcome::Wait(_) | Outcome::SystemSuspend(_) => {
                self.vcpus[index]
                    .suspended_by
                    .store(function.value(), Ordering::Relaxed);
                vcpu.set_mp_state(MpState::Suspended)?;
            }
            Outcome::System(event) => return Ok(Answered::Machine(*event)),
        }
        Ok(Answered::Resume)
    }

    fn endianness<V: VcpuOps>(&self, vcpu: &V) -> sys::Result<Endianness> {
        registers::endianness(vcpu, self.surroundings.execution_state)
    }

    /// Since the machine began: no reset turns it back.
    fn now(&self) -> Time {
        let nanoseconds = self.began.elapsed().as_nanos();
        Time::from_nanoseconds(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    fn clean_and_invalidate<V: VcpuOps>(&self, vcpu: &V, range: RamRange) {
        let (first, last) = (range.first(), range.last().value());
        let region = Region::new(first, last - first.value() + 1);
        let slice = region.and_then(|region| self.surroundings.memory.slice(region).ok());
        vcpu.clean_and_invalidate(&slice.expect("core lets only ranges of RAM pass"));
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
        self.power_calls.count(function);
        let function = FunctionId::new(function);
        let mut caller = Caller {
            vcpu: self.vcpus[index].id,
            // KVM forwards SMC #0 alone, and does not tell HVC immediates apart.
            conduit: match conduit {
                sys::Conduit::Hvc => Conduit::Hvc(0),
                sys::Conduit::Smc => Conduit::Smc(0),
            },
            execution_state: self.surroundings.execution_state,
            endianness: None,
        };
        let mut registers = Vec::new();
        let mut loan = Loan::default();
        loop {
            let args = Args::new(function.value().into(), &registers);
            // What core answers is long: it is looked at where it lies.
            match &self.lock_and_call(&caller, &args, &mut loan) {
                Outcome::Fetch(needs) => {
                    loan = self.fetch(*needs, &mut caller, &mut registers, vcpu)?;
                }
                outcome => return self.carry_out(index, vcpu, function, outcome),
            }
        }
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
                let entry = self.lock().woke(self.vcpus[index].id, self.now());
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
        if let Some(time) = &mut self.stolen_time {
            time.reset();
        }
    }

    fn protects_memory(&self) -> bool {
        self.lock().protects_memory()
    }

    fn forwarded_calls(&self) -> u64 {
        self.forwarded.load(Ordering::Relaxed)
    }

    fn power_calls(&self) -> Option<PowerCalls> {
        Some(self.power_calls.calls())
    }
}

/// What core is lent for one call.
#[derive(Debug, Default)]
struct Loan {
    time: Option<Time>,
    /// Room for entropy, which is drawn when the call is made.
    bits: Option<[u8; 24]>,
}

/// Fresh bits of the host's, if it has any at once. Core wipes them.
fn draw(bits: &mut [u8; 24]) -> Entropy<'_> {
    match getrandom(&mut bits[..], GetRandomFlags::NONBLOCK) {
        Ok(24) => Entropy::Bits(bits),
        Ok(_) | Err(_) => Entropy::Exhausted,
    }
}
