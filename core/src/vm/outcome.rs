//! What a backend has to do.

use crate::firmware::Workaround;
use crate::memory::RamRange;
use crate::psci::SystemEvent;
use crate::smccc::{Needs, Results};
use crate::vcpu::{OnWake, ResetState, VcpuId};

/// What becomes of the vCPU that made a call, and of others by it.
#[must_use = "the guest waits for what the outcome says"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing has happened: call again with these at hand. A call may ask twice, the second time
    /// for more than the first: what CPU_ON needs depends on whom it names.
    Fetch(Needs),
    /// Write the results and enter the guest again.
    Resume(Results),
    /// The same, and wake that vCPU so that it asks [`Vm::begin`](super::Vm::begin).
    ResumeAndWake(Results, VcpuId),
    /// Do not enter the guest: wait outside until woken or kicked, then ask
    /// [`Vm::begin`](super::Vm::begin).
    Park,
    /// Wait for a wake-up event of the vCPU, then ask [`Vm::woke`](super::Vm::woke), which gives
    /// what is named here unless the machine ended meanwhile.
    Wait(OnWake),
    /// As [`Wait`](Outcome::Wait), and nobody else is on: the machine as a whole sleeps, and the
    /// backend may let the host sleep with it.
    SystemSuspend(OnWake),
    /// Clean and invalidate this range of guest memory in every cache, to the point of coherency;
    /// then write the results and enter the guest again.
    CleanInvalidate(Results, RamRange),
    /// Mitigate on this CPU what the workaround is for, if leaving the guest has not done so; then
    /// write the results and enter the guest again. It comes only where the machine promises the
    /// workaround as [`Available`](crate::firmware::Level::Available).
    Mitigate(Results, Workaround),
    /// Kick every vCPU, the caller included: the machine ends or begins anew.
    System(SystemEvent),
}

/// How a vCPU goes on.
#[must_use = "the vCPU waits for what the entry says"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Reset the vCPU, set this state, and enter the guest.
    Start(ResetState),
    /// As [`Start`](Entry::Start), from a powerdown state: the registers are lost, and the vCPU's
    /// timers, its interrupts and its stolen time are not (DEN0022 §5.4).
    Restart(ResetState),
    /// Enter the guest where it was.
    Continue,
    /// Write the results of the call that suspended it, and enter the guest.
    Resume(Results),
    /// Go on waiting for a wake-up event.
    Wait,
    /// Stay outside until woken or kicked.
    Park,
    /// Do not enter until the machine has been reset; report [`Vm::stopped`](super::Vm::stopped).
    Stop(SystemEvent),
}

/// Whether the machine has come to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Other vCPUs have not reported yet.
    OthersRun,
    /// This was the last: nothing executes.
    All,
}
