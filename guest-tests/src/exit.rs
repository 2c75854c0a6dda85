//! The end of a program: verdict, exit code, machine off.
//!
//! A code leaves the machine as SYSTEM_RESET2's vendor reset type (0x8000_0000 | code, DEN0022
//! §5.1.12); firmware without that call gets a last line `exit: <code>` and SYSTEM_OFF.

use core::fmt;

use crate::{
    cpus,
    expect::Proof,
    firmware::{
        self, Call, PSCI_FEATURES, PSCI_VERSION, SYSTEM_OFF, SYSTEM_RESET2_64, changed_registers,
    },
    line, noinit,
};

/// How a program leaves the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Reset2,
    /// By a call that carries no code: SYSTEM_OFF or its like, after an `exit:` line.
    Off(Call),
}

/// Prints the verdict and leaves with 0 (it holds) or 1.
pub fn end(proof: Proof) -> ! {
    conclude(proof, probe())
}

/// As [`end`], but by SYSTEM_OFF whatever else the firmware offers (`ends: off`).
pub fn end_by_system_off(proof: Proof) -> ! {
    conclude(proof, Way::off())
}

/// As [`end`], but by a call of the claim's own that turns the machine off (`ends: off`).
pub fn end_by(call: Call, proof: Proof) -> ! {
    conclude(proof, Way::Off(call))
}

/// Leaves with a code and no verdict.
pub fn leave(code: u32) -> ! {
    let way = probe();
    print_calls(way, code);
    take(way, code)
}

pub(crate) fn end_crashed() -> ! {
    let way = probe();
    announce(way, CRASH);
    verdict(format_args!("FAIL crash"));
    take(way, CRASH)
}

fn conclude(proof: Proof, way: Way) -> ! {
    let changed = changed_registers();
    let code = if proof.is_ok() && changed == 0 {
        PASS
    } else {
        FAIL
    };
    print_calls(way, code);
    match proof {
        Err(failure) => verdict(format_args!("FAIL {failure}")),
        Ok(()) if changed != 0 => verdict(format_args!(
            "FAIL x4-x17: expected kept by every call, found changed in {changed}"
        )),
        Ok(()) => verdict(format_args!("pass")),
    }
    take(way, code)
}

/// Asks whether SYSTEM_RESET2 exists. PSCI 0.2 has no PSCI_FEATURES to ask.
fn probe() -> Way {
    let version = firmware::hvc(PSCI_VERSION, &[]);
    if version.code() < 0x1_0000 {
        return Way::off();
    }
    if firmware::hvc(PSCI_FEATURES, &[u64::from(SYSTEM_RESET2_64)]).code() < 0 {
        return Way::off();
    }
    Way::Reset2
}

/// The last call, then the count of calls with it.
fn print_calls(way: Way, code: u32) {
    announce(way, code);
    let calls = noinit::calls();
    let forwarded = calls.forwarded + 1;
    let architecture = calls.architecture;
    match forwarded - calls.lost {
        least if least < forwarded => {
            line!("calls: {least} to {forwarded} forwarded, {architecture} architecture");
        }
        _ => line!("calls: {forwarded} forwarded, {architecture} architecture"),
    }
}

fn announce(way: Way, code: u32) {
    firmware::record(&way.call(code).unanswered());
}

fn verdict(verdict: fmt::Arguments<'_>) {
    line!("verdict: {verdict}");
}

fn take(way: Way, code: u32) -> ! {
    if way != Way::Reset2 {
        line!("exit: {code}");
    }
    let returned = way.call(code).make_silently();
    // Only firmware that is wrong comes back.
    firmware::record(&way.call(code).answered(returned));
    verdict(format_args!("FAIL the last call returned"));
    if way == Way::Reset2 {
        line!("exit: {FAIL}");
        Way::off().call(FAIL).make_silently();
    }
    cpus::rest_for_ever()
}

impl Way {
    fn off() -> Self {
        Self::Off(Call::hvc(SYSTEM_OFF, &[]))
    }

    fn call(self, code: u32) -> Call {
        match self {
            Self::Reset2 => Call::hvc(SYSTEM_RESET2_64, &[VENDOR_RESET | u64::from(code), 0]),
            Self::Off(call) => call,
        }
    }
}

const PASS: u32 = 0;
const FAIL: u32 = 1;
const CRASH: u32 = 126;
const VENDOR_RESET: u64 = 0x8000_0000;
