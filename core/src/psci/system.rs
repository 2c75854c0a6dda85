//! Calls that concern the machine as a whole (DEN0022 §5.1.9–§5.1.12, §5.1.19).

use super::cpu_on::check_entry;
use super::{Answer, Context, Error};
use crate::memory::Ipa;
use crate::vcpu::{Cause, OnWake, Power};

/// A call that ends the life of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemEvent {
    /// SYSTEM_OFF: the machine ends.
    Off,
    /// SYSTEM_OFF2 with HIBERNATE_OFF: it ends, and the guest has saved its memory somewhere; a
    /// later boot will look for it.
    Hibernate,
    /// SYSTEM_RESET or SYSTEM_RESET2: it begins anew.
    Reset(Reset),
}

/// How a machine is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// SYSTEM_RESET (DEN0022 §5.1.11).
    Cold,
    /// SYSTEM_RESET2 with SYSTEM_WARM_RESET (§5.1.12).
    Warm {
        /// The caller's, for the vendor's use.
        cookie: u64,
    },
    /// SYSTEM_RESET2 with a vendor-specific type (§5.1.12).
    Vendor {
        /// 0x8000_0000 to 0xffff_ffff.
        reset_type: u32,
        /// The caller's, for the vendor's use.
        cookie: u64,
    },
}

/// SYSTEM_SUSPEND: the last CPU sleeps, and begins again at the entry point.
pub(super) fn suspend<const N: usize>(
    context: &mut Context<'_, N>,
    entry: Ipa,
    argument: u64,
) -> Result<Answer, Error> {
    check_alone(context)?;
    check_entry(context.firmware, entry)?;
    let on_wake = OnWake::Restart(context.reset_state(entry, argument));
    // The caller runs, so that nothing refuses this.
    let _ = context
        .vcpus
        .apply(context.caller.vcpu, Cause::Suspend(on_wake));
    Ok(Answer::SystemSuspended(on_wake))
}

/// Refuses unless every other CPU is off.
pub(super) fn check_alone<const N: usize>(context: &Context<'_, N>) -> Result<(), Error> {
    if context
        .vcpus
        .others(context.caller.vcpu)
        .all(|power| power == Power::Off)
    {
        Ok(())
    } else {
        Err(Error::OthersAreOn)
    }
}
