//! Power State Coordination Interface (DEN0022, issue F.b).
//!
//! `Call::parse` turns registers into a call with decoded arguments, or into the `Error` that says
//! what is wrong with them; each call is then answered in the file of its name. An `Answer` says
//! what the caller gets; [`Vm`](crate::Vm) gives it its registers.

mod affinity_info;
mod call;
mod cpu_on;
mod cpu_suspend;
mod error;
mod features;
mod power_state;
mod system;
mod version;

pub use error::ReturnCode;
pub use system::{Reset, SystemEvent};
pub use version::PsciVersion;

pub(crate) use error::SUCCESS;

use call::Call;
use error::Error;
use power_state::{PowerState, PowerStateType};

use crate::firmware::Firmware;
use crate::smccc::{Args, Caller};
use crate::vcpu::{Cause, OnWake, VcpuId, Vcpus};

/// A function of the interface, whatever the width of its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// PSCI_VERSION (§5.1.1).
    Version,
    /// CPU_SUSPEND (§5.1.2).
    CpuSuspend,
    /// CPU_OFF (§5.1.3).
    CpuOff,
    /// CPU_ON (§5.1.4).
    CpuOn,
    /// AFFINITY_INFO (§5.1.5).
    AffinityInfo,
    /// MIGRATE_INFO_TYPE (§5.1.7).
    MigrateInfoType,
    /// SYSTEM_OFF (§5.1.9).
    SystemOff,
    /// SYSTEM_RESET (§5.1.11).
    SystemReset,
    /// SYSTEM_RESET2 (§5.1.12).
    SystemReset2,
    /// PSCI_FEATURES (§5.1.15).
    Features,
}

/// What a PSCI call comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The call returns this in x0.
    Value(u64),
    /// CPU_ON succeeded: the call returns SUCCESS, and that vCPU has a start to ask for.
    Started(VcpuId),
    /// The caller is off.
    Off,
    /// The caller waits for a wake-up event.
    Suspended(OnWake),
    /// The machine as a whole is concerned; the call does not return.
    System(SystemEvent),
}

/// Parses and answers a call whose gate is open.
pub(crate) fn answer<const N: usize>(
    firmware: &Firmware,
    vcpus: &mut Vcpus<N>,
    caller: &Caller,
    function: Function,
    args: &Args,
) -> Answer {
    Call::parse(function, args, firmware.rules())
        .and_then(|call| route(firmware, vcpus, caller, call))
        .unwrap_or_else(|error| Answer::Value(error.code(firmware.psci_version()).value()))
}

/// One line a call.
fn route<const N: usize>(
    firmware: &Firmware,
    vcpus: &mut Vcpus<N>,
    caller: &Caller,
    call: Call,
) -> Result<Answer, Error> {
    match call {
        Call::Version => Ok(Answer::Value(firmware.psci_version().value().into())),
        Call::CpuSuspend {
            state,
            entry,
            context,
        } => cpu_suspend::answer(firmware, vcpus, caller, state, entry, context),
        Call::CpuOff => Ok(cpu_off(vcpus, caller)),
        Call::CpuOn {
            target,
            entry,
            context,
        } => cpu_on::answer(firmware, vcpus, caller, target, entry, context),
        Call::AffinityInfo { target, level } => {
            affinity_info::answer(firmware, vcpus, target, level)
        }
        Call::MigrateInfoType => Ok(Answer::Value(TRUSTED_OS_NOT_PRESENT)),
        Call::SystemOff => Ok(Answer::System(SystemEvent::Off)),
        Call::SystemReset(reset) => Ok(Answer::System(SystemEvent::Reset(reset))),
        Call::Features { function } => {
            Ok(Answer::Value(features::answer(firmware, caller, function)))
        }
    }
}

/// CPU_OFF (§5.1.3). No Trusted OS lives here, so DENIED is never the answer.
fn cpu_off<const N: usize>(vcpus: &mut Vcpus<N>, caller: &Caller) -> Answer {
    // The caller runs, so that nothing refuses this.
    let _ = vcpus.apply(caller.vcpu, Cause::TurnOff);
    Answer::Off
}

/// MIGRATE_INFO_TYPE (§5.1.7): no Trusted OS, or one that need not be migrated.
const TRUSTED_OS_NOT_PRESENT: u64 = 2;
