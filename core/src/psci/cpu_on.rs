//! CPU_ON (DEN0022 §5.1.4, §5.6).
//!
//! Two callers that race for one target are two calls in some order: the first finds it off, the
//! second does not. The target learns its start when it asks.

use super::{Answer, Error};
use crate::firmware::{EntryPoint, Firmware, PendingStart};
use crate::memory::Ipa;
use crate::smccc::Caller;
use crate::vcpu::{Cause, Mpidr, Refusal, ResetState, Vcpus};

pub(super) fn answer<const N: usize>(
    firmware: &Firmware,
    vcpus: &mut Vcpus<N>,
    caller: &Caller,
    target: Mpidr,
    entry: Ipa,
    context: u64,
) -> Result<Answer, Error> {
    let id = vcpus.find(target).ok_or(Error::NoSuchCpu(target.value()))?;
    check_entry(firmware, entry)?;
    let start = ResetState::new(entry, context, caller.endianness);
    match vcpus.apply(id, Cause::TurnOn(start)) {
        Ok(_) => Ok(Answer::Started(id)),
        Err(Refusal::AlreadyOn) => Err(Error::TargetIsOn),
        Err(Refusal::OnPending) => match firmware.rules().pending_start {
            PendingStart::Reported => Err(Error::TargetIsPending),
            PendingStart::ReportedAsOn => Err(Error::TargetIsOn),
        },
    }
}

/// Refuses an entry point at which nothing can be executed.
pub(super) fn check_entry(firmware: &Firmware, entry: Ipa) -> Result<(), Error> {
    match firmware.rules().entry_point {
        EntryPoint::InRam if !firmware.ram().allows(entry) => {
            Err(Error::EntryOutsideRam(entry.value()))
        }
        EntryPoint::InRam | EntryPoint::Unchecked => Ok(()),
    }
}
