//! CPU_SUSPEND (DEN0022 §5.1.2, §5.4).

use super::cpu_on::check_entry;
use super::{Answer, Error, PowerState, PowerStateType};
use crate::firmware::Firmware;
use crate::memory::Ipa;
use crate::smccc::Caller;
use crate::vcpu::{Cause, OnWake, ResetState, Vcpus};

pub(super) fn answer<const N: usize>(
    firmware: &Firmware,
    vcpus: &mut Vcpus<N>,
    caller: &Caller,
    state: PowerState,
    entry: Ipa,
    context: u64,
) -> Result<Answer, Error> {
    let on_wake = match state.kind() {
        PowerStateType::Standby => OnWake::Return,
        PowerStateType::Powerdown => {
            check_entry(firmware, entry)?;
            OnWake::Restart(ResetState::new(entry, context, caller.endianness))
        }
    };
    // The caller runs, so that nothing refuses this.
    let _ = vcpus.apply(caller.vcpu, Cause::Suspend(on_wake));
    Ok(Answer::Suspended(on_wake))
}
