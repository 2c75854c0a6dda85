//! The end of a program: verdict, exit code, machine off.
//!
//! A code leaves the machine as SYSTEM_RESET2's vendor reset type (0x8000_0000 | code, DEN0022
//! §5.1.12); firmware without that call gets a last line `exit: <code>` and SYSTEM_OFF.

use crate::{
    cpus,
    expect::Proof,
    firmware::{self, Call, PSCI_FEATURES, PSCI_VERSION, SYSTEM_OFF, SYSTEM_RESET2},
    line, noinit,
};

/// Prints the verdict and leaves with 0 (it holds) or 1.
pub fn end(proof: Proof) -> ! {
    let changed = firmware::changed_registers();
    let code = u32::from(proof.is_err() || changed != 0);
    let last = last_call(code);
    last.announce();
    let calls = noinit::calls();
    let forwarded = calls.forwarded + 1;
    line!(
        "calls: {forwarded} forwarded, {} architecture",
        calls.architecture
    );
    match proof {
        Err(failure) => line!("verdict: FAIL {failure}"),
        Ok(()) if changed != 0 => {
            line!("verdict: FAIL r4-r11: expected kept by every call, found changed in {changed}");
        }
        Ok(()) => line!("verdict: pass"),
    }
    take(last, code)
}

pub(crate) fn end_crashed() -> ! {
    let last = last_call(CRASH);
    last.announce();
    line!("verdict: FAIL crash");
    take(last, CRASH)
}

/// SYSTEM_RESET2 where it exists. PSCI 0.2 has no PSCI_FEATURES to ask.
fn last_call(code: u32) -> Call {
    let version = firmware::hvc(PSCI_VERSION, &[]).code();
    if version < 0x1_0000 || firmware::hvc(PSCI_FEATURES, &[SYSTEM_RESET2]).code() < 0 {
        return Call::hvc(SYSTEM_OFF, &[]);
    }
    Call::hvc(SYSTEM_RESET2, &[VENDOR_RESET | code, 0])
}

fn take(last: Call, code: u32) -> ! {
    if last.id() == SYSTEM_OFF {
        line!("exit: {code}");
    }
    last.make();
    // Only firmware that is wrong comes back.
    line!("verdict: FAIL the last call returned");
    line!("exit: 1");
    Call::hvc(SYSTEM_OFF, &[]).make_silently();
    cpus::rest_for_ever()
}

const CRASH: u32 = 126;
const VENDOR_RESET: u32 = 0x8000_0000;
