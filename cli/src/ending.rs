//! How a guest ended: for the shell, for a person, for a program.

use std::io::{self, Write as _};

use vambrace_kvm::machine::{End, Report};

use crate::machine_options::reset_too_many;
use crate::progress::say;

/// The exit code of a run, with a line on standard error where it says less than the whole.
pub(crate) fn exit_code(report: &Report) -> u8 {
    match &report.end {
        End::Off => 0,
        End::Code(CRASH_CODE) => {
            say("the guest reports that it crashed");
            CRASHED
        }
        End::Code(code) => u8::try_from(*code)
            .ok()
            .filter(|code| *code < GREATEST)
            .unwrap_or_else(|| {
                if *code != u32::from(GREATEST) {
                    say(&format!("the guest's exit code is {code}"));
                }
                GREATEST
            }),
        End::Reset => {
            let more = if report.resets > 1 {
                " (--max-resets)"
            } else {
                ""
            };
            say(&format!("{}{more}", reset_too_many(report.resets)));
            CRASHED
        }
        End::Crashed(crash) => {
            say(&format!("the guest crashed: {crash}"));
            CRASHED
        }
        End::TimeLimit => {
            say("the time limit passed");
            TIME_LIMIT
        }
        End::Stopped => 0,
    }
}

/// Tells programs on standard error how a run ended.
pub(crate) fn tell(report: &Report) {
    // Without a reader there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{}", json(report));
}

/// How a run ended, for programs.
fn json(report: &Report) -> serde_json::Value {
    let (end, code, detail) = match &report.end {
        End::Off => ("off", None, None),
        End::Code(code) => ("code", Some(*code), None),
        End::Reset => ("reset", None, None),
        End::Crashed(crash) => ("crashed", None, Some(crash.to_string())),
        End::TimeLimit => ("time_limit", None, None),
        End::Stopped => ("stopped", None, None),
    };
    serde_json::json!({
        "end": end,
        "code": code,
        "detail": detail,
        "resets": report.resets,
        "forwarded_calls": report.forwarded_calls,
        "power_calls": report.power_calls.map(|calls| serde_json::json!({
            "CPU_ON": calls.cpu_on,
            "CPU_OFF": calls.cpu_off,
            "AFFINITY_INFO": calls.affinity_info,
        })),
        "seconds": report.duration.as_secs_f64(),
    })
}

/// The greatest exit code that is a guest's own.
const GREATEST: u8 = 119;
const TIME_LIMIT: u8 = 124;
const CRASHED: u8 = 126;
/// The code by which a guest's own exception handler says that it crashed.
const CRASH_CODE: u32 = 126;
