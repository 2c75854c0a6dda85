//! CPU_SUSPEND (DEN0022 §5.1.2, §5.4).

use super::cpu_on::check_entry;
use super::{Answer, Error, PowerState, PowerStateType};
use crate::firmware::Firmware;
use crate::memory::Ipa;
use crate::smccc::Caller;
use crate::vcpu::{Cause, OnWake, Power, ResetState, Vcpus};

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
    let power = vcpus.power(caller.vcpu).unwrap_or(Power::Off);
    vcpus.set_power(
        caller.vcpu,
        power.after(Cause::Suspend(on_wake)).unwrap_or(power),
    );
    Ok(Answer::Suspended(on_wake))
}
