//! The boot CPU hands out runs of calls, the others make them.
//!
//! A CPU learns its run from one word and a ring of its doorbell. The bell rings while the calls are
//! made, is answered after the last of them, and only then is that one said to be done: so the next
//! ring is never lost.

use core::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use vambrace_guest_tests::{
    cpus::{self, Cpu, wait_until},
    doorbell,
    firmware::{AFFINITY_INFO_64, Call},
};

use crate::{
    failure::Failure,
    list::{List, MAX_CPUS, Run},
    record::Expected,
};

/// What the boot CPU knows.
#[derive(Debug)]
pub(crate) struct Boot<'a> {
    list: &'a List,
    /// How often each CPU has been started by the list.
    starts: [u64; MAX_CPUS],
}

impl<'a> Boot<'a> {
    pub(crate) fn new(list: &'a List) -> Self {
        list.clear_log();
        Self {
            list,
            starts: [0; MAX_CPUS],
        }
    }

    /// Makes a run of calls, or has it made, and waits for what it does to power.
    ///
    /// # Errors
    ///
    /// If a call does not do what its record expects, or not in time.
    pub(crate) fn make(&mut self, run: Run) -> Result<(), Failure> {
        let last = run.records.end - 1;
        if run.cpu == 0 {
            make_calls(self.list, run.records, || ());
        } else {
            give(&run);
            for index in run.records {
                self.wait(index, "its call has not come back", || {
                    self.list.is_done(index)
                })?;
            }
        }
        self.check()?;
        match run.last.expected {
            Expected::Returns => Ok(()),
            Expected::Leaves => self.wait(last, "its CPU has not gone off", || is_off(run.cpu)),
            Expected::Starts(started) => self.welcome(started, last),
        }
    }

    /// Checks that no CPU was started but by the list.
    ///
    /// # Errors
    ///
    /// Names the CPU.
    pub(crate) fn count_starts(&self) -> Result<(), Failure> {
        for (cpu, expected) in (1..).zip(self.starts.into_iter().skip(1)) {
            let found = cpus::cpu(cpu).starts();
            if found != expected {
                return Err(Failure::Starts {
                    cpu,
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }

    /// Waits for a CPU that record `index` has started.
    fn welcome(&mut self, started: u64, index: usize) -> Result<(), Failure> {
        let cpu = cpus::cpu(started);
        let starts = self.starts[started as usize] + 1; // a checked list has MAX_CPUS at most
        self.starts[started as usize] = starts;
        self.wait(index, "the CPU has not started at its entry", || {
            cpu.words[READY].load(Ordering::Acquire) == starts
        })?;
        if self.list.record(index).passes(cpu.entry_state().x[0]) {
            return Ok(());
        }
        Err(Failure::Record {
            index,
            reason: "the CPU has started with another context in x0",
        })
    }

    fn wait(
        &self,
        index: usize,
        reason: &'static str,
        condition: impl Fn() -> bool,
    ) -> Result<(), Failure> {
        let reached = wait_until(reason, || {
            condition() || BROKEN.load(Ordering::Acquire) != 0
        });
        self.check()?;
        reached.map_err(|_| Failure::Record { index, reason })
    }

    /// Whether every call so far has done what its record expects.
    fn check(&self) -> Result<(), Failure> {
        let Some(index) = BROKEN.load(Ordering::Acquire).checked_sub(1) else {
            return Ok(());
        };
        let index = index as usize; // it was one
        Err(Failure::Record {
            index,
            reason: match self.list.record(index).expected {
                Expected::Returns => "it has started a CPU, which it does not expect",
                Expected::Leaves => "it has returned, which it does not expect",
                Expected::Starts(_) => "it has not started a CPU, as it expects",
            },
        })
    }
}

/// What the other CPUs do.
pub(crate) fn serve(cpu: &'static Cpu) {
    let list = match List::find() {
        Ok(list) => list,
        Err(failure) => panic!("{failure}"),
    };
    if let Err(failure) = doorbell::install() {
        panic!("{failure}");
    }
    doorbell::answer(); // it may have gone off with its bell ringing
    let order = &cpu.words[ORDER];
    let mut last = order.load(Ordering::Relaxed);
    cpu.words[READY].store(cpu.starts(), Ordering::Release);
    cpus::wake_all();
    loop {
        doorbell::sleep();
        let order = order.load(Ordering::Acquire);
        if order == last {
            continue; // WFI may end for no reason
        }
        last = order;
        if let Err(failure) = doorbell::wait_until_ringing() {
            panic!("{failure}");
        }
        make_calls(&list, records_of(order), doorbell::answer);
        cpus::wake_all();
    }
}

/// Hands a run to its CPU.
fn give(run: &Run) {
    let order = (run.records.start as u64) << 32 | run.records.end as u64;
    cpus::cpu(run.cpu).words[ORDER].store(order, Ordering::Release);
    doorbell::ring(run.cpu);
}

fn records_of(order: u64) -> Range<usize> {
    (order >> 32) as usize..(order & 0xFFFF_FFFF) as usize
}

/// Makes calls on this CPU, up to the first that does not do what its record expects. `finally` comes
/// after the last call, before it is said to be done.
fn make_calls(list: &List, records: Range<usize>, finally: fn()) {
    let cpu = u64::from(cpus::index());
    let last = records.end - 1;
    for index in records {
        let record = list.record(index);
        if record.expected == Expected::Leaves {
            list.set_gone(index, cpu);
        }
        let mut registers = record.registers();
        record.conduit.call(&mut registers);

        list.log(index, &registers);
        let started = record.has_started_a_cpu(&registers);
        let is_broken = match record.expected {
            Expected::Returns => started,
            Expected::Starts(_) => !started,
            Expected::Leaves => true,
        };
        if is_broken {
            BROKEN.store(index as u64 + 1, Ordering::Release);
        }
        if is_broken || index == last {
            finally();
        }
        list.set_done(index, cpu);
        if is_broken {
            return;
        }
    }
}

/// Whether AFFINITY_INFO says that a CPU is off: 1 (DEN0022 §5.1.5).
fn is_off(cpu: u64) -> bool {
    let question = Call::hvc(AFFINITY_INFO_64, &[cpus::mpidr(cpu), 0]);
    question.make_silently().code() == 1
}

/// Words of a CPU: the records it is to make, first one above, end below; and the start after which
/// it is ready.
const ORDER: usize = 0;
const READY: usize = 1;

/// The first record whose call did otherwise than expected, plus one.
static BROKEN: AtomicU64 = AtomicU64::new(0);
