//! Core on this host, in the dialect of the kernel that it is held against.
//!
//! It lends nothing but ones where bits are drawn, and zeroes where clocks are read, so that the
//! shape of such an answer can be told from it. Every CPU has an interrupt pending, so that a
//! suspension ends at once.

use vambrace_core::firmware::{Dialect, Services};
use vambrace_core::memory::{Ipa, RamRange};
use vambrace_core::psci::PsciOptions;
use vambrace_core::smccc::{Args, Caller, Results};
use vambrace_core::time::Time;
use vambrace_core::vcpu::{Mpidr, VcpuId};
use vambrace_core::vm::{Clocks, Entropy};
use vambrace_core::{ConfigError, Entry, Lent, Outcome, Vm, VmConfig};

use super::call::{CPUS, Call, Effect, Registers};
use super::log;
use super::machine::{Machine, PTP, PV_TIME, SYSTEM_SUSPEND, TRNG, VENDOR_HYP};

/// A machine that has made some calls.
#[derive(Debug, Clone)]
pub struct Model {
    vm: Vm<{ CPUS as usize }>,
    cpus: Vec<VcpuId>,
    on: [bool; CPUS as usize],
}

/// What core makes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The machine goes on.
    GoesOn(Effect, log::Entry),
    /// It ends, begins anew, or its CPU begins again elsewhere.
    Ends,
}

impl Model {
    /// The machine at the first call of its boot CPU, 0.
    ///
    /// # Errors
    ///
    /// If the kernel's generation has no such machine.
    pub fn new(machine: &Machine) -> Result<Self, ConfigError> {
        let mut config = VmConfig::new()
            .with_dialect(Dialect::Kvm(machine.kernel.generation))
            .with_psci_version(machine.psci)
            .with_psci_options(options(machine))
            .with_services(services(machine));
        if machine.has(PV_TIME) {
            config = config.with_pv_time(Ipa::new(STOLEN_TIME));
        }
        let cpus = (0..CPUS)
            .map(|cpu| config.add_vcpu(Mpidr::from_affinity(0, 0, 0, cpu)))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(ram) = RamRange::new(Ipa::new(RAM), RAM_BYTES) {
            config.add_ram(ram)?;
        }
        // Nothing is executed here: the address does not matter.
        let mut vm = config.freeze(cpus[0], Ipa::new(0), 0)?;
        let mut on = [false; CPUS as usize];
        on[0] = matches!(vm.begin(cpus[0]), Entry::Start(_));
        Ok(Self { vm, cpus, on })
    }

    /// Whether a CPU can make calls.
    #[must_use]
    pub fn is_on(&self, cpu: u8) -> bool {
        self.on[usize::from(cpu)]
    }

    /// Makes a call of a CPU that is on.
    pub fn make(&mut self, call: &Call) -> Answer {
        let before = call.registers();
        let caller = Caller::little_endian_aarch64(self.cpus[usize::from(call.cpu)], call.conduit);
        let mut ones = [0xff; 24];
        let lent = Lent {
            time: Some(Time::ZERO),
            clocks: Some(Clocks {
                wall_clock: 0,
                virtual_counter: 0,
                physical_counter: 0,
            }),
            entropy: Entropy::Bits(&mut ones),
        };
        let returns = |effect, results| Answer::GoesOn(effect, returned(before, &results));
        match self
            .vm
            .call(&caller, &Args::new(before[0], &before[1..]), lent)
        {
            Outcome::Fetch(needs) => unreachable!("everything is at hand, and it needs {needs:?}"),
            Outcome::Resume(results)
            | Outcome::CleanInvalidate(results, _)
            | Outcome::Mitigate(results, _) => returns(Effect::Returns, results),
            Outcome::ResumeAndWake(results, target) => {
                let started = self.start(target);
                returns(Effect::Starts(started), results)
            }
            Outcome::Park => {
                self.on[usize::from(call.cpu)] = false;
                Answer::GoesOn(Effect::Leaves, log::Entry::Gone)
            }
            Outcome::Wait(_) => match self.vm.woke(caller.vcpu, Time::ZERO) {
                Entry::Resume(results) => returns(Effect::Returns, results),
                _ => Answer::Ends,
            },
            Outcome::SystemSuspend(_) | Outcome::System(_) => Answer::Ends,
        }
    }

    /// A CPU that was turned on begins at once.
    fn start(&mut self, target: VcpuId) -> u8 {
        let cpu = (0..CPUS).find(|cpu| self.cpus[usize::from(*cpu)] == target);
        let cpu = cpu.expect("core wakes a vCPU of its own");
        self.on[usize::from(cpu)] = matches!(self.vm.begin(target), Entry::Start(_));
        cpu
    }
}

fn options(machine: &Machine) -> PsciOptions {
    let with_their_version = PsciOptions::SYSTEM_RESET2 | PsciOptions::SYSTEM_OFF2;
    match machine.has(SYSTEM_SUSPEND) {
        true => with_their_version | PsciOptions::SYSTEM_SUSPEND,
        false => with_their_version,
    }
}

fn services(machine: &Machine) -> Services {
    let named = [
        (TRNG, Services::TRNG),
        (PV_TIME, Services::PV_TIME),
        (VENDOR_HYP, Services::VENDOR_FEATURES),
        (PTP, Services::PTP),
    ];
    let had = named.into_iter().filter(|(name, _)| machine.has(name));
    had.map(|(_, service)| service).collect()
}

fn returned(before: Registers, results: &Results) -> log::Entry {
    let mut after = before;
    for (register, value) in after.iter_mut().zip(results.registers()) {
        *register = *value;
    }
    log::Entry::Returned(after)
}

/// Where the board has RAM, and how much the guest has of it.
const RAM: u64 = 0x4000_0000;
const RAM_BYTES: u64 = 128 << 20;
/// Where the board has the first CPU's structure.
const STOLEN_TIME: u64 = 0x090a_0000;
