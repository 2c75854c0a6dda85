//! One run's log against core on this host.

use std::collections::BTreeMap;
use std::fmt;

use vambrace_core::ConfigError;
use vambrace_core::smccc::Conduit;

use super::call::{Call, Effect, Record};
use super::log::Entry;
use super::machine::Machine;
use super::model::{Answer, Model};
use super::shape::{HostShape, Judgement, Rule, Shape};

/// What a comparison found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Calls of which both sides are known.
    pub compared: usize,
    /// Answers that differ by nature, by the row that says so.
    pub explained: BTreeMap<Rule, usize>,
    /// All others, in order.
    pub unexplained: Vec<Difference>,
}

/// A call that two firmwares answer otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its place in the list.
    pub index: usize,
    /// The call.
    pub record: Record,
    /// What core on this host makes of it.
    pub expected: Entry,
    /// What the log says.
    pub found: Entry,
}

/// Holds `log` against what core on this host answers to the same calls.
///
/// # Errors
///
/// If the kernel's generation has no such machine.
pub fn compare(
    machine: &Machine,
    records: &[Record],
    log: &[Entry],
    host: &mut HostShape,
) -> Result<Comparison, ConfigError> {
    let mut model = Model::new(machine)?;
    let mut shape = Shape::of_a_run_on(host);
    let mut comparison = Comparison::default();
    for (index, (record, found)) in records.iter().zip(log).enumerate() {
        let expected = match model.make(&record.call) {
            Answer::GoesOn(_, entry) => entry,
            Answer::Ends => unreachable!("the generator left record {index} out"),
        };
        comparison.add(
            Difference {
                index,
                record: *record,
                expected,
                found: *found,
            },
            &mut shape,
        );
    }
    Ok(comparison)
}

impl Comparison {
    /// Adds an answer, which may be no difference at all.
    fn add(&mut self, answer: Difference, shape: &mut Shape<'_>) {
        if answer.found != Entry::Missing {
            self.compared += 1;
        }
        let judgement = match (answer.expected, answer.found) {
            (Entry::Returned(expected), Entry::Returned(found)) => {
                shape.judge(&answer.record.call, &expected, &found)
            }
            (expected, found) if expected == found => Judgement::Equal,
            _ => Judgement::Unexplained,
        };
        match judgement {
            Judgement::Equal => {}
            Judgement::Explained(rule) => *self.explained.entry(rule).or_default() += 1,
            Judgement::Unexplained => self.unexplained.push(answer),
        }
    }
}

impl fmt::Display for Comparison {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls compared", self.compared)?;
        let explained: usize = self.explained.values().sum();
        write!(f, ", explained: {explained}")?;
        let mut separator = " (";
        for (rule, count) in &self.explained {
            write!(f, "{separator}{} {count}", rule.key())?;
            separator = ", ";
        }
        let end = if explained > 0 { ")" } else { "" };
        write!(f, "{end}, unexplained: {}", self.unexplained.len())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            index,
            record,
            expected,
            found,
        } = self;
        write!(f, "record {index}: {}", of_call(&record.call))?;
        match record.effect {
            Effect::Returns => {}
            Effect::Leaves => write!(f, ", which turns it off")?,
            Effect::Starts(cpu) => write!(f, ", which starts CPU {cpu}")?,
        }
        let before = record.call.registers();
        let answer = |entry: &Entry| match entry {
            Entry::Missing => "not made".into(),
            Entry::Gone => "does not return".into(),
            Entry::Returned(after) => {
                let changed = after.iter().zip(before).enumerate();
                let changed =
                    changed.filter(|(index, (after, before))| *index < 4 || *after != before);
                let registers = changed.map(|(index, (after, _))| format!("x{index}={after:#x}"));
                registers.collect::<Vec<_>>().join(" ")
            }
        };
        write!(f, "\n  core on this host: {}", answer(expected))?;
        write!(f, "\n  the run:           {}", answer(found))
    }
}

fn of_call(call: &Call) -> String {
    let (conduit, immediate) = match call.conduit {
        Conduit::Hvc(immediate) => ("HVC", immediate),
        Conduit::Smc(immediate) => ("SMC", immediate),
    };
    let [x0, x1, x2, x3, ..] = call.given;
    format!(
        "CPU {}: {conduit} #{immediate} x0={x0:#x} x1={x1:#x} x2={x2:#x} x3={x3:#x}",
        call.cpu
    )
}

#[cfg(test)]
mod tests;
