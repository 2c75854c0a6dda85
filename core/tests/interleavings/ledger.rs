//! What must never happen, told from what is seen alone.

use super::model::{Input, Psci, Seen, Start};

/// A record of starts and ends, which knows neither the machine's state nor the model's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// The start that each CPU was promised and has not had.
    owed: Vec<Option<Start>>,
    /// Where each CPU that went to sleep may begin again, if it lost its context.
    asleep: Vec<Option<Start>>,
    /// Since the machine ended: who has stopped.
    stopped: Option<Vec<bool>>,
}

impl Ledger {
    pub(crate) fn new(cpus: usize) -> Self {
        let mut owed = vec![None; cpus];
        owed[0] = Some(Start::Boot);
        Self {
            owed,
            asleep: vec![None; cpus],
            stopped: None,
        }
    }

    pub(crate) fn note(&mut self, input: Input, seen: Seen) {
        match (input, seen) {
            (Input::Call(cpu, Psci::On(target, entry)), Seen::ReturnsAndWakes(woken)) => {
                assert_eq!(target, woken, "another CPU is woken than the one turned on");
                assert_eq!(self.owed[target], None, "two calls of CPU_ON won");
                self.owed[target] = Some(Start::By(cpu, entry));
            }
            (
                Input::Call(cpu, Psci::Powerdown(entry) | Psci::SystemSuspend(entry)),
                Seen::Sleeps | Seen::SystemSleeps,
            ) => self.asleep[cpu] = Some(Start::By(cpu, entry)),
            (Input::Call(..), Seen::Ends(_)) => {
                self.stopped = Some(vec![false; self.owed.len()]);
            }
            (Input::Stopped(cpu), _) => {
                if let Some(stopped) = &mut self.stopped {
                    stopped[cpu] = true;
                }
            }
            (Input::Reset, Seen::IsReset) => {
                let stopped = self.stopped.take().expect("nothing ended");
                assert!(stopped.iter().all(|cpu| *cpu), "reset while a CPU runs");
                *self = Self::new(self.owed.len());
            }
            (Input::Begin(cpu) | Input::Woke(cpu), _) => self.note_entry(cpu, seen),
            (Input::Call(..) | Input::Reset, _) => {}
        }
        let runs = matches!(
            seen,
            Seen::Starts(_)
                | Seen::Restarts(_)
                | Seen::GoesOn
                | Seen::Resumes(_)
                | Seen::Returns(_)
                | Seen::ReturnsAndWakes(_)
        );
        assert!(!runs || self.stopped.is_none(), "a CPU runs after the end");
    }

    fn note_entry(&mut self, cpu: usize, seen: Seen) {
        match seen {
            Seen::Starts(start) => assert_eq!(
                self.owed[cpu].take(),
                Some(start),
                "not the start of the call that won, or a second time"
            ),
            // Nobody can turn itself on: it resumes from a powerdown, once.
            Seen::Restarts(start) => assert_eq!(
                self.asleep[cpu].take(),
                Some(start),
                "a start that nobody asked for, or a second time"
            ),
            Seen::Resumes(_) => self.asleep[cpu] = None,
            Seen::MustStop(_) => {}
            _ => assert_eq!(self.owed[cpu], None, "a start is lost"),
        }
    }
}
