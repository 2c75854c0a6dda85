//! Power State Coordination Interface (DEN0022, issue F.b).
//!
//! `Call::parse` turns registers into a call with decoded arguments, or into the `Error` that says
//! what is wrong with them; each call is then answered in the file of its name. An `Answer` says
//! what the caller gets; [`Vm`](crate::Vm) gives it its registers.

mod affinity_info;
mod call;
mod clean_inv_memregion;
mod cpu_off;
mod cpu_on;
mod cpu_suspend;
mod error;
mod features;
mod mem_protect;
mod migrate;
mod node_hw_state;
mod options;
mod power_state;
mod state;
mod statistics;
mod suspend_mode;
mod system;
mod version;

pub use error::ReturnCode;
pub use migrate::{Migration, TrustedOs};
pub use options::PsciOptions;
pub use system::{Reset, SystemEvent};
pub use version::PsciVersion;

pub(crate) use power_state::PowerStateType;
pub(crate) use state::State;

use call::Call;
use error::Error;
use power_state::PowerState;

use crate::firmware::{Firmware, Row, SuspendState};
use crate::memory::{Ipa, RamRange};
use crate::smccc::{Args, Caller, Endianness, Needs, SUCCESS};
use crate::time::Time;
use crate::vcpu::{OnWake, ResetState, VcpuId, Vcpus};

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
    /// MIGRATE (§5.1.6).
    Migrate,
    /// MIGRATE_INFO_TYPE (§5.1.7).
    MigrateInfoType,
    /// MIGRATE_INFO_UP_CPU (§5.1.8).
    MigrateInfoUpCpu,
    /// SYSTEM_OFF (§5.1.9).
    SystemOff,
    /// SYSTEM_OFF2 (§5.1.10).
    SystemOff2,
    /// SYSTEM_RESET (§5.1.11).
    SystemReset,
    /// SYSTEM_RESET2 (§5.1.12).
    SystemReset2,
    /// MEM_PROTECT (§5.1.13).
    MemProtect,
    /// MEM_PROTECT_CHECK_RANGE (§5.1.14).
    MemProtectCheckRange,
    /// PSCI_FEATURES (§5.1.15).
    Features,
    /// CPU_FREEZE (§5.1.16).
    CpuFreeze,
    /// CPU_DEFAULT_SUSPEND (§5.1.17).
    CpuDefaultSuspend,
    /// NODE_HW_STATE (§5.1.18).
    NodeHwState,
    /// SYSTEM_SUSPEND (§5.1.19).
    SystemSuspend,
    /// PSCI_SET_SUSPEND_MODE (§5.1.20).
    SetSuspendMode,
    /// PSCI_STAT_RESIDENCY (§5.1.21).
    StatResidency,
    /// PSCI_STAT_COUNT (§5.1.22).
    StatCount,
    /// CLEAN_INV_MEMREGION (the alpha of 1.3).
    CleanInvMemregion,
    /// CLEAN_INV_MEMREGION_ATTRIBUTES (the alpha of 1.3).
    CleanInvMemregionAttributes,
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
    /// The same, and the machine as a whole sleeps.
    SystemSuspended(OnWake),
    /// The range is to be cleaned and invalidated; then the call returns SUCCESS.
    CleanInvalidate(RamRange),
    /// The machine as a whole ends or begins anew; the call does not return.
    System(SystemEvent),
}

/// What a call is answered from, and what it may change.
pub(crate) struct Context<'a, const N: usize> {
    pub(crate) firmware: &'a Firmware,
    pub(crate) vcpus: &'a mut Vcpus<N>,
    pub(crate) state: &'a mut State,
    pub(crate) caller: &'a Caller,
    pub(crate) time: Option<Time>,
}

impl<const N: usize> Context<'_, N> {
    /// What this call needs in this state of the machine, `row` saying what it needs at most. A
    /// refusal that is certain from the first argument, or from none, needs no more.
    pub(crate) fn needs(&self, row: &Row, function: Function, args: &Args<'_>) -> Needs {
        let statistics = self
            .firmware
            .psci_options()
            .contains(PsciOptions::STATISTICS);
        let first = Needs::arguments_only(1);
        match function {
            Function::CpuSuspend => match self.firmware.rules().suspend_state {
                SuspendState::AlwaysStandby => Needs::NOTHING.and_time_if(statistics),
                SuspendState::Decoded if args.fetched() == 0 => first,
                SuspendState::Decoded => match cpu_suspend::needs_entry(self, args) {
                    Ok(true) => row.needs.and_time_if(statistics),
                    Ok(false) => first.and_time_if(statistics),
                    Err(_) => first,
                },
            },
            Function::CpuDefaultSuspend => row.needs.and_time_if(statistics),
            Function::CpuOn if args.fetched() == 0 => first,
            Function::CpuOn => match cpu_on::find_startable(self, args) {
                Ok(_) => row.needs,
                Err(_) => first,
            },
            Function::SystemSuspend => match system::check_alone(self) {
                Ok(()) => row.needs,
                Err(_) => Needs::NOTHING,
            },
            _ => row.needs,
        }
    }

    /// Parses and answers a call whose gate is open.
    pub(crate) fn answer(&mut self, function: Function, args: &Args<'_>) -> Answer {
        Call::parse(function, args, self.firmware)
            .and_then(|call| self.route(call))
            .unwrap_or_else(|error| Answer::Value(error.code(self.firmware.psci_version).value()))
    }

    /// One line a call.
    fn route(&mut self, call: Call) -> Result<Answer, Error> {
        match call {
            Call::Version => Ok(Answer::Value(self.firmware.psci_version.value().into())),
            Call::CpuSuspend {
                state,
                entry,
                context,
            } => cpu_suspend::answer(self, state, entry, context),
            Call::CpuOff => cpu_off::answer(self),
            Call::CpuOn {
                target,
                entry,
                context,
            } => cpu_on::answer(self, target, entry, context),
            Call::AffinityInfo { target, level } => affinity_info::answer(self, target, level),
            Call::Migrate { target } => migrate::migrate(self, target),
            Call::MigrateInfoType => Ok(migrate::info_type(self)),
            Call::MigrateInfoUpCpu { most } => migrate::info_up_cpu(self, most),
            Call::SystemEvent(event) => Ok(Answer::System(event)),
            Call::MemProtect { protection } => Ok(mem_protect::set(self, protection)),
            Call::MemProtectCheckRange { range } => mem_protect::check_range(self, range),
            Call::Features { function } => Ok(features::answer(self, function)),
            Call::CpuDefaultSuspend { entry, context } => {
                cpu_suspend::answer_default(self, entry, context)
            }
            Call::NodeHwState { target, level } => node_hw_state::answer(self, target, level),
            Call::SystemSuspend { entry, context } => system::suspend(self, entry, context),
            Call::SetSuspendMode { mode } => suspend_mode::set(self, mode),
            Call::Statistic {
                statistic,
                of,
                most,
            } => Ok(statistics::answer(self, statistic, of, most)),
            Call::CleanInvMemregion { range, operation } => {
                clean_inv_memregion::answer(self, range, operation)
            }
            Call::CleanInvMemregionAttributes { attribute } => {
                clean_inv_memregion::attributes(attribute)
            }
        }
    }

    /// A CPU that begins at `entry` as the caller is: in its execution state and byte order.
    fn reset_state(&self, entry: Ipa, argument: u64) -> ResetState {
        ResetState::new(
            entry,
            argument,
            self.caller.execution_state,
            // Whoever calls what starts a CPU has been asked for it.
            self.caller.endianness.unwrap_or(Endianness::Little),
        )
    }
}
