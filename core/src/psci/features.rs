//! PSCI_FEATURES (DEN0022 §5.1.15, §5.16).

use super::{Answer, Context, Function, PsciOptions, ReturnCode};
use crate::firmware;
use crate::smccc::{self, FunctionId};

/// The feature flags of a PSCI function that this caller can call, else NOT_SUPPORTED.
///
/// SMCCC_VERSION counts: this is how a guest discovers the calling convention (DEN0028 §7.2).
pub(super) fn answer<const N: usize>(context: &Context<'_, N>, asked: FunctionId) -> Answer {
    let firmware = context.firmware;
    let row = firmware.row(context.caller, asked);
    Answer::Value(match row.map(|row| row.function) {
        Some(firmware::Function::Psci(function)) => flags(function, firmware.psci_options()),
        Some(firmware::Function::Architecture(smccc::Function::Version)) => NO_FLAGS,
        Some(_) | None => ReturnCode::NotSupported.value(),
    })
}

/// Of CPU_SUSPEND, bit 1: power_state has the extended format, bit 0: OS-initiated mode is there.
/// Of SYSTEM_OFF2, bit 0: HIBERNATE_OFF is there. Other functions have no flags.
fn flags(function: Function, options: PsciOptions) -> u64 {
    match function {
        Function::CpuSuspend => {
            let extended = u64::from(options.contains(PsciOptions::EXTENDED_STATE_ID));
            let os_initiated = u64::from(options.contains(PsciOptions::OS_INITIATED));
            extended << 1 | os_initiated
        }
        Function::SystemOff2 => HIBERNATE_OFF,
        _ => NO_FLAGS,
    }
}

const NO_FLAGS: u64 = 0;
const HIBERNATE_OFF: u64 = 1 << 0;
