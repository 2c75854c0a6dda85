//! Power states as DEN0022 describes them, in as few words as possible.
//!
//! Nothing here is taken from the crate: §5.1.2–§5.1.5 and §5.1.9–§5.1.11 say what each call
//! comes to, §6.6 in which states.

/// One input to a machine. CPUs are numbered; [`NOBODY`] is a CPU that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    /// A CPU calls PSCI.
    Call(usize, Psci),
    /// Its backend asks whether it may run.
    Begin(usize),
    /// An interrupt reaches it.
    Woke(usize),
    /// It has left the guest for good.
    Stopped(usize),
    /// All have; the machine boots again.
    Reset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Psci {
    On(usize, Entry),
    Off,
    Standby,
    Powerdown(Entry),
    /// AFFINITY_INFO at level 0 and 1. All CPUs share a cluster.
    AffinityInfo(usize),
    ClusterInfo,
    SystemSuspend(Entry),
    SystemOff,
    SystemReset,
}

/// An entry point: in RAM, each CPU's another, or outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Entry {
    InRam,
    Outside,
}

/// Where a CPU begins: as the machine boots, or at the entry that this CPU passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Start {
    Boot,
    By(usize, Entry),
}

/// What comes of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The call returns; CPU_ON names whom to wake.
    Returns(i64),
    ReturnsAndWakes(usize),
    /// The CPU stays outside, waits for an interrupt, or waits while nobody else is on.
    Parks,
    Sleeps,
    SystemSleeps,
    /// The machine ends.
    Ends(End),
    /// The CPU may run: from its start, where it was, or after its call.
    Starts(Start),
    Restarts(Start),
    GoesOn,
    Resumes(i64),
    /// It must never run again.
    MustStop(End),
    /// Others, or nobody, may still run.
    OthersRun,
    NobodyRuns,
    /// The reset is done, or comes too early.
    IsReset,
    TooEarly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Off,
    Reset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cpu {
    Off,
    Pending(Start),
    On,
    Standby,
    Powerdown(Start),
}

/// Whose answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Specification,
    /// KVM shows a pending CPU as on, takes every suspend for standby and every entry as it is.
    Kvm,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model {
    dialect: Dialect,
    cpus: Vec<Cpu>,
    end: Option<(End, Vec<bool>)>,
}

pub(crate) const NOBODY: usize = 200;

const SUCCESS: i64 = 0;
const INVALID_PARAMETERS: i64 = -2;
const DENIED: i64 = -3;
const ALREADY_ON: i64 = -4;
const ON_PENDING: i64 = -5;
const INVALID_ADDRESS: i64 = -9;

impl Model {
    pub(crate) fn new(dialect: Dialect, cpus: usize) -> Self {
        let mut cpus = vec![Cpu::Off; cpus];
        cpus[0] = Cpu::Pending(Start::Boot);
        let end = None;
        Self { dialect, cpus, end }
    }

    pub(crate) fn step(&mut self, input: Input) -> Seen {
        match (input, &mut self.end) {
            // A call is only heard of a CPU that runs.
            (Input::Call(..), Some(_)) => Seen::Parks,
            (Input::Call(cpu, _), None) if self.cpus[cpu] != Cpu::On => Seen::Parks,
            (Input::Call(cpu, psci), None) => self.call(cpu, psci),
            (Input::Begin(_) | Input::Woke(_), Some((end, _))) => Seen::MustStop(*end),
            (Input::Begin(cpu), None) => self.begin(cpu),
            (Input::Woke(cpu), None) => self.woke(cpu),
            (Input::Stopped(_), None) => Seen::OthersRun,
            (Input::Stopped(cpu), Some((_, stopped))) => {
                stopped[cpu] = true;
                if stopped.iter().all(|stopped| *stopped) {
                    Seen::NobodyRuns
                } else {
                    Seen::OthersRun
                }
            }
            (Input::Reset, Some((_, stopped))) if stopped.iter().all(|stopped| *stopped) => {
                *self = Self::new(self.dialect, self.cpus.len());
                Seen::IsReset
            }
            (Input::Reset, _) => Seen::TooEarly,
        }
    }

    fn begin(&mut self, cpu: usize) -> Seen {
        match self.cpus[cpu] {
            Cpu::Off => Seen::Parks,
            Cpu::Standby | Cpu::Powerdown(_) => Seen::Sleeps,
            Cpu::On => Seen::GoesOn,
            Cpu::Pending(start) => {
                self.cpus[cpu] = Cpu::On;
                Seen::Starts(start)
            }
        }
    }

    fn woke(&mut self, cpu: usize) -> Seen {
        let seen = match self.cpus[cpu] {
            Cpu::Standby => Seen::Resumes(SUCCESS),
            Cpu::Powerdown(start) => Seen::Restarts(start),
            Cpu::Off | Cpu::Pending(_) | Cpu::On => return self.begin(cpu),
        };
        self.cpus[cpu] = Cpu::On;
        seen
    }

    fn call(&mut self, cpu: usize, psci: Psci) -> Seen {
        let kvm = self.dialect == Dialect::Kvm;
        let refused = |entry| entry == Entry::Outside && !kvm;
        match psci {
            Psci::On(target, entry) => match self.cpus.get(target) {
                None => Seen::Returns(INVALID_PARAMETERS),
                Some(Cpu::Pending(_)) if !kvm => Seen::Returns(ON_PENDING),
                Some(Cpu::Off) if refused(entry) => Seen::Returns(INVALID_ADDRESS),
                Some(Cpu::Off) => {
                    self.cpus[target] = Cpu::Pending(Start::By(cpu, entry));
                    Seen::ReturnsAndWakes(target)
                }
                Some(_) => Seen::Returns(ALREADY_ON),
            },
            Psci::Off => {
                self.cpus[cpu] = Cpu::Off;
                Seen::Parks
            }
            Psci::Powerdown(entry) if refused(entry) => Seen::Returns(INVALID_ADDRESS),
            Psci::Powerdown(entry) if !kvm => {
                self.cpus[cpu] = Cpu::Powerdown(Start::By(cpu, entry));
                Seen::Sleeps
            }
            Psci::Powerdown(_) | Psci::Standby => {
                self.cpus[cpu] = Cpu::Standby;
                Seen::Sleeps
            }
            Psci::AffinityInfo(target) => match self.cpus.get(target) {
                None => Seen::Returns(INVALID_PARAMETERS),
                Some(state) => Seen::Returns(self.info(*state)),
            },
            // The caller is in it, and on.
            Psci::ClusterInfo => Seen::Returns(0),
            Psci::SystemSuspend(entry) => {
                let mut others = self.cpus.iter().enumerate().filter(|(n, _)| *n != cpu);
                if others.any(|(_, state)| *state != Cpu::Off) {
                    Seen::Returns(DENIED)
                } else if refused(entry) {
                    Seen::Returns(INVALID_ADDRESS)
                } else {
                    self.cpus[cpu] = Cpu::Powerdown(Start::By(cpu, entry));
                    Seen::SystemSleeps
                }
            }
            Psci::SystemOff => self.ends(End::Off),
            Psci::SystemReset => self.ends(End::Reset),
        }
    }

    /// 0 ON, 1 OFF, 2 ON_PENDING.
    fn info(&self, state: Cpu) -> i64 {
        match state {
            Cpu::Off => 1,
            Cpu::Pending(_) if self.dialect == Dialect::Specification => 2,
            Cpu::Pending(_) | Cpu::On | Cpu::Standby | Cpu::Powerdown(_) => 0,
        }
    }

    fn ends(&mut self, end: End) -> Seen {
        self.end = Some((end, vec![false; self.cpus.len()]));
        Seen::Ends(end)
    }
}
