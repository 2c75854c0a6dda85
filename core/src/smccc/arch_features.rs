//! SMCCC_ARCH_FEATURES: which architecture functions are there (DEN0028 §7.3).

use super::{FunctionId, ReturnCode};
use crate::firmware::{Firmware, Function, Gate, SelfDiscovery};

/// Zero or more if the function is there, NOT_SUPPORTED if not, and for a workaround its level.
pub(super) fn answer(firmware: &Firmware, asked: FunctionId) -> u64 {
    let Some(row) = firmware.row(asked) else {
        return ReturnCode::NotSupported.value();
    };
    if let Gate::Workaround(workaround) = row.gate {
        return firmware.workarounds().promise(workaround).arch_features();
    }
    let is_self = matches!(row.function, Function::Architecture(_));
    match firmware.rules().self_discovery {
        SelfDiscovery::Confirmed if is_self => 0,
        SelfDiscovery::Confirmed | SelfDiscovery::Denied => ReturnCode::NotSupported.value(),
    }
}
