//! Paravirtualised time for Arm-based systems (DEN0057, issue A): stolen time.
//!
//! A guest finds the service by SMCCC_ARCH_FEATURES, asks where its vCPU's structure is, and reads
//! from there how long the vCPU wanted to run and could not. Core answers the calls and knows the
//! structure; whoever schedules the vCPU writes it: under KVM the kernel, elsewhere the backend.

mod stolen_time;

pub use stolen_time::StolenTime;

use crate::firmware::{self, Firmware};
use crate::memory::Ipa;
use crate::smccc::{Args, Caller, FunctionId, Results, ReturnCode, SUCCESS};
use crate::vcpu::VcpuId;

/// A function of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// PV_TIME_FEATURES (§3.2): is this function there?
    Features,
    /// PV_TIME_ST (§3.3): where is the calling CPU's structure?
    StolenTime,
}

/// Answers a call whose gate is open. Without structures in memory there is nothing to answer.
pub(crate) fn answer(
    firmware: &Firmware,
    caller: &Caller,
    function: Function,
    args: &Args<'_>,
) -> Results {
    let place = firmware
        .pv_time
        .and_then(|base| structure_of(base, caller.vcpu));
    let value = match (function, place) {
        (Function::Features, Some(_)) => {
            features(firmware, caller, FunctionId::from_x0(args.first()))
        }
        (Function::StolenTime, Some(place)) => place.value(),
        (Function::Features | Function::StolenTime, None) => ReturnCode::NotSupported.value(),
    };
    firmware.results(value)
}

/// SUCCESS for the interface's own functions.
fn features(firmware: &Firmware, caller: &Caller, asked: FunctionId) -> u64 {
    match firmware.row(caller, asked).map(|row| row.function) {
        Some(firmware::Function::PvTime(_)) => SUCCESS,
        Some(_) | None => ReturnCode::NotSupported.value(),
    }
}

/// One structure a vCPU, in the order of the vCPUs.
fn structure_of(base: Ipa, vcpu: VcpuId) -> Option<Ipa> {
    let offset = StolenTime::BYTES.checked_mul(vcpu.index())?;
    base.value()
        .checked_add(u64::try_from(offset).ok()?)
        .map(Ipa::new)
}
