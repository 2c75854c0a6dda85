//! PSCI_FEATURES (DEN0022 §5.1.15).

use super::ReturnCode;
use crate::firmware::{Firmware, Function};
use crate::smccc::{Caller, ExecutionState, FunctionId};

/// The feature flags of a PSCI function that this caller can call, else NOT_SUPPORTED.
///
/// SMCCC_VERSION counts: this is how a guest discovers the calling convention (DEN0028 §7.2). The
/// flags of CPU_SUSPEND are 0: original format of power_state, platform-coordinated mode only.
pub(super) fn answer(firmware: &Firmware, caller: &Caller, asked: FunctionId) -> u64 {
    if asked.is_smc64() && caller.execution_state == ExecutionState::Aarch32 {
        return ReturnCode::NotSupported.value();
    }
    let confirmed = match firmware.row(asked).map(|row| row.function) {
        Some(Function::Psci(_)) => true,
        Some(Function::Architecture(_)) => asked == FunctionId::SMCCC_VERSION,
        None => false,
    };
    if confirmed {
        NO_FLAGS
    } else {
        ReturnCode::NotSupported.value()
    }
}

const NO_FLAGS: u64 = 0;
