//! What `vambrace test` finds, as records: one JSON object a line with `--json`.
//!
//! The program in a lab host writes these lines and the program outside reads them, so a table
//! and `--json` say the same, wherever the tests ran.

use serde::{Deserialize, Serialize};
use vambrace_core::firmware::{Level, Workaround, Workarounds};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(crate) enum Record {
    /// Where the tests run; the first record.
    Host(Host),
    /// One test under one firmware.
    Test(Test),
    /// One test's transcripts under two firmwares, held against each other.
    Comparison(Comparison),
    /// All of them; the last record.
    Summary(Summary),
}

/// The machine with KVM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Host {
    /// `local`, or the lab host's name.
    pub(crate) name: String,
    /// Its kernel's release.
    pub(crate) kernel: String,
    /// The newest PSCI version that its KVM and core have.
    pub(crate) psci: String,
    /// What its KVM has beyond the least, by the names of `--with`.
    pub(crate) features: Vec<String>,
    /// Whether its CPUs, as KVM gives them to guests, execute AArch32 at EL1.
    pub(crate) aarch32: bool,
    /// What its guests are promised of SMCCC_ARCH_WORKAROUND_1 to 3.
    pub(crate) workarounds: [Promised; 3],
}

/// What is promised of a workaround.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Promised {
    /// The CPU may be vulnerable and firmware does not help.
    NotAvailable,
    /// The call mitigates.
    Available,
    /// No call is needed.
    NotRequired,
}

/// One test under one firmware.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Test {
    /// The image's file name.
    pub(crate) name: String,
    /// What it claims, if its header says.
    pub(crate) claim: Option<String>,
    /// Who answered.
    pub(crate) firmware: Firmware,
    /// How it came out.
    pub(crate) verdict: Verdict,
    /// Why it failed, was skipped or could not be run.
    pub(crate) reason: Option<String>,
    /// If it was skipped, what of its header or its code does not fit this host and firmware.
    pub(crate) ruled_out_by: Option<Demand>,
    /// From the VM's creation to its end.
    pub(crate) seconds: f64,
    /// How often the machine was reset and booted again.
    pub(crate) resets: u32,
    /// How many calls the guest says it made, outside the range that KVM keeps to itself.
    pub(crate) calls: Option<u64>,
    /// How many of them KVM forwarded to core; at EL2 how many of all calls core heard.
    pub(crate) forwarded_calls: u64,
    /// What it printed, line by line, without the line that counts its calls.
    pub(crate) transcript: Vec<String>,
}

/// Who answers firmware calls.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Firmware {
    /// KVM's own code.
    Kernel,
    /// Vambrace's core, with the calls forwarded by KVM (Linux 6.4 and newer).
    Core,
    /// Vambrace's core at EL2, with no operating system below it.
    El2,
}

impl Firmware {
    /// As on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Core => "core",
            Self::El2 => "el2",
        }
    }
}

impl Promised {
    /// Of the three that kernels know.
    pub(crate) fn of(workarounds: Workarounds) -> [Self; 3] {
        Workaround::WITH_REGISTER.map(|workaround| match workarounds.level(workaround) {
            Level::NotAvailable => Self::NotAvailable,
            Level::Available => Self::Available,
            Level::NotRequired => Self::NotRequired,
        })
    }

    /// The same in core's words.
    pub(crate) fn levels(promised: [Self; 3]) -> Workarounds {
        let promised = Workaround::WITH_REGISTER.into_iter().zip(promised);
        promised.fold(Workarounds::NONE, |levels, (workaround, promised)| {
            let level = match promised {
                Self::NotAvailable => Level::NotAvailable,
                Self::Available => Level::Available,
                Self::NotRequired => Level::NotRequired,
            };
            levels.with(workaround, level)
        })
    }
}

/// How a test came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// The claim holds.
    Pass,
    /// It does not, or the test did not get that far.
    Fail,
    /// It cannot hold here, by its own header.
    Skip,
    /// Its machine could not be had, or the host failed it: that says nothing of the claim.
    Error,
}

/// What a test demands of the place it runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Demand {
    /// Whose answers it holds with.
    Dialect,
    /// Who can show it.
    Firmware,
    /// CPUs that execute its code.
    ExecutionState,
    /// A PSCI version.
    Psci,
    /// Features of the firmware.
    With,
    /// A version of the host's kernel.
    Kvm,
    /// What the contract does not promise.
    Contract,
    /// The program at EL2, and no kernel.
    El2,
    /// What not every CPU has.
    Needs,
    /// More vCPUs.
    Vcpus,
}

/// Two transcripts of one test, or three.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    /// The image's file name.
    pub(crate) name: String,
    /// The first difference, if there is one.
    pub(crate) difference: Option<Difference>,
}

/// Where two transcripts part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    /// The line's number, from 1.
    pub(crate) line: usize,
    /// The line under KVM's firmware, if there is one.
    pub(crate) kernel: Option<String>,
    /// The line under core, if there is one.
    pub(crate) core: Option<String>,
    /// The line at EL2, if that took part and there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) el2: Option<String>,
}

/// Counts of tests, a test under several firmwares counting for each and each comparison once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// How many passed.
    pub(crate) passed: usize,
    /// How many failed.
    pub(crate) failed: usize,
    /// How many were skipped.
    pub(crate) skipped: usize,
    /// How many could not be run.
    pub(crate) errors: usize,
    /// Of how many tests the transcripts are equal.
    pub(crate) transcripts_equal: usize,
    /// How many differ.
    pub(crate) transcripts_different: usize,
}

impl Summary {
    /// Did everything come out right?
    pub(crate) const fn is_success(&self) -> bool {
        self.failed == 0 && self.errors == 0 && self.transcripts_different == 0
    }

    /// Counts one more record.
    pub(crate) fn add(&mut self, record: &Record) {
        match record {
            Record::Test(test) => match test.verdict {
                Verdict::Pass => self.passed += 1,
                Verdict::Fail => self.failed += 1,
                Verdict::Skip => self.skipped += 1,
                Verdict::Error => self.errors += 1,
            },
            Record::Comparison(Comparison {
                difference: None, ..
            }) => self.transcripts_equal += 1,
            Record::Comparison(_) => self.transcripts_different += 1,
            Record::Host(_) | Record::Summary(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(verdict: Verdict) -> Record {
        Record::Test(Test {
            name: "psci_version".into(),
            claim: None,
            firmware: Firmware::Core,
            verdict,
            reason: None,
            ruled_out_by: None,
            seconds: 0.25,
            resets: 0,
            calls: Some(3),
            forwarded_calls: 3,
            transcript: vec!["verdict: pass".into()],
        })
    }

    #[test]
    fn a_record_is_one_line_that_reads_back() {
        let record = test(Verdict::Pass);
        let line = serde_json::to_string(&record).unwrap();
        assert!(!line.contains('\n'));
        assert!(
            line.starts_with(r#"{"record":"test","name":"psci_version""#),
            "{line}"
        );
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
    }

    #[test]
    fn one_test_that_could_not_be_run_spoils_the_summary() {
        let mut summary = Summary::default();
        summary.add(&test(Verdict::Pass));
        summary.add(&test(Verdict::Error));
        assert!(!summary.is_success());
        assert_eq!((summary.failed, summary.errors), (0, 1));
    }

    #[test]
    fn one_difference_spoils_the_summary() {
        let mut summary = Summary::default();
        summary.add(&test(Verdict::Pass));
        summary.add(&test(Verdict::Skip));
        assert!(summary.is_success());
        summary.add(&Record::Comparison(Comparison {
            name: "psci_version".into(),
            difference: Some(Difference {
                line: 1,
                kernel: None,
                core: Some("x".into()),
                el2: None,
            }),
        }));
        assert!(!summary.is_success());
        assert_eq!(
            (
                summary.passed,
                summary.skipped,
                summary.transcripts_different
            ),
            (1, 1, 1)
        );
    }
}
