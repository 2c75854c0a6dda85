//! Makes the firmware calls of a list that lies in RAM, and logs what each left in x0 to x17.
//!
//! The host writes the list before the first instruction and reads the log after the last; `list`
//! has their layout. The calls are made strictly one after the other: the boot CPU hands them out in
//! runs of calls that stay on one CPU, and goes on when all of a run are logged. A CPU with nothing
//! to do sleeps, so that eight of them do not crowd a host that has two. Every CPU has an interrupt
//! pending while it calls, masked, so that CPU_SUSPEND returns at once.
//!
//! What a call is expected to do to power is in the list; where it does otherwise, nothing that
//! follows would mean what the list wants, so the run ends there. The console carries the claim and
//! the verdict. If a call of the boot CPU does not return, the host's time limit ends the run, and
//! the first record of the log that is not done is the culprit.
#![no_std]
#![no_main]

mod failure;
mod list;
mod record;
mod workers;

use vambrace_guest_tests::{claim, cpus, doorbell, expect::Proof, firmware::Conduit, line};

use failure::Failure;
use list::List;
use workers::Boot;

claim! {
    "Every call of a list does to power what the list expects; its registers are logged.";
    vcpus: 8, memory: "128M";
    prove, workers::serve
}

fn prove() -> Proof {
    match make_all() {
        Ok(()) => {
            line!("verdict: pass");
            leave(0)
        }
        Err(failure) => {
            line!("verdict: FAIL {failure}");
            leave(1)
        }
    }
}

/// All of the list is looked at before the first call is made.
fn make_all() -> Result<(), Failure> {
    let list = List::find()?;
    list.check()?;
    doorbell::install()?;
    doorbell::ring(0);
    doorbell::wait_until_ringing()?;
    let mut boot = Boot::new(&list);
    for run in list.runs() {
        boot.make(run)?;
    }
    boot.count_starts()
}

/// Leaves with a code, without the calls that the harness would make and print. A version of PSCI
/// without SYSTEM_RESET2 (DEN0022 §5.1.12) returns from it; then it is SYSTEM_OFF (§5.1.9).
fn leave(code: u64) -> ! {
    let mut registers = [0; 18];
    registers[..2].copy_from_slice(&[0xC400_0012, 0x8000_0000 | code]);
    Conduit::Hvc.call(&mut registers);
    line!("exit: {code}");
    registers[0] = 0x8400_0008;
    Conduit::Hvc.call(&mut registers);
    // PSCI 0.1 cannot end a machine. The verdict is out, the host does the rest.
    loop {
        cpus::pause();
    }
}
