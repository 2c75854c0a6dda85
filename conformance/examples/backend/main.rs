//! Two CPUs of a hypervisor that does nothing but call firmware, to run `backend.rs` with.
//!
//! Run it: `cargo run --package vambrace-conformance --example backend`

mod backend;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread;

use vambrace_core::memory::Ipa;
use vambrace_core::smccc::{Conduit, Endianness};
use vambrace_core::vcpu::{Mpidr, ResetState};
use vambrace_core::vm::Clocks;
use vambrace_core::{ConfigError, VmConfig};

use backend::{Backend, Cpu, Exit, Woken};

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
    // These guests leave by themselves.
    let backend = Backend::new(config.freeze(first, Ipa::new(0x1000), 0)?, || {});
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

    fn restart(&mut self, state: &ResetState) {
        // This CPU has no timers.
        self.reset(state);
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

    fn clocks(&self) -> Clocks {
        Clocks {
            wall_clock: 0,
            virtual_counter: 0,
            physical_counter: 0,
        }
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
