//! Every order in which CPUs can start, stop, sleep and end a machine, against a small model.
//!
//! The inputs that each step can choose from are all of them, also those that no backend makes at
//! that moment. A sequence's future depends on nothing but the state it has led to, so all
//! sequences of *any* length are covered once no state that was not met before turns up. The state
//! is all of it: that of the machine, as its derived `Debug` prints it, the model's and the
//! ledger's.

mod ledger;
mod machine;
mod model;

use std::collections::HashSet;
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hash, Hasher};

use ledger::Ledger;
use machine::Machine;
use model::{Dialect, Entry, Input, Model, NOBODY, Psci};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

#[test]
fn every_sequence_of_two_cpus_agrees_with_the_specification() {
    let explored = explore::<2>(Dialect::Specification);
    assert_eq!(
        explored,
        Explored {
            inputs: 43,
            states: 147,
            longest: 10
        }
    );
}

#[test]
fn every_sequence_of_two_cpus_agrees_with_kvm() {
    let explored = explore::<2>(Dialect::Kvm);
    assert_eq!(
        explored,
        Explored {
            inputs: 43,
            states: 226,
            longest: 10
        }
    );
}

#[test]
fn every_sequence_of_three_cpus_agrees_with_the_specification() {
    let explored = explore::<3>(Dialect::Specification);
    assert_eq!(
        explored,
        Explored {
            inputs: 73,
            states: 2202,
            longest: 15
        }
    );
}

#[test]
fn every_sequence_of_three_cpus_agrees_with_kvm() {
    let explored = explore::<3>(Dialect::Kvm);
    assert_eq!(
        explored,
        Explored {
            inputs: 73,
            states: 5290,
            longest: 15
        }
    );
}

#[test]
fn long_random_sequences_of_eight_cpus_agree_with_the_specification() {
    run_random(Dialect::Specification);
}

#[test]
fn long_random_sequences_of_eight_cpus_agree_with_kvm() {
    run_random(Dialect::Kvm);
}

/// A machine, what the model says of it, and what was seen of it.
#[derive(Clone)]
struct Trial<const N: usize> {
    machine: Machine<N>,
    model: Model,
    ledger: Ledger,
}

impl<const N: usize> Trial<N> {
    fn new(dialect: Dialect) -> Self {
        Self {
            machine: Machine::new(dialect),
            model: Model::new(dialect, N),
            ledger: Ledger::new(N),
        }
    }

    fn step(&mut self, input: Input) {
        let expected = self.model.step(input);
        let seen = self.machine.step(input);
        assert_eq!(seen, expected, "{input:?}");
        self.ledger.note(input, seen);
    }

    fn state(&self) -> State {
        let mut state = Digest([DefaultHasher::new(), DefaultHasher::new()]);
        state.0[1].write_u8(1);
        write!(
            state,
            "{:?}{:?}{:?}",
            self.machine.vm, self.model, self.ledger
        )
        .unwrap();
        State(state.0.map(|half| half.finish()))
    }
}

/// 128 bits that stand for a state.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct State([u64; 2]);

struct Digest([DefaultHasher; 2]);

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for half in &mut self.0 {
            half.write(text.as_bytes());
        }
        Ok(())
    }
}

/// What it took to cover all sequences of all lengths.
#[derive(Debug, PartialEq, Eq)]
struct Explored {
    /// How many inputs each step has to choose from.
    inputs: usize,
    /// How many states there are.
    states: usize,
    /// How many inputs it takes to the state that is farthest away.
    longest: usize,
}

fn explore<const N: usize>(dialect: Dialect) -> Explored {
    let inputs = inputs(N);
    let first = Trial::<N>::new(dialect);
    let mut met = HashSet::from([first.state()]);
    let mut frontier = vec![first];
    let mut longest = 0;
    loop {
        let mut next = Vec::new();
        for trial in &frontier {
            for &input in &inputs {
                let mut trial = trial.clone();
                trial.step(input);
                if met.insert(trial.state()) {
                    next.push(trial);
                }
            }
        }
        if next.is_empty() {
            break;
        }
        longest += 1;
        frontier = next;
    }
    Explored {
        inputs: inputs.len(),
        states: met.len(),
        longest,
    }
}

/// 64 sequences of 4 000 inputs; the shortest one that fails is printed.
fn run_random(dialect: Dialect) {
    let config = ProptestConfig {
        cases: 64,
        rng_seed: RngSeed::Fixed(0x5eed),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    };
    let sequences = prop::collection::vec(input(), 4000);
    TestRunner::new(config)
        .run(&sequences, |sequence| {
            let mut trial = Trial::<8>::new(dialect);
            for input in sequence {
                trial.step(input);
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// Mostly what a running machine does, so that a life is some hundreds of inputs long.
fn input() -> impl Strategy<Value = Input> {
    let (ends, others): (Vec<Input>, Vec<Input>) = inputs(8)
        .into_iter()
        .partition(|input| matches!(input, Input::Call(_, Psci::SystemOff | Psci::SystemReset)));
    let entries: Vec<Input> = (0..8)
        .flat_map(|cpu| [Input::Begin(cpu), Input::Woke(cpu), Input::Stopped(cpu)])
        .chain([Input::Reset])
        .collect();
    prop_oneof![
        1 => prop::sample::select(ends),
        100 => prop::sample::select(others),
        60 => prop::sample::select(entries),
    ]
}

/// Everything that can be done to a machine of so many CPUs.
fn inputs(cpus: usize) -> Vec<Input> {
    let mut inputs = vec![Input::Reset];
    for cpu in 0..cpus {
        inputs.extend([Input::Begin(cpu), Input::Woke(cpu), Input::Stopped(cpu)]);
        let mut calls = vec![
            Psci::Off,
            Psci::Standby,
            Psci::ClusterInfo,
            Psci::SystemOff,
            Psci::SystemReset,
        ];
        for entry in [Entry::InRam, Entry::Outside] {
            calls.extend([Psci::Powerdown(entry), Psci::SystemSuspend(entry)]);
            calls.extend(
                (0..cpus)
                    .chain([NOBODY])
                    .map(|target| Psci::On(target, entry)),
            );
        }
        calls.extend((0..cpus).chain([NOBODY]).map(Psci::AffinityInfo));
        inputs.extend(calls.into_iter().map(|call| Input::Call(cpu, call)));
    }
    inputs
}
