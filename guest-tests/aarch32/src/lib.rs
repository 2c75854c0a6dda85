//! The harness of the A32 guest tests: what an AArch32 caller hears.
//!
//! A machine whose CPUs execute AArch32 at EL1 (A32 and T32, SVC mode), one claim, a verdict. Header,
//! transcript, verdict, exit code and crash report are those of the AArch64 programs next door; the
//! protocol with the runner is in their README.md, what differs in this one's.
//!
//! Nothing here comes from the firmware's own crate, nor from the harness next door: every number is
//! stated again from its specification (PSCI: Arm DEN0022, calling convention: Arm DEN0028).
#![no_std]

pub mod arch;
pub mod claim;
pub mod console;
pub mod cpus;
mod crash;
pub mod exit;
pub mod expect;
pub mod firmware;
pub mod noinit;

use claim::CLAIM;
use cpus::EntryState;

/// Everything the boot CPU does after its first instructions: greet, prove, end.
fn run_boot_cpu(entry: EntryState) -> ! {
    noinit::begin();
    console::initialise();
    cpus::current().enter(&entry);
    match noinit::boots() {
        0 => line!("claim: {}", CLAIM.sentence),
        boots => line!("boot: {boots}"),
    }
    exit::end((CLAIM.prove)())
}

/// Writes a line of the transcript. On the boot CPU only: the others' order is chance.
#[macro_export]
macro_rules! line {
    ($($arguments:tt)*) => {
        $crate::console::write_line(::core::format_args!($($arguments)*))
    };
}
