//! The list of calls: the same for the same machine, seed and guest.
//!
//! Core's machine is driven along, so that no call ends the run: those that would end the machine
//! are left out, CPU 0 is never turned off, and CPUs that are off make no calls. A call that starts
//! a CPU is given the guest's entry point, and its own place in the list as context id.

use vambrace_core::ConfigError;
use vambrace_core::smccc::Conduit;

use super::call::{CPUS, Call, Effect, MAX_RECORDS, Record};
use super::functions;
use super::machine::Machine;
use super::model::{Answer, Model};
use super::random::Random;

/// Makes the list.
///
/// # Errors
///
/// If the kernel's generation has no such machine.
pub fn list(machine: &Machine, seed: u64, entry: u64) -> Result<Vec<Record>, ConfigError> {
    let mut generator = Generator {
        random: Random::new(seed),
        model: Model::new(machine)?,
        entry,
        records: Vec::new(),
    };
    generator.fill();
    Ok(generator.records)
}

struct Generator {
    random: Random,
    model: Model,
    entry: u64,
    records: Vec<Record>,
}

/// A call without the CPU that makes it.
#[derive(Debug, Clone, Copy)]
struct Draft {
    conduit: Conduit,
    function: u32,
    arguments: [u64; 3],
}

impl Generator {
    fn fill(&mut self) {
        let mut drafts = self.drafts();
        self.shuffle(&mut drafts);
        let mut drafts = drafts.into_iter().peekable();
        while drafts.peek().is_some() && self.records.len() < MAX_RECORDS - BURST {
            self.change_power();
            let cpu = self.cpu_that_is_on();
            let burst = 1 + self.random.below(BURST);
            for draft in drafts.by_ref().take(burst) {
                if !self.model.is_on(cpu) {
                    break;
                }
                self.add(cpu, draft);
            }
        }
    }

    /// Everything that is to be called, in no order.
    fn drafts(&mut self) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let ids = functions::ids();
        for function in ids.iter().copied() {
            for conduit in [Conduit::Hvc(0), Conduit::Smc(0), self.conduit()] {
                drafts.push(self.draft(conduit, function));
            }
        }
        for function in functions::with_a_bit_changed() {
            let conduit = self.conduit();
            drafts.push(self.draft(conduit, function));
        }
        for function in functions::QUESTIONS {
            for asked in ids.iter().copied() {
                let draft = self.draft(Conduit::Hvc(0), function);
                drafts.push(draft.with_first(asked.into()));
                // Of an id it is the low word that counts.
                let conduit = self.conduit();
                let draft = self.draft(conduit, function);
                let more = self.random.next() & !WORD;
                drafts.push(draft.with_first(more | u64::from(asked)));
            }
        }
        for function in functions::known() {
            for first in functions::EDGES {
                let conduit = self.conduit();
                drafts.push(self.draft(conduit, function).with_first(*first));
            }
        }
        for (function, firsts, seconds) in functions::products() {
            for (first, second) in firsts
                .iter()
                .flat_map(|x1| seconds.iter().map(move |x2| (x1, x2)))
            {
                let conduit = self.conduit();
                let draft = self.draft(conduit, function).with_first(*first);
                drafts.push(draft.with_second(*second));
            }
        }
        let known: Vec<u32> = functions::known().collect();
        for _ in 0..RANDOM_CALLS {
            let (conduit, function) = (self.conduit(), self.random.one_of(&known));
            drafts.push(self.draft(conduit, function));
        }
        drafts
    }

    /// Of eight calls five by HVC #0, one by HVC with another immediate, two by SMC, of which few
    /// have an immediate.
    fn conduit(&mut self) -> Conduit {
        let immediate = 1 + self.random.one_of(&[0, 1, 2]);
        match self.random.below(16) {
            0..=9 => Conduit::Hvc(0),
            10..=11 => Conduit::Hvc(immediate),
            12..=14 => Conduit::Smc(0),
            _ => Conduit::Smc(immediate),
        }
    }

    fn draft(&mut self, conduit: Conduit, function: u32) -> Draft {
        Draft {
            conduit,
            function,
            arguments: functions::arguments(function, &mut self.random),
        }
    }

    fn shuffle(&mut self, drafts: &mut [Draft]) {
        for last in (1..drafts.len()).rev() {
            drafts.swap(last, self.random.below(last + 1));
        }
    }

    /// Now and then a CPU goes off, or comes back.
    fn change_power(&mut self) {
        let cpu = 1 + self.random.one_of(&[0, 1, 2]);
        let (caller, function) = match self.model.is_on(cpu) {
            true if self.random.once_in(12) => (cpu, CPU_OFF),
            false if self.random.once_in(4) => (self.cpu_that_is_on(), CPU_ON_64),
            _ => return,
        };
        let draft = self.draft(Conduit::Hvc(0), function);
        self.add(caller, draft.with_first(cpu.into()));
    }

    fn cpu_that_is_on(&mut self) -> u8 {
        let on: Vec<u8> = (0..CPUS).filter(|cpu| self.model.is_on(*cpu)).collect();
        self.random.one_of(&on)
    }

    /// Adds a call, unless it would end the run.
    fn add(&mut self, cpu: u8, draft: Draft) {
        let mut call = draft.by(cpu, &mut self.random);
        let mut model = self.model.clone();
        let mut answer = model.make(&call);
        if let Answer::GoesOn(Effect::Starts(_), _) = answer {
            self.direct(&mut call);
            model = self.model.clone();
            answer = model.make(&call);
        }
        match answer {
            Answer::Ends => {}
            Answer::GoesOn(Effect::Leaves, _) if cpu == 0 => {}
            Answer::GoesOn(effect, _) => {
                self.model = model;
                self.records.push(Record { call, effect });
            }
        }
    }

    /// Gives a CPU_ON the guest's entry point and a context id. What an SMC32 call must not look at
    /// stays as random as it was.
    fn direct(&self, call: &mut Call) {
        let unseen = match call.function() {
            CPU_ON_64 => 0,
            _ => !WORD,
        };
        call.given[2] = call.given[2] & unseen | self.entry;
        call.given[3] = call.given[3] & !WORD | self.records.len() as u64;
    }
}

impl Draft {
    fn with_first(mut self, x1: u64) -> Self {
        self.arguments[0] = x1;
        self
    }

    fn with_second(mut self, x2: u64) -> Self {
        self.arguments[1] = x2;
        self
    }

    /// The call, with random bits in whatever is no argument.
    fn by(self, cpu: u8, random: &mut Random) -> Call {
        let mut given = [(); 11].map(|()| random.next());
        given[1..4].copy_from_slice(&self.arguments);
        let upper_half = match random.once_in(2) {
            true => 0,
            false => given[0] & !WORD,
        };
        given[0] = upper_half | u64::from(self.function);
        Call {
            cpu,
            conduit: self.conduit,
            given,
        }
    }
}

/// The most calls in a row by one CPU: to hand over to another takes longer than a call.
const BURST: usize = 32;
/// Calls of known functions beside the systematic ones.
const RANDOM_CALLS: usize = 4_000;
const WORD: u64 = 0xffff_ffff;
const CPU_OFF: u32 = 0x8400_0002;
const CPU_ON_64: u32 = 0xc400_0003;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::differential::machine::Kernel;

    fn fullest(seed: u64) -> Vec<Record> {
        list(&Kernel::ALL[0].fullest(), seed, 0x4020_1000).unwrap()
    }

    #[test]
    fn a_seed_makes_the_same_list_again_and_another_seed_another() {
        let once = fullest(1);
        assert_eq!(once, fullest(1));
        assert_ne!(once, fullest(2));
    }

    #[test]
    fn every_kernel_gets_tens_of_thousands_of_calls() {
        for kernel in Kernel::ALL {
            for machine in [kernel.fullest(), kernel.barest()] {
                let calls = list(&machine, 7, 0x4020_1000).unwrap().len();
                assert!(
                    (12_000..40_000).contains(&calls),
                    "{}: {calls}",
                    kernel.name
                );
            }
        }
    }

    #[test]
    fn every_id_is_called_unless_it_ends_the_machine() {
        let list = fullest(3);
        let called: HashSet<u32> = list.iter().map(|record| record.call.function()).collect();
        for id in functions::ids() {
            assert!(called.contains(&id), "{id:#x}");
        }
    }

    #[test]
    fn all_cpus_call_by_both_conduits_and_with_every_immediate() {
        let list = fullest(4);
        for cpu in 0..4 {
            for immediate in 0..4 {
                for conduit in [Conduit::Hvc(immediate), Conduit::Smc(immediate)] {
                    let made = list
                        .iter()
                        .filter(|record| (record.call.cpu, record.call.conduit) == (cpu, conduit));
                    assert!(made.count() >= 20, "{cpu} {conduit:?}");
                }
            }
        }
    }

    #[test]
    fn calls_are_made_by_cpus_that_are_on_and_starts_have_the_entry_and_their_place() {
        let mut on = [true, false, false, false];
        let mut starts = 0;
        for (index, record) in fullest(5).iter().enumerate() {
            let call = record.call;
            assert!(on[usize::from(call.cpu)], "{index}");
            match record.effect {
                Effect::Returns => {}
                Effect::Leaves => {
                    assert_ne!(call.cpu, 0, "{index}");
                    on[usize::from(call.cpu)] = false;
                }
                Effect::Starts(cpu) => {
                    assert!(
                        !std::mem::replace(&mut on[usize::from(cpu)], true),
                        "{index}"
                    );
                    assert_eq!(call.given[2] & 0xffff_ffff, 0x4020_1000, "{index}");
                    assert_eq!(call.given[3] & 0xffff_ffff, index as u64, "{index}");
                    starts += 1;
                }
            }
        }
        assert!(starts >= 20, "{starts}");
    }

    #[test]
    fn no_call_ends_the_machine() {
        let ending = [0x8400_0008, 0x8400_0009];
        for record in fullest(6) {
            let is_served = matches!(record.call.conduit, Conduit::Hvc(_) | Conduit::Smc(0));
            assert!(!(is_served && ending.contains(&record.call.function())));
        }
    }
}
