//! CPU_OFF and CPU_FREEZE (DEN0022 §5.1.3, §5.1.16, §5.5).
//!
//! To a virtual CPU they are the same: it executes nothing until CPU_ON. They differ in what
//! interrupts may still be aimed at it, which is the guest's matter.

use super::{Answer, Context, Error};
use crate::vcpu::Cause;

/// Turns the caller off, unless a Trusted OS resides on it.
pub(super) fn answer<const N: usize>(context: &mut Context<'_, N>) -> Result<Answer, Error> {
    if context.state.resident == Some(context.caller.vcpu) {
        return Err(Error::TrustedOsResides);
    }
    // The caller runs, so that nothing refuses this.
    let _ = context.vcpus.apply(context.caller.vcpu, Cause::TurnOff);
    Ok(Answer::Off)
}
