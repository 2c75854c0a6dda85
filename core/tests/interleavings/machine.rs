//! The crate's machine, driven by the model's inputs and seen through its words.

use vambrace_core::memory::{Ipa, RamRange};
use vambrace_core::psci::{PsciOptions, Reset, SystemEvent};
use vambrace_core::smccc::{Args, Caller, Conduit};
use vambrace_core::time::Time;
use vambrace_core::vcpu::{Mpidr, ResetState, VcpuId};
use vambrace_core::vm::Stopped;
use vambrace_core::{Lent, Outcome, Vm, VmConfig, firmware};

use super::model::{Dialect, End, Entry, Input, Psci, Seen, Start};

/// A machine of `N` CPUs in one cluster.
#[derive(Clone)]
pub(crate) struct Machine<const N: usize> {
    pub(crate) vm: Vm<N>,
    ids: [VcpuId; N],
}

impl<const N: usize> Machine<N> {
    pub(crate) fn new(dialect: Dialect) -> Self {
        let mut config = VmConfig::new()
            .with_psci_options(PsciOptions::SYSTEM_SUSPEND)
            .with_dialect(match dialect {
                Dialect::Specification => firmware::Dialect::Specification,
                Dialect::Kvm => firmware::Dialect::Kvm(firmware::KvmGeneration::V7_3),
            });
        let ram = RamRange::new(Ipa::new(0x4000_0000), 128 << 20).unwrap();
        config.add_ram(ram).unwrap();
        let ids = std::array::from_fn(|n| {
            let affinity = Mpidr::from_affinity(0, 0, 0, n.try_into().unwrap());
            config.add_vcpu(affinity).unwrap()
        });
        let vm = config.freeze(ids[0], Ipa::new(BOOT_ENTRY), BOOT_CONTEXT);
        let vm = vm.unwrap();
        Self { vm, ids }
    }

    pub(crate) fn step(&mut self, input: Input) -> Seen {
        match input {
            Input::Call(cpu, psci) => self.call(cpu, psci),
            Input::Begin(cpu) => entered(self.vm.begin(self.ids[cpu])),
            Input::Woke(cpu) => entered(self.vm.woke(self.ids[cpu], Time::ZERO)),
            Input::Stopped(cpu) => match self.vm.stopped(self.ids[cpu]) {
                Stopped::OthersRun => Seen::OthersRun,
                Stopped::All => Seen::NobodyRuns,
            },
            Input::Reset => match self.vm.reset() {
                Ok(()) => Seen::IsReset,
                Err(_) => Seen::TooEarly,
            },
        }
    }

    /// A call with nothing at hand at first, as a backend makes it that pays for each register.
    fn call(&mut self, cpu: usize, psci: Psci) -> Seen {
        let (x0, from_x1) = registers(cpu, psci);
        let mut caller = Caller::little_endian_aarch64(self.ids[cpu], Conduit::Hvc(0));
        let known = caller.endianness.take();
        let mut fetched = 0;
        for _ in 0..3 {
            let args = Args::new(x0, &from_x1[..fetched]);
            match self.vm.call(&caller, &args, Lent::NOTHING) {
                Outcome::Fetch(needs) => {
                    assert!(needs.arguments() >= fetched);
                    fetched = needs.arguments();
                    if needs.endianness() {
                        caller.endianness = known;
                    }
                }
                outcome => return came_to(outcome),
            }
        }
        panic!("{psci:?} asks and asks");
    }
}

fn registers(cpu: usize, psci: Psci) -> (u64, [u64; 3]) {
    let cpu = cpu as u64;
    let context = CONTEXT + cpu;
    let at = |entry| match entry {
        Entry::InRam => ENTRY + cpu,
        Entry::Outside => OUTSIDE,
    };
    match psci {
        Psci::On(target, entry) => (0xc400_0003, [target as u64, at(entry), context]),
        Psci::Off => (0x8400_0002, [0; 3]),
        Psci::Standby => (0xc400_0001, [0; 3]),
        Psci::Powerdown(entry) => (0xc400_0001, [0x1_0000, at(entry), context]),
        Psci::AffinityInfo(target) => (0xc400_0004, [target as u64, 0, 0]),
        Psci::ClusterInfo => (0xc400_0004, [0, 1, 0]),
        Psci::SystemSuspend(entry) => (0xc400_000e, [at(entry), context, 0]),
        Psci::SystemOff => (0x8400_0008, [0; 3]),
        Psci::SystemReset => (0x8400_0009, [0; 3]),
    }
}

fn came_to(outcome: Outcome) -> Seen {
    match outcome {
        Outcome::Resume(results) => Seen::Returns(results.x0().cast_signed()),
        Outcome::ResumeAndWake(results, woken) => {
            assert_eq!(results.x0(), 0);
            Seen::ReturnsAndWakes(woken.index())
        }
        Outcome::Park => Seen::Parks,
        Outcome::Wait(_) => Seen::Sleeps,
        Outcome::SystemSuspend(_) => Seen::SystemSleeps,
        Outcome::System(event) => Seen::Ends(end(event)),
        Outcome::Fetch(_) | Outcome::CleanInvalidate(..) | Outcome::Mitigate(..) => {
            panic!("{outcome:?}")
        }
    }
}

fn entered(entry: vambrace_core::Entry) -> Seen {
    match entry {
        vambrace_core::Entry::Start(state) => Seen::Starts(start(state)),
        vambrace_core::Entry::Restart(state) => Seen::Restarts(start(state)),
        vambrace_core::Entry::Continue => Seen::GoesOn,
        vambrace_core::Entry::Resume(results) => Seen::Resumes(results.x0().cast_signed()),
        vambrace_core::Entry::Wait => Seen::Sleeps,
        vambrace_core::Entry::Park => Seen::Parks,
        vambrace_core::Entry::Stop(event) => Seen::MustStop(end(event)),
    }
}

/// Entry point and context tell who passed them, and are of one caller.
fn start(state: ResetState) -> Start {
    if (state.pc(), state.x0()) == (BOOT_ENTRY, BOOT_CONTEXT) {
        return Start::Boot;
    }
    let cpu = usize::try_from(state.x0() - CONTEXT).unwrap();
    if state.pc() == OUTSIDE {
        return Start::By(cpu, Entry::Outside);
    }
    assert_eq!(state.pc() - ENTRY, state.x0() - CONTEXT);
    Start::By(cpu, Entry::InRam)
}

fn end(event: SystemEvent) -> End {
    match event {
        SystemEvent::Off => End::Off,
        SystemEvent::Reset(Reset::Cold) => End::Reset,
        _ => panic!("{event:?}"),
    }
}

const BOOT_ENTRY: u64 = 0x4020_0000;
const BOOT_CONTEXT: u64 = 0x4000_0000;
const ENTRY: u64 = 0x4000_1000;
const OUTSIDE: u64 = 0x3fff_ffff;
const CONTEXT: u64 = 0x1_0000_0000;
