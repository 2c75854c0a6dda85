//! What a backend has to do.

use crate::psci::SystemEvent;
use crate::smccc::Results;
use crate::vcpu::{OnWake, ResetState, VcpuId};

/// What becomes of the vCPU that made a call, and of others by it.
#[must_use = "the guest waits for what the outcome says"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
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
    /// Kick every vCPU, the caller included: the machine ends or begins anew.
    System(SystemEvent),
}

/// How a vCPU goes on.
#[must_use = "the vCPU waits for what the entry says"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Reset the vCPU, set this state, and enter the guest.
    Start(ResetState),
    /// Enter the guest where it was.
    Continue,
    /// Write the results of the call that suspended it, and enter the guest.
    Resume(Results),
    /// Go on waiting for a wake-up event.
    Wait,
    /// Stay outside until woken or kicked.
    Park,
    /// Never enter again; report [`Vm::stopped`](super::Vm::stopped).
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
