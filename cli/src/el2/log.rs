//! What the program at EL2 says: lines with a prefix, the last of which tells how it ended.

use std::time::Duration;

use vambrace_kvm::machine::{Crash, End, Report};

use crate::failure::Failure;

/// The program's words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Log<'a> {
    /// What the CPU has, if it was asked.
    pub(super) cpu: Option<&'a str>,
    end: Option<&'a str>,
    errors: Vec<&'a str>,
}

impl<'a> Log<'a> {
    pub(super) fn parse(said: &'a str) -> Self {
        let mut log = Self::default();
        for line in said.lines().filter_map(|line| line.strip_prefix(PREFIX)) {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("cpu" | "cpu:", has) => log.cpu = Some(has),
                ("end", how) => log.end = Some(how),
                ("error", what) => log.errors.push(what),
                _ => {}
            }
        }
        log
    }

    /// What it says of a run that took so long.
    pub(super) fn report(&self, duration: Duration) -> Result<Report, Failure> {
        let end = self.end.and_then(|end| self.understand(end, duration));
        end.ok_or_else(|| self.silence())
    }

    /// Why there is no report.
    pub(super) fn silence(&self) -> Failure {
        match self.errors.last() {
            Some(error) => Failure::new(format!("the program at EL2 could not go on: {error}")),
            None => Failure::new("the program at EL2 ended without a word")
                .with_hint("run it again; if it happens again, it is a defect of ours"),
        }
    }

    /// `code=3 resets=0 calls=12`
    fn understand(&self, end: &str, duration: Duration) -> Option<Report> {
        let mut words = end.split(' ');
        let how = words.next()?;
        let mut number = |name: &str| words.next()?.strip_prefix(name)?.parse::<u64>().ok();
        let (resets, forwarded_calls) = (number("resets=")?, number("calls=")?);
        let end = match how.split_once('=').unwrap_or((how, "")) {
            ("off", _) => End::Off,
            ("code", code) => End::Code(code.parse().ok()?),
            ("reset", _) => End::Reset,
            ("crashed", _) => {
                let what = self.errors.last().copied().unwrap_or("it did not say why");
                // Whoever shows it says that too.
                let what = what.strip_prefix("the guest crashed: ").unwrap_or(what);
                End::Crashed(Crash::Reported(what.to_owned()))
            }
            _ => return None,
        };
        Some(Report {
            end,
            resets: u32::try_from(resets).ok()?,
            forwarded_calls,
            power_calls: None,
            duration,
        })
    }
}

/// The report of a run that was ended from outside.
pub(super) fn time_limit(duration: Duration) -> Report {
    Report {
        end: End::TimeLimit,
        resets: 0,
        forwarded_calls: 0,
        power_calls: None,
        duration,
    }
}

const PREFIX: &str = "vambrace-el2: ";

#[cfg(test)]
mod tests {
    use super::*;

    fn report(said: &str) -> Option<(String, u32, u64)> {
        let report = Log::parse(said).report(Duration::ZERO).ok()?;
        Some((
            format!("{:?}", report.end),
            report.resets,
            report.forwarded_calls,
        ))
    }

    #[test]
    fn the_last_line_says_how_a_run_ended() {
        for (line, end) in [
            ("code=0 resets=1 calls=12", "Code(0)"),
            ("off resets=1 calls=12", "Off"),
            ("reset resets=1 calls=12", "Reset"),
        ] {
            let said = format!("vambrace-el2: warning: x\nvambrace-el2: end: {line}\n");
            assert_eq!(report(&said), Some((end.into(), 1, 12)), "{line}");
        }
    }

    #[test]
    fn a_crash_is_told_with_its_syndrome() {
        let said = "vambrace-el2: error: the guest crashed: vCPU 0: Syndrome(0x1)\n\
                    vambrace-el2: end: crashed resets=0 calls=3\n";
        let (end, ..) = report(said).unwrap();
        assert!(end.contains("vCPU 0: Syndrome(0x1)"), "{end}");
    }

    #[test]
    fn what_is_no_end_is_an_error_with_the_programs_own_words() {
        let said = "vambrace-el2: error: no guest\nvambrace-el2: end: error resets=0 calls=0\n";
        let error = Log::parse(said).report(Duration::ZERO).unwrap_err();
        assert!(format!("{error:?}").contains("no guest"));
        for said in [
            "",
            "end: off resets=0 calls=0",
            "vambrace-el2: end: off",
            "vambrace-el2: end: code=x resets=0 calls=0",
        ] {
            assert_eq!(report(said), None, "{said}");
        }
    }

    #[test]
    fn a_cpu_that_has_nothing_says_so_too() {
        assert_eq!(Log::parse("vambrace-el2: cpu:\n").cpu, Some(""));
        assert_eq!(
            Log::parse("vambrace-el2: cpu: aarch32\n").cpu,
            Some("aarch32")
        );
    }
}
