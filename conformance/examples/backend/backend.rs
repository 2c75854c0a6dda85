//! A backend for any hypervisor that traps and emulates: one thread a vCPU, one lock, one wake-up.
//!
//! What a hypervisor has is the trait [`Cpu`]: KVM's vCPU, Hypervisor.framework's, or the CPU itself at
//! EL2. What it owes core is all of [`Backend`]. `docs/embedding.md` has the reasons.

use std::sync::{Condvar, Mutex};
use std::time::Instant;

use vambrace_core::smccc::{Args, Caller, Conduit, Endianness, ExecutionState, Needs, Results};
use vambrace_core::time::Time;
use vambrace_core::vcpu::{ResetState, VcpuId};
use vambrace_core::vm::{Clocks, Entropy, Stopped};
use vambrace_core::{Entry, Lent, Outcome, SystemEvent, Vm};

/// What a hypervisor can do with one vCPU.
pub(crate) trait Cpu {
    /// Resets it and sets PC, PSTATE, x0 and SCTLR_EL1.EE.
    fn reset(&mut self, state: &ResetState);
    /// The same, but its timers and interrupts stay: it wakes from a powerdown state.
    fn restart(&mut self, state: &ResetState);
    /// Runs it until it calls firmware, or somebody kicks it.
    fn run(&mut self) -> Exit;
    /// x0 to x17.
    fn registers(&self) -> [u64; 18];
    /// Writes x0 and those behind it.
    fn write(&mut self, registers: &[u64]);
    /// SCTLR_EL1.EE.
    fn endianness(&self) -> Endianness;
    /// The wall clock and the guest's counters, of one moment.
    fn clocks(&self) -> Clocks;
    /// Waits until an interrupt is pending for it, or somebody kicks it; says which.
    fn wait_for_interrupt(&mut self) -> Woken;
}

/// Why a vCPU is back.
pub(crate) enum Exit {
    Call(Conduit),
    Kicked,
}

/// What ended a wait.
pub(crate) enum Woken {
    Interrupt,
    Kicked,
}

/// Core's machine and what wakes the threads of its vCPUs.
pub(crate) struct Backend<const N: usize> {
    vm: Mutex<Vm<N>>,
    woken: Condvar,
    /// Ends every run of a guest.
    kick_all_cpus: Box<dyn Fn() + Send + Sync>,
    began: Instant,
}

impl<const N: usize> Backend<N> {
    /// Carries `vm`.
    pub(crate) fn new(vm: Vm<N>, kick_all_cpus: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            vm: Mutex::new(vm),
            woken: Condvar::new(),
            kick_all_cpus: Box::new(kick_all_cpus),
            began: Instant::now(),
        }
    }

    /// The life of one vCPU's thread, until the machine ends. The last to leave hears so.
    pub(crate) fn live(&self, vcpu: VcpuId, cpu: &mut impl Cpu) -> (SystemEvent, Stopped) {
        let mut entry = self.vm.lock().unwrap().begin(vcpu);
        loop {
            entry = match entry {
                Entry::Start(state) => {
                    cpu.reset(&state);
                    self.run(vcpu, cpu)
                }
                Entry::Restart(state) => {
                    cpu.restart(&state);
                    self.run(vcpu, cpu)
                }
                Entry::Continue => self.run(vcpu, cpu),
                Entry::Resume(results) => {
                    cpu.write(results.registers());
                    self.run(vcpu, cpu)
                }
                Entry::Wait => match cpu.wait_for_interrupt() {
                    Woken::Interrupt => self.vm.lock().unwrap().woke(vcpu, self.now()),
                    Woken::Kicked => self.vm.lock().unwrap().begin(vcpu),
                },
                Entry::Park => self.park(vcpu),
                Entry::Stop(event) => return (event, self.vm.lock().unwrap().stopped(vcpu)),
            };
        }
    }

    /// Waits outside the guest. Asking and falling asleep are one step under the lock, so that no
    /// wake-up falls between them.
    fn park(&self, vcpu: VcpuId) -> Entry {
        let mut vm = self.vm.lock().unwrap();
        loop {
            match vm.begin(vcpu) {
                Entry::Park => vm = self.woken.wait(vm).unwrap(),
                entry => return entry,
            }
        }
    }

    /// Runs the guest until it does not go on by itself.
    fn run(&self, vcpu: VcpuId, cpu: &mut impl Cpu) -> Entry {
        loop {
            let next = match cpu.run() {
                Exit::Call(conduit) => self.call(vcpu, conduit, cpu),
                Exit::Kicked => self.vm.lock().unwrap().begin(vcpu),
            };
            if next != Entry::Continue {
                return next;
            }
        }
    }

    /// One firmware call: hand over what is at hand, fetch what is asked for, carry out the answer.
    fn call(&self, vcpu: VcpuId, conduit: Conduit, cpu: &mut impl Cpu) -> Entry {
        let registers = cpu.registers();
        let args = Args::new(registers[0], &registers[1..]);
        let caller = Caller {
            vcpu,
            conduit,
            execution_state: ExecutionState::Aarch64,
            endianness: Some(cpu.endianness()),
        };
        let mut needs = Needs::NOTHING;
        loop {
            return match self.ask(needs, &caller, &args, cpu) {
                // Asked again with all that it names, core asks for nothing twice.
                Outcome::Fetch(more) => {
                    needs = more;
                    continue;
                }
                Outcome::Resume(results) => resume(cpu, &results),
                Outcome::ResumeAndWake(results, _) => {
                    self.woken.notify_all();
                    resume(cpu, &results)
                }
                // Here a hypervisor with guest memory cleans and invalidates the range, and one whose
                // exits do not mitigate what its CPUs suffer from does.
                Outcome::CleanInvalidate(results, _) | Outcome::Mitigate(results, _) => {
                    resume(cpu, &results)
                }
                Outcome::Park => Entry::Park,
                Outcome::Wait(_) | Outcome::SystemSuspend(_) => Entry::Wait,
                Outcome::System(event) => {
                    self.kick_all();
                    Entry::Stop(event)
                }
            };
        }
    }

    /// The call with the time, the clocks and the entropy that it asks for.
    fn ask(&self, needs: Needs, caller: &Caller, args: &Args<'_>, cpu: &impl Cpu) -> Outcome {
        let lent = Lent {
            time: needs.time().then(|| self.now()),
            clocks: needs.clocks().then(|| cpu.clocks()),
            // A source of random bits would be lent here.
            entropy: if needs.entropy() {
                Entropy::Exhausted
            } else {
                Entropy::NotLent
            },
        };
        self.vm.lock().unwrap().call(caller, args, lent)
    }

    /// The machine ends or begins anew: whoever waits or runs has to ask.
    fn kick_all(&self) {
        // Under the lock, so that nobody is between asking and waiting.
        let _vm = self.vm.lock().unwrap();
        self.woken.notify_all();
        (self.kick_all_cpus)();
    }

    /// Since the machine began, and never backwards.
    fn now(&self) -> Time {
        let nanoseconds = self.began.elapsed().as_nanos();
        Time::from_nanoseconds(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

fn resume(cpu: &mut impl Cpu, results: &Results) -> Entry {
    cpu.write(results.registers());
    Entry::Continue
}
