//! CPU_ON (DEN0022 §5.1.4, §5.6).
//!
//! Two callers that race for one target are two calls in some order: the first finds it off, the
//! second does not. The target learns its start when it asks.
//!
//! Whether the target can be started is looked at before the entry point, which is then not needed
//! at all if it cannot.

use super::call::target;
use super::{Answer, Context, Error};
use crate::firmware::{EntryPoint, Firmware, PendingStart};
use crate::memory::Ipa;
use crate::smccc::Args;
use crate::vcpu::{Cause, Mpidr, Power, Refusal, VcpuId};

pub(super) fn answer<const N: usize>(
    context: &mut Context<'_, N>,
    target: Mpidr,
    entry: Ipa,
    argument: u64,
) -> Result<Answer, Error> {
    let id = startable(context, target)?;
    check_entry(context.firmware, entry)?;
    let start = context.reset_state(entry, argument);
    match context.vcpus.apply(id, Cause::TurnOn(start)) {
        Ok(_) => Ok(Answer::Started(id)),
        Err(refusal) => Err(error_of(context.firmware, refusal)),
    }
}

/// The CPU that the first argument names, if it can be started now.
pub(super) fn find_startable<const N: usize>(
    context: &Context<'_, N>,
    args: &Args<'_>,
) -> Result<VcpuId, Error> {
    startable(context, target(args.first(), context.firmware.rules())?)
}

fn startable<const N: usize>(context: &Context<'_, N>, target: Mpidr) -> Result<VcpuId, Error> {
    let id = context
        .vcpus
        .find(target)
        .ok_or(Error::NoSuchCpu(target.value()))?;
    match context.vcpus.power(id) {
        Some(Power::OnPending(_)) => Err(error_of(context.firmware, Refusal::OnPending)),
        Some(Power::On | Power::Suspended(_)) => {
            Err(error_of(context.firmware, Refusal::AlreadyOn))
        }
        Some(Power::Off) | None => Ok(id),
    }
}

fn error_of(firmware: &Firmware, refusal: Refusal) -> Error {
    match (refusal, firmware.rules().pending_start) {
        (Refusal::OnPending, PendingStart::Reported) => Error::TargetIsPending,
        (Refusal::OnPending, PendingStart::ReportedAsOn) | (Refusal::AlreadyOn, _) => {
            Error::TargetIsOn
        }
    }
}

/// Refuses an entry point at which nothing can be executed.
pub(super) fn check_entry(firmware: &Firmware, entry: Ipa) -> Result<(), Error> {
    match firmware.rules().entry_point {
        EntryPoint::InRam if !firmware.ram.allows(entry) => {
            Err(Error::EntryOutsideRam(entry.value()))
        }
        EntryPoint::InRam | EntryPoint::Unchecked => Ok(()),
    }
}
