//! One CPU wakes another: SGI 0, which becomes pending and is never taken.
//!
//! A CPU with nothing to do waits in WFI, where it costs the host nothing, until its bell rings. The
//! bell goes on ringing until the CPU answers it, so that it is also a wake-up event that is pending
//! for as long as somebody wants: then CPU_SUSPEND returns at once (DEN0022 §5.4). Interrupts stay
//! masked in PSTATE all the time.

use aarch64_cpu::asm;

use crate::{
    arch::interrupts,
    cpus::{self, wait_until},
    expect::Proof,
    wakeup,
};

/// Gives this CPU its bell. After every start of it, on the boot CPU first.
///
/// # Errors
///
/// If the interrupt controller does not wake up.
pub fn install() -> Proof {
    if cpus::index() == 0 {
        wakeup::enable_distributor();
    }
    wakeup::route(BELL)
}

/// Rings the bell of CPU `index`. It sees what this CPU has written before.
pub fn ring(index: u64) {
    interrupts::send_sgi(BELL as u64, cpus::mpidr(index));
}

/// Waits until this CPU's bell rings: after this it is pending until it is answered.
///
/// # Errors
///
/// After [`WAIT_SECONDS`](cpus::WAIT_SECONDS).
pub fn wait_until_ringing() -> Proof {
    wait_until("an interrupt pending", || {
        interrupts::highest_pending() == BELL as u64
    })
}

/// Ends the ringing of this CPU's bell.
pub fn answer() {
    interrupts::take_back();
}

/// Sleeps until this CPU's bell rings; not at all if it does.
pub fn sleep() {
    asm::wfi();
}

/// SGI 0.
const BELL: usize = 0;
