//! Who answers the guest's firmware calls: KVM's own code, or core.
//!
//! The two keep an off vCPU in different places. Under `Kernel` its thread sits inside KVM_RUN,
//! where KVM starts it; under `Core` it sits here, and KVM never knows that it was off. Either way
//! the same guest hears the same answers.

mod census;
mod core;
mod kernel;
mod power_calls;
mod stolen_time;

pub use self::core::AnswerFlip;
pub use power_calls::PowerCalls;

pub(crate) use self::core::{Core, Surroundings};
pub(crate) use kernel::Kernel;

use vambrace_core::SystemEvent;

use crate::sys::{self, Exit, VcpuOps};

/// The firmware of one machine, between two resets.
pub(crate) trait Firmware: Send + Sync {
    /// Brings vCPU `index` to where it may run; waits while it is off.
    ///
    /// Called on the vCPU's own thread before its first run and after every kick. `ended` says
    /// whether the machine has ended, which no wait outlasts. Fails if KVM refuses an operation.
    fn prepare<V: VcpuOps>(
        &self,
        index: usize,
        vcpu: &mut V,
        ended: impl Fn() -> bool,
    ) -> sys::Result<Ready>;

    /// Answers a call that KVM forwarded. Fails if KVM refuses an operation.
    fn call<V: VcpuOps>(
        &self,
        index: usize,
        vcpu: &mut V,
        function: u32,
        conduit: sys::Conduit,
    ) -> sys::Result<Answered>;

    /// Carries out a system event of KVM's. Fails if KVM refuses an operation.
    fn event<V: VcpuOps>(
        &self,
        index: usize,
        vcpu: &mut V,
        event: sys::SystemEvent,
    ) -> sys::Result<Answered>;

    /// Lets every vCPU that waits in [`prepare`](Firmware::prepare) look whether the machine has
    /// ended.
    fn wake_all(&self);

    /// vCPU `index` has left the guest for good.
    fn stopped(&self, index: usize);

    /// Makes the firmware ready for a new start of the same machine, once every vCPU has stopped
    /// after a [`SystemEvent`].
    fn reset(&mut self);

    /// Did the guest ask that no later boot can read its memory? (MEM_PROTECT)
    fn protects_memory(&self) -> bool;

    /// How many calls were answered here rather than by KVM.
    fn forwarded_calls(&self) -> u64;

    /// How many of those turn CPUs on and off, if they are answered here.
    fn power_calls(&self) -> Option<PowerCalls>;
}

/// Whether a vCPU may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// Its state is set.
    Run,
    /// The machine has ended.
    Leave,
}

/// How a vCPU goes on after a call or an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Back into the guest.
    Resume,
    /// It has to [`prepare`](Firmware::prepare) again.
    Prepare,
    /// All vCPUs have to, this one too: they are kicked.
    PrepareAll,
    /// The whole machine ends or begins anew.
    Machine(SystemEvent),
    /// KVM reported something that this firmware has no meaning for.
    Unexpected(Exit),
}
