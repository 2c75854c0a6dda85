//! SMCCC_ARCH_FEATURES: which architecture functions are there (DEN0028 §7.3).
//!
//! It may be asked about the architecture's own functions and those of the standard hypervisor
//! service, which is how PV time is found (DEN0057 §3.1).

use super::{Caller, FunctionId, ReturnCode, SUCCESS};
use crate::firmware::{Firmware, Function, Gate, PvTimeDiscovery, SelfDiscovery};
use crate::pvtime;

/// Zero or more if the function is there, NOT_SUPPORTED if not, and for a workaround its level.
pub(super) fn answer(firmware: &Firmware, caller: &Caller, asked: FunctionId) -> u64 {
    let rules = firmware.rules();
    let function = firmware
        .row(caller, asked)
        .map(|row| (row.function, row.gate));
    let found = match (function, rules.self_discovery, rules.pv_time_discovery) {
        (Some((_, Gate::Workaround(workaround))), _, _) => {
            return firmware.workarounds.promise(workaround).arch_features();
        }
        (Some((Function::PvTime(function), _)), discovery, PvTimeDiscovery::IfServed) => {
            firmware.pv_time.is_some()
                && (function == pvtime::Function::Features
                    || matches!(discovery, SelfDiscovery::Confirmed))
        }
        (Some((Function::PvTime(pvtime::Function::Features), _)), _, _) => true,
        (Some((Function::Architecture(_), _)), discovery, _) => {
            matches!(discovery, SelfDiscovery::Confirmed)
        }
        (None, _, PvTimeDiscovery::Always) => asked == FunctionId::PV_TIME_FEATURES,
        (Some(_) | None, _, _) => false,
    };
    if found {
        SUCCESS
    } else {
        ReturnCode::NotSupported.value()
    }
}
