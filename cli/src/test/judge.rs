//! Decides what a run says about its test's claim.
//!
//! The guest's own verdict is only one witness: the way the machine ended, the number of its
//! resets and, under core, the number of calls that KVM forwarded have to agree with it; at EL2 the
//! number of all calls, which reach core there.

use std::ops::RangeInclusive;

use vambrace_kvm::image::{Claim, End as ClaimedEnd};
use vambrace_kvm::machine::{End, Features, Report};

use super::record::{Firmware, Verdict};
use crate::machine_options::reset_too_many;

/// What the guest's console says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Console {
    /// Its lines, without the one that counts calls.
    pub(crate) transcript: Vec<String>,
    /// The calls it made outside the range that KVM keeps to itself.
    pub(crate) calls: Option<u64>,
    /// The calls it made within that range.
    pub(crate) architecture_calls: u64,
    /// How many of them a reset may have cut off before KVM saw them.
    pub(crate) lost_calls: u64,
}

impl Console {
    /// Reads the lines that a test printed.
    pub(crate) fn new(lines: impl IntoIterator<Item = String>) -> Self {
        let mut console = Self::default();
        for line in lines {
            match line.strip_prefix("calls: ").map(counted) {
                Some(Some((calls, architecture))) => {
                    console.architecture_calls = architecture;
                    console.calls = Some(*calls.end());
                    console.lost_calls = calls.end().saturating_sub(*calls.start());
                }
                Some(None) | None => console.transcript.push(line),
            }
        }
        console
    }

    fn verdict(&self) -> Option<&str> {
        self.transcript
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix("verdict: "))
    }

    fn crash(&self) -> Option<&str> {
        self.transcript
            .iter()
            .map(String::as_str)
            .find(|line| line.starts_with("crash: "))
    }

    /// The exit code of a guest whose PSCI cannot carry one.
    fn exit_code(&self) -> Option<u32> {
        exit_code(self.transcript.last()?)
    }
}

/// The code that a test's last line carries where its PSCI cannot: `exit: 1`.
pub(crate) fn exit_code(last_line: &str) -> Option<u32> {
    last_line.strip_prefix("exit: ")?.parse().ok()
}

/// `12 forwarded, 2 architecture` → 12 to 12 and 2; `5 to 12 forwarded, 2 architecture` → 5 to 12.
fn counted(counts: &str) -> Option<(RangeInclusive<u64>, u64)> {
    let (made, rest) = counts.split_once(" forwarded, ")?;
    let (least, most) = made.split_once(" to ").unwrap_or((made, made));
    let architecture = rest.strip_suffix(" architecture")?.parse().ok()?;
    Some((least.parse().ok()?..=most.parse().ok()?, architecture))
}

/// Pass, or fail with the reason.
pub(crate) fn judge(
    claim: Option<&Claim>,
    firmware: Firmware,
    report: &Report,
    console: &Console,
) -> (Verdict, Option<String>) {
    let objection = ending(claim, report, console)
        .or_else(|| claim.and_then(|claim| testimony(claim, report, console)))
        .or_else(|| counted_calls(claim, firmware, report, console));
    match objection {
        None => (Verdict::Pass, None),
        Some(reason) => (Verdict::Fail, Some(reason)),
    }
}

/// What is wrong with the way the machine ended.
fn ending(claim: Option<&Claim>, report: &Report, console: &Console) -> Option<String> {
    if let Some(crash) = console.crash() {
        return Some(format!("the guest reports a {crash}"));
    }
    let ends = claim.map(|claim| claim.ends);
    match (&report.end, ends) {
        (End::Crashed(crash), _) => Some(crash.to_string()),
        (End::TimeLimit, _) => Some(match console.transcript.last() {
            Some(line) => format!("the time limit passed; its last line was `{line}`"),
            None => "the time limit passed and it had printed nothing".into(),
        }),
        (End::Stopped, _) => Some("the machine was stopped from outside".into()),
        (End::Reset, _) => Some(reset_too_many(report.resets)),
        (End::Code(0), None | Some(ClaimedEnd::Code))
        | (End::Off, None | Some(ClaimedEnd::Off)) => None,
        (End::Code(code), None | Some(ClaimedEnd::Code)) => Some(
            console
                .verdict()
                .map_or_else(|| format!("exit code {code}"), str::to_owned),
        ),
        (End::Code(code), Some(ClaimedEnd::Off)) => Some(format!(
            "it ended with exit code {code} where its header promises SYSTEM_OFF: {}",
            console.verdict().unwrap_or("no verdict")
        )),
        (End::Off, Some(ClaimedEnd::Code)) => match console.exit_code() {
            Some(0) => None,
            Some(code) => Some(
                console
                    .verdict()
                    .map_or_else(|| format!("exit code {code}"), str::to_owned),
            ),
            None => Some("it turned the machine off without an exit code".into()),
        },
    }
}

/// What a test with a header failed to say or do.
fn testimony(claim: &Claim, report: &Report, console: &Console) -> Option<String> {
    if report.resets != claim.resets {
        return Some(format!(
            "the machine was reset {} times where its header promises {}",
            report.resets, claim.resets
        ));
    }
    match console.verdict() {
        Some("pass") => None,
        Some(verdict) => Some(verdict.to_owned()),
        None => Some("it printed no verdict".into()),
    }
}

/// Under core KVM must not have answered a single call of those it forwards, and at EL2 every call
/// is core's. KVM's own firmware forwards nothing but what it only advertises: DISCOVER_IMPL. A test
/// with a header counts its calls; another image may not.
fn counted_calls(
    claim: Option<&Claim>,
    firmware: Firmware,
    report: &Report,
    console: &Console,
) -> Option<String> {
    let reached = |made: u64| made.saturating_sub(console.lost_calls)..=made;
    let expected = match (firmware, console.calls, claim) {
        (Firmware::Kernel, calls, Some(claim))
            if claim.features.contains(Features::DISCOVER_IMPL) =>
        {
            1..=calls.unwrap_or(0)
        }
        (Firmware::Kernel, ..) => 0..=0,
        (Firmware::Core, Some(calls), _) => reached(calls),
        (Firmware::El2, Some(calls), _) => {
            reached(calls.saturating_add(console.architecture_calls))
        }
        (_, None, Some(_)) => return Some("it printed no count of its calls".into()),
        (_, None, None) => return None,
    };
    let who = match firmware {
        Firmware::El2 => "EL2 heard",
        Firmware::Kernel | Firmware::Core => "KVM forwarded",
    };
    (!expected.contains(&report.forwarded_calls)).then(|| {
        format!(
            "the guest made {} calls and {who} {}",
            expected.end(),
            report.forwarded_calls
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test::samples;

    fn report(end: End) -> Report {
        Report {
            end,
            resets: 0,
            forwarded_calls: 0,
            power_calls: None,
            duration: Duration::from_millis(1),
        }
    }

    fn console(lines: &[&str]) -> Console {
        Console::new(lines.iter().map(|&line| line.to_owned()))
    }

    /// A test that ends with an exit code after so many resets.
    fn claim(resets: u32) -> Claim {
        Claim {
            resets,
            ..samples::claim()
        }
    }

    fn reason(claim: Option<&Claim>, report: &Report, console: &Console) -> Option<String> {
        judge(claim, Firmware::Kernel, report, console).1
    }

    #[test]
    fn code_0_with_a_passing_verdict_passes() {
        let console = console(&["calls: 3 forwarded, 1 architecture", "verdict: pass"]);
        assert_eq!(console.calls, Some(3));
        assert_eq!(console.transcript, ["verdict: pass"]);
        assert_eq!(
            reason(Some(&claim(0)), &report(End::Code(0)), &console),
            None
        );
    }

    #[test]
    fn calls_that_a_reset_cut_off_may_be_missing() {
        let console = console(&["calls: 3 to 10 forwarded, 0 architecture", "verdict: pass"]);
        let judged = |forwarded| {
            let mut run = report(End::Code(0));
            run.forwarded_calls = forwarded;
            judge(Some(&claim(0)), Firmware::Core, &run, &console).0
        };
        assert_eq!(judged(2), Verdict::Fail);
        assert_eq!(judged(3), Verdict::Pass);
        assert_eq!(judged(10), Verdict::Pass);
        assert_eq!(judged(11), Verdict::Fail);
    }

    #[test]
    fn kvms_own_firmware_forwards_only_what_it_advertises() {
        let console = console(&["calls: 3 forwarded, 1 architecture", "verdict: pass"]);
        let judged = |features, forwarded| {
            let mut run = report(End::Code(0));
            run.forwarded_calls = forwarded;
            let claim = Claim {
                features,
                ..claim(0)
            };
            judge(Some(&claim), Firmware::Kernel, &run, &console).0
        };
        assert_eq!(judged(Features::VENDOR_HYP, 0), Verdict::Pass);
        assert_eq!(judged(Features::VENDOR_HYP, 1), Verdict::Fail);
        assert_eq!(judged(Features::DISCOVER_IMPL, 0), Verdict::Fail);
        assert_eq!(judged(Features::DISCOVER_IMPL, 2), Verdict::Pass);
        assert_eq!(judged(Features::DISCOVER_IMPL, 4), Verdict::Fail);
    }

    #[test]
    fn a_verdict_alone_does_not_pass() {
        let console = console(&["verdict: pass"]);
        assert!(reason(Some(&claim(0)), &report(End::Code(1)), &console).is_some());
        assert!(reason(Some(&claim(0)), &report(End::Off), &console).is_some());
        assert!(reason(Some(&claim(0)), &report(End::TimeLimit), &console).is_some());
    }

    #[test]
    fn code_0_without_a_verdict_does_not_pass_a_claim() {
        let found = reason(Some(&claim(0)), &report(End::Code(0)), &console(&["hello"]));
        assert_eq!(found.as_deref(), Some("it printed no verdict"));
        assert_eq!(
            reason(None, &report(End::Code(0)), &console(&["hello"])),
            None
        );
    }

    #[test]
    fn the_guests_own_reason_is_told() {
        let console = console(&["verdict: FAIL expected 0x0, found 0x1"]);
        let found = reason(Some(&claim(0)), &report(End::Code(1)), &console);
        assert_eq!(found.as_deref(), Some("FAIL expected 0x0, found 0x1"));
    }

    #[test]
    fn without_reset2_the_last_line_is_the_exit_code() {
        let pass = console(&["verdict: pass", "exit: 0"]);
        assert_eq!(reason(Some(&claim(0)), &report(End::Off), &pass), None);
        let fail = console(&["verdict: FAIL x", "exit: 1"]);
        assert_eq!(
            reason(Some(&claim(0)), &report(End::Off), &fail).as_deref(),
            Some("FAIL x")
        );
    }

    #[test]
    fn resets_must_be_as_many_as_promised() {
        let mut once = report(End::Code(0));
        once.resets = 1;
        let console = console(&["verdict: pass"]);
        assert!(reason(Some(&claim(0)), &once, &console).is_some());
        assert_eq!(reason(Some(&claim(1)), &once, &console), None);
    }

    #[test]
    fn a_call_that_kvm_answered_itself_fails_the_test_under_core() {
        let console = console(&["calls: 3 forwarded, 0 architecture", "verdict: pass"]);
        let mut run = report(End::Code(0));
        run.forwarded_calls = 2;
        let (verdict, reason) = judge(Some(&claim(0)), Firmware::Core, &run, &console);
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(
            reason.as_deref(),
            Some("the guest made 3 calls and KVM forwarded 2")
        );
        run.forwarded_calls = 3;
        assert_eq!(
            judge(Some(&claim(0)), Firmware::Core, &run, &console).0,
            Verdict::Pass
        );
    }

    #[test]
    fn a_claim_that_does_not_count_its_calls_fails_under_core() {
        let console = console(&["verdict: pass"]);
        let run = report(End::Code(0));
        let judged = |claim: Option<&Claim>| judge(claim, Firmware::Core, &run, &console).1;
        assert_eq!(
            judged(Some(&claim(0))).as_deref(),
            Some("it printed no count of its calls")
        );
        assert_eq!(judged(None), None);
    }

    #[test]
    fn a_crash_report_fails_whatever_else_is_said() {
        let console = console(&["crash: cpu=0 kind=sync", "verdict: pass"]);
        assert!(reason(None, &report(End::Code(0)), &console).is_some());
    }
}
