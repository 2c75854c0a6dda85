//! A backend for any hypervisor that traps and emulates: one thread a vCPU, one lock, one wake-up.
//!
//! What a hypervisor has is the trait [`Cpu`]: KVM's vCPU, Hypervisor.framework's, or the CPU itself at
//! EL2. What it owes core is all of [`Backend`]. `docs/embedding.md` has the reasons; below `main` is a
//! hypervisor that does nothing but call firmware, so that this can be run.
//!
//! Run it: `cargo run --package vambrace-conformance --example backend`

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use vambrace_core::memory::Ipa;
use vambrace_core::smccc::{Args, Caller, Conduit, Endianness, ExecutionState, Needs, Results};
use vambrace_core::time::Time;
use vambrace_core::vcpu::{Mpidr, ResetState, VcpuId};
use vambrace_core::vm::{Entropy, Stopped};
use vambrace_core::{ConfigError, Entry, Lent, Outcome, SystemEvent, Vm, VmConfig};

/// What a hypervisor can do with one vCPU.
trait Cpu {
    /// Resets it and sets PC, PSTATE, x0 and SCTLR_EL1.EE.
    fn reset(&mut self, state: &ResetState);
    /// Runs it until it calls firmware, or somebody kicks it.
    fn run(&mut self) -> Exit;
    /// x0 to x17.
    fn registers(&self) -> [u64; 18];
    /// Writes x0 and those behind it.
    fn write(&mut self, registers: &[u64]);
    /// SCTLR_EL1.EE.
    fn endianness(&self) -> Endianness;
    /// Waits until an interrupt is pending for it, or somebody kicks it; says which.
    fn wait_for_interrupt(&mut self) -> Woken;
}

/// Why a vCPU is back.
enum Exit {
    Call(Conduit),
    Kicked,
}

/// What ended a wait.
enum Woken {
    Interrupt,
    Kicked,
}

/// Core's machine and what wakes the threads of its vCPUs.
struct Backend<const N: usize> {
    vm: Mutex<Vm<N>>,
    woken: Condvar,
    kick: Box<dyn Fn(usize) + Send + Sync>,
    began: Instant,
}

impl<const N: usize> Backend<N> {
    /// The life of one vCPU's thread, until the machine ends. The last to leave hears so.
    fn live(&self, vcpu: VcpuId, cpu: &mut impl Cpu) -> (SystemEvent, Stopped) {
        let mut entry = self.vm.lock().unwrap().begin(vcpu);
        loop {
            entry = match entry {
                Entry::Start(state) => {
                    cpu.reset(&state);
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
        let mut caller = Caller {
            vcpu,
            conduit,
            execution_state: ExecutionState::Aarch64,
            endianness: None,
        };
        let mut outcome = self.vm.lock().unwrap().call(&caller, &args, Lent::NOTHING);
        if let Outcome::Fetch(needs) = outcome {
            caller.endianness = Some(cpu.endianness());
            outcome = self.call_with(needs, &caller, &args);
        }
        match outcome {
            Outcome::Fetch(_) => unreachable!("core was given all that there is"),
            Outcome::Resume(results) => resume(cpu, &results),
            Outcome::ResumeAndWake(results, _) => {
                self.woken.notify_all();
                resume(cpu, &results)
            }
            // Here a hypervisor with guest memory cleans and invalidates the range.
            Outcome::CleanInvalidate(results, _range) => resume(cpu, &results),
            Outcome::Park => Entry::Park,
            Outcome::Wait(_) | Outcome::SystemSuspend(_) => Entry::Wait,
            Outcome::System(event) => {
                // Under the lock, so that nobody is between asking and waiting.
                let _vm = self.vm.lock().unwrap();
                self.woken.notify_all();
                (0..N).for_each(&self.kick);
                Entry::Stop(event)
            }
        }
    }

    /// The same call with the clock and the entropy that it asks for.
    fn call_with(&self, needs: Needs, caller: &Caller, args: &Args<'_>) -> Outcome {
        let lent = Lent {
            time: needs.time().then(|| self.now()),
            clocks: None,
            // A source of random bits would be lent here.
            entropy: if needs.entropy() {
                Entropy::Exhausted
            } else {
                Entropy::NotLent
            },
        };
        self.vm.lock().unwrap().call(caller, args, lent)
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

fn main() -> Result<(), ConfigError> {
    for line in story()? {
        println!("{line}");
    }
    Ok(())
}

/// Two CPUs: the first starts the second, which turns the machine off.
fn story() -> Result<Vec<String>, ConfigError> {
    let mut config = VmConfig::<2>::new();
    let first = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, 0))?;
    let second = config.add_vcpu(Mpidr::from_affinity(0, 0, 0, 1))?;
    let backend = Backend {
        vm: Mutex::new(config.freeze(first, Ipa::new(0x1000), 0)?),
        woken: Condvar::new(),
        kick: Box::new(|_| {}),
        began: Instant::now(),
    };
    let told = Arc::new(Mutex::new(Vec::new()));
    thread::scope(|scope| {
        // PSCI_VERSION, a standby, CPU_ON of CPU 1; then SYSTEM_OFF.
        let of_first = [
            [0x8400_0000, 0, 0, 0],
            [0xc400_0001, 0, 0, 0],
            [0xc400_0003, 1, 0x2000, 7],
        ];
        let of_second = [[0x8400_0008, 0, 0, 0]];
        for (vcpu, calls) in [(first, &of_first[..]), (second, &of_second[..])] {
            let mut cpu = Scripted {
                name: vcpu.index(),
                x: [0; 18],
                calls: calls.iter().copied().collect(),
                told: Arc::clone(&told),
            };
            let backend = &backend;
            scope.spawn(move || backend.live(vcpu, &mut cpu));
        }
    });
    let told = told.lock().unwrap().clone();
    Ok(told)
}

/// A CPU whose guest executes a list of calls, by `HVC #0` with these values in x0 to x3.
struct Scripted {
    name: usize,
    x: [u64; 18],
    calls: VecDeque<[u64; 4]>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn tell(&self, what: &str) {
        self.told
            .lock()
            .unwrap()
            .push(format!("CPU {} {what}", self.name));
    }
}

impl Cpu for Scripted {
    fn reset(&mut self, state: &ResetState) {
        self.x = [0; 18];
        self.tell(&format!("starts at {:#x} with {}", state.pc(), state.x0()));
    }

    fn run(&mut self) -> Exit {
        let Some(call) = self.calls.pop_front() else {
            // A guest with nothing to do leaves when it is kicked; this one leaves often.
            thread::yield_now();
            return Exit::Kicked;
        };
        self.x[..4].copy_from_slice(&call);
        Exit::Call(Conduit::Hvc(0))
    }

    fn registers(&self) -> [u64; 18] {
        self.x
    }

    fn write(&mut self, registers: &[u64]) {
        self.x[..registers.len()].copy_from_slice(registers);
        self.tell(&format!("hears {:#x}", self.x[0]));
    }

    fn endianness(&self) -> Endianness {
        Endianness::Little
    }

    fn wait_for_interrupt(&mut self) -> Woken {
        match self.calls.is_empty() {
            true => Woken::Kicked,
            false => Woken::Interrupt,
        }
    }
}

#[test]
fn one_cpu_starts_the_other_which_turns_the_machine_off() {
    let story = story().unwrap();
    for line in [
        "CPU 0 starts at 0x1000 with 0",
        "CPU 0 hears 0x10001",
        "CPU 1 starts at 0x2000 with 7",
    ] {
        assert!(story.iter().any(|told| told == line), "{line}: {story:?}");
    }
}
