//! The harness of the guest tests: a bare machine, one claim, a verdict.
//!
//! A program is one file with a header ([`claim!`]) and a function that proves the claim. The harness
//! starts the CPUs, records every firmware call as a line of the transcript, reports a crash, and
//! carries the exit code out of the machine. The protocol with the runner is in this crate's
//! README.md.
//!
//! Nothing here comes from the firmware's own crate: every number is stated again from its
//! specification (PSCI: Arm DEN0022, calling convention: Arm DEN0028), so that an error cannot
//! confirm itself.
#![no_std]

pub mod arch;
pub mod bench;
pub mod claim;
pub mod console;
pub mod cpus;
mod crash;
pub mod doorbell;
pub mod exit;
pub mod expect;
pub mod firmware;
mod functions;
pub mod gic_v2;
pub mod gpio;
pub mod its;
pub mod mmio;
pub mod noinit;
mod notes;
pub mod table;
pub mod transcript;
pub mod virtio;
pub mod wakeup;

use claim::CLAIM;
use cpus::EntryState;

/// Everything the boot CPU does after its first instructions: greet, prove, end.
fn run_boot_cpu(entry: EntryState) -> ! {
    noinit::begin();
    console::initialise();
    cpus::current().enter(entry);
    if noinit::boots() == 0 {
        line!("claim: {}", CLAIM.sentence);
    } else {
        line!("boot: {}", noinit::boots());
    }
    exit::end((CLAIM.prove)())
}
