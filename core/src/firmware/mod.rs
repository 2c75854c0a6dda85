//! What the firmware of one machine is: versions, levels, dialect, and the gate to its functions.
//!
//! All of it is fixed when the machine is made. Services read it and know nothing of each other.

mod dialect;
mod gate;
mod workaround;

pub use dialect::{Dialect, KvmGeneration};
pub use gate::{FUNCTIONS, Function, Gate, Row};
pub use workaround::{Level, Workaround, Workarounds};

pub(crate) use dialect::{
    AffinityLevelWidth, EntryPoint, Immediate, PendingStart, ReservedAffinity, Rules,
    SelfDiscovery, Smc, SuspendState, UnusedResults, WorkaroundCall,
};

use crate::memory::RamMap;
use crate::psci::{self, PsciVersion};
use crate::smccc::{
    Caller, Conduit, ExecutionState, FunctionId, Needs, Results, ReturnCode, SmcccVersion,
};

/// The firmware of one machine, frozen.
#[derive(Debug, Clone)]
pub(crate) struct Firmware {
    pub(crate) psci_version: PsciVersion,
    pub(crate) workarounds: Workarounds,
    pub(crate) dialect: Dialect,
    pub(crate) ram: RamMap,
}

/// What becomes of a call before its service sees it.
pub(crate) enum Admission {
    /// The function exists and is open to this caller.
    Open(&'static Row),
    /// Answered already.
    Answered(Results),
}

impl Firmware {
    /// The calling convention's version.
    pub(crate) fn smccc_version(&self) -> SmcccVersion {
        SmcccVersion::V1_1
    }

    /// The PSCI version that the guest is told.
    pub(crate) const fn psci_version(&self) -> PsciVersion {
        self.psci_version
    }

    /// The levels of the architecture workarounds.
    pub(crate) const fn workarounds(&self) -> &Workarounds {
        &self.workarounds
    }

    /// The rules of the machine's dialect.
    pub(crate) const fn rules(&self) -> &'static Rules {
        self.dialect.rules()
    }

    /// The machine's RAM.
    pub(crate) const fn ram(&self) -> &RamMap {
        &self.ram
    }

    /// The function with this id, if its gate is open in this machine. Answers the call itself,
    /// PSCI_FEATURES and SMCCC_ARCH_FEATURES alike: what is served and what is advertised agree.
    pub(crate) fn row(&self, id: FunctionId) -> Option<&'static Row> {
        let row = gate::find(id)?;
        let open = match row.gate {
            Gate::Always => true,
            Gate::Psci(since) => self.psci_version >= since,
            Gate::Workaround(workaround) => {
                self.workarounds.level(workaround) != Level::NotAvailable
            }
        };
        open.then_some(row)
    }

    /// What the answer to an open call depends on. Where every suspension is standby, nothing.
    pub(crate) fn needs(&self, row: &Row) -> Needs {
        match (row.function, self.rules().suspend_state) {
            (Function::Psci(psci::Function::CpuSuspend), SuspendState::AlwaysStandby) => {
                Needs::NOTHING
            }
            _ => row.needs,
        }
    }

    /// Decides whether the call reaches a service.
    pub(crate) fn admit(&self, caller: &Caller, id: FunctionId) -> Admission {
        if let Some(results) = self.refuse_conduit(caller.conduit) {
            return Admission::Answered(results);
        }
        if id.is_smc64() && caller.execution_state == ExecutionState::Aarch32 {
            return Admission::Answered(self.results(ReturnCode::NotSupported.value()));
        }
        if let Some(results) = self.answer_workaround(caller.conduit, id) {
            return Admission::Answered(results);
        }
        match self.row(id) {
            Some(row) => Admission::Open(row),
            None => Admission::Answered(self.results(ReturnCode::NotSupported.value())),
        }
    }

    /// A call whose only result is `x0`, in the shape of the dialect.
    pub(crate) const fn results(&self, x0: u64) -> Results {
        match self.rules().unused_results {
            UnusedResults::Preserved => Results::in_x0(x0),
            UnusedResults::Zeroed => Results::in_x0_with_zeroes(x0),
        }
    }

    /// KVM answers the workarounds in its exception vector, before it knows what is promised.
    fn answer_workaround(&self, conduit: Conduit, id: FunctionId) -> Option<Results> {
        let is_workaround = matches!(gate::find(id)?.gate, Gate::Workaround(_));
        match (self.rules().workaround_call, conduit) {
            (WorkaroundCall::ByHvcAtAnyLevel, Conduit::Hvc(_)) if is_workaround => {
                Some(Results::in_x0_and_x1(0, 0))
            }
            (WorkaroundCall::ByHvcAtAnyLevel, Conduit::Smc(_)) if is_workaround => {
                Some(self.results(ReturnCode::NotSupported.value()))
            }
            (WorkaroundCall::ByHvcAtAnyLevel | WorkaroundCall::ByEitherConduit, _) => None,
        }
    }

    /// What a conduit that the dialect does not serve gets: x0 alone, the rest untouched.
    fn refuse_conduit(&self, conduit: Conduit) -> Option<Results> {
        let rules = self.rules();
        let served = match (conduit, rules.immediate, rules.smc) {
            (Conduit::Hvc(0), _, _) | (Conduit::Hvc(_), Immediate::IgnoredByHvc, _) => true,
            (Conduit::Smc(0), _, Smc::Served) => true,
            (Conduit::Hvc(_), Immediate::MustBeZero, _) | (Conduit::Smc(_), _, _) => false,
        };
        (!served).then(|| Results::in_x0(ReturnCode::NotSupported.value()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firmware(dialect: Dialect, psci_version: PsciVersion) -> Firmware {
        Firmware {
            psci_version,
            workarounds: Workarounds::NONE,
            dialect,
            ram: RamMap::EMPTY,
        }
    }

    #[test]
    fn a_function_younger_than_the_machines_psci_is_not_there() {
        let id = FunctionId::new(0x8400_0012);
        let kvm = Dialect::Kvm(KvmGeneration::V6_12);
        assert!(firmware(kvm, PsciVersion::V1_0).row(id).is_none());
        assert!(firmware(kvm, PsciVersion::V1_1).row(id).is_some());
        let features = FunctionId::new(0x8400_000a);
        assert!(firmware(kvm, PsciVersion::V0_2).row(features).is_none());
    }

    #[test]
    fn a_workaround_without_level_is_not_there() {
        let mut machine = firmware(Dialect::Specification, PsciVersion::V1_1);
        let id = FunctionId::new(0x8000_8000);
        assert!(machine.row(id).is_none());
        machine.workarounds = Workarounds::NONE.with(Workaround::One, Level::Available);
        assert!(machine.row(id).is_some());
    }
}
