//! What the firmware of one machine is, and the gate to its functions.
//!
//! Versions, levels, services, a dialect. All of it is fixed when the machine is made. Services read it and know nothing of each other.

mod dialect;
mod gate;
mod pseudo_register;
mod services;
mod workaround;

pub use dialect::{Dialect, KvmGeneration};
pub use gate::{FUNCTIONS, Function, Gate, Row};
pub use pseudo_register::{PseudoRegister, RegisterError};
pub use services::{Bitmap, Services};
pub use workaround::{Level, Workaround, Workarounds};

pub(crate) use dialect::{
    Aarch32Smc64, ArgumentWidth, EntryPoint, Immediate, PendingStart, Psci01, PvTimeDiscovery,
    ReservedAffinity, Rules, SelfDiscovery, Smc, SuspendState, TrngIdentity, UnusedResults,
    Vocabulary, WorkaroundCall, ZeroBits,
};
pub(crate) use pseudo_register::Stage;
pub(crate) use services::Negotiated;

use crate::memory::{Ipa, RamMap};
use crate::psci::{self, PsciOptions, PsciVersion, TrustedOs};
use crate::smccc::{
    self, Caller, Conduit, ExecutionState, FunctionId, Results, ReturnCode, SUCCESS, SmcccVersion,
    SocId,
};
use crate::vendor_hyp::Implementations;

/// The firmware of one machine, frozen.
#[derive(Debug, Clone)]
pub(crate) struct Firmware {
    /// The calling convention's version.
    pub(crate) smccc_version: SmcccVersion,
    /// Which SoC the machine has, if it says so.
    pub(crate) soc_id: Option<SocId>,
    /// The levels of the architecture workarounds.
    pub(crate) workarounds: Workarounds,
    /// The PSCI version that the guest is told.
    pub(crate) psci_version: PsciVersion,
    /// What of PSCI is optional and named; [`psci_options`](Self::psci_options) has what is there.
    pub(crate) psci_options: PsciOptions,
    /// The Trusted OS, if there is one that runs on one CPU.
    pub(crate) trusted_os: Option<TrustedOs>,
    /// Whether memory is protected from the start.
    pub(crate) protected: bool,
    /// The services outside PSCI.
    pub(crate) services: Negotiated,
    /// Where the first vCPU's stolen time structure is.
    pub(crate) pv_time: Option<Ipa>,
    /// The CPU implementations that the machine may land on.
    pub(crate) implementations: Implementations,
    /// Whose answers it gives.
    pub(crate) dialect: Dialect,
    /// The machine's RAM.
    pub(crate) ram: RamMap,
}

/// What becomes of a call before its service sees it.
pub(crate) enum Admission {
    /// The function exists and is open to this caller.
    Open(&'static Row),
    /// The function is not there for this caller.
    Closed(&'static Row),
    /// There is no such function: NOT_SUPPORTED.
    Unknown,
    /// The instruction does not reach the firmware: NOT_SUPPORTED, in x0 alone.
    NotServed,
}

impl Firmware {
    /// PSCI 1.1 and SMCCC 1.1 in the specification's dialect, and nothing that is optional but the
    /// resets and ends that come with a PSCI version.
    pub(crate) const fn least() -> Self {
        Self {
            smccc_version: SmcccVersion::V1_1,
            soc_id: None,
            workarounds: Workarounds::NONE,
            psci_version: PsciVersion::V1_1,
            psci_options: PsciOptions::SYSTEM_RESET2.union(PsciOptions::SYSTEM_OFF2),
            trusted_os: None,
            protected: false,
            services: Negotiated::offering(Services::empty()),
            pv_time: None,
            implementations: Implementations::new(),
            dialect: Dialect::Specification,
            ram: RamMap::new(),
        }
    }

    /// The optional parts of PSCI; the first came with 1.0.
    pub(crate) fn psci_options(&self) -> PsciOptions {
        if self.psci_version < PsciVersion::V1_0 {
            PsciOptions::empty()
        } else {
            self.psci_options
        }
    }

    /// The rules of the machine's dialect.
    pub(crate) const fn rules(&self) -> &'static Rules {
        self.dialect.rules()
    }

    /// The function with this id, if it is there for this caller. Answers the call itself and every
    /// question about it alike: what is served and what is advertised agree.
    pub(crate) fn row(&self, caller: &Caller, id: FunctionId) -> Option<&'static Row> {
        gate::find(id).filter(|row| self.opens(row) && self.serves(caller, row))
    }

    fn opens(&self, row: &Row) -> bool {
        let smccc = self.smccc_version;
        match row.gate {
            Gate::Smccc(since) => smccc >= since,
            Gate::SocId => smccc >= SmcccVersion::V1_2 && self.soc_id.is_some(),
            Gate::SocName => {
                smccc >= SmcccVersion::V1_6 && self.soc_id.as_ref().is_some_and(SocId::has_name)
            }
            Gate::Workaround(workaround) => self.promises(workaround),
            Gate::Psci(since) => self.psci_version >= since,
            Gate::PsciOption(since, option) => {
                self.psci_version >= since && self.psci_options.contains(option)
            }
            Gate::TrustedOs => self.psci_version >= PsciVersion::V0_2 && self.trusted_os.is_some(),
            Gate::Psci01 => self.psci_version == PsciVersion::V0_1 && self.has_psci_0_1(row),
            Gate::Service(service) => self.services.active().contains(service),
        }
    }

    fn has_psci_0_1(&self, row: &Row) -> bool {
        match (row.function, self.rules().psci_0_1) {
            (Function::Psci(psci::Function::CpuOff | psci::Function::CpuOn), _) => true,
            (Function::Psci(psci::Function::Migrate), _) => self.trusted_os.is_some(),
            (_, rule) => rule == Psci01::Whole,
        }
    }

    /// Decides whether the call reaches a service.
    pub(crate) fn admit(&self, caller: &Caller, id: FunctionId) -> Admission {
        if !self.serves_conduit(caller.conduit) {
            return Admission::NotServed;
        }
        // The hint belongs to the call, not to the function.
        let id = if self.smccc_version >= SmcccVersion::V1_3 {
            id.without_sve_hint()
        } else {
            id
        };
        let Some(row) = gate::find(id) else {
            return Admission::Unknown;
        };
        if self.opens(row) && self.serves(caller, row) {
            Admission::Open(row)
        } else {
            Admission::Closed(row)
        }
    }

    /// The results of a call of `workaround`, if there is such a call. Those that KVM's exception
    /// vector knows are there by HVC, whatever is promised, and never by SMC.
    pub(crate) fn workaround(&self, conduit: Conduit, workaround: Workaround) -> Option<Results> {
        let by_vector = workaround != Workaround::Four;
        match (self.rules().workaround_call, conduit) {
            (WorkaroundCall::ByHvcAtAnyLevel, Conduit::Hvc(_)) if by_vector => {
                Some(Results::in_x0_and_x1(SUCCESS, SUCCESS))
            }
            (WorkaroundCall::ByHvcAtAnyLevel, Conduit::Smc(_)) if by_vector => None,
            (WorkaroundCall::ByHvcAtAnyLevel | WorkaroundCall::ByEitherConduit, _) => {
                self.promises(workaround).then(|| self.results(SUCCESS))
            }
        }
    }

    fn promises(&self, workaround: Workaround) -> bool {
        let told = self.workarounds.promise(workaround).arch_features();
        told != ReturnCode::NotSupported.value()
    }

    /// The answer to a call that depends on nothing but what the machine is: guests and their
    /// kernels ask for versions over and over.
    pub(crate) fn constant(&self, row: &Row) -> Option<u64> {
        match row.function {
            Function::Architecture(smccc::Function::Version) => Some(self.smccc_version.value()),
            Function::Psci(psci::Function::Version) => Some(self.psci_version.value()),
            _ => None,
        }
        .map(u64::from)
    }

    /// Is the function there for a caller in this state? AArch32 has no registers for SMC64.
    fn serves(&self, caller: &Caller, row: &Row) -> bool {
        match (caller.execution_state, self.rules().aarch32_smc64) {
            (ExecutionState::Aarch64, _) => true,
            (ExecutionState::Aarch32, Aarch32Smc64::Unknown) => !row.id.is_smc64(),
            (ExecutionState::Aarch32, Aarch32Smc64::UnknownToPsci) => {
                !row.id.is_smc64() || !matches!(row.function, Function::Psci(_))
            }
        }
    }

    /// A call whose only result is `x0`, in the shape of the dialect.
    pub(crate) const fn results(&self, x0: u64) -> Results {
        match self.rules().unused_results {
            UnusedResults::Preserved => Results::in_x0(x0),
            UnusedResults::Zeroed => Results::in_x0_with_zeroes(x0),
        }
    }

    /// Does a call by this instruction reach the firmware?
    fn serves_conduit(&self, conduit: Conduit) -> bool {
        let rules = self.rules();
        match (conduit, rules.immediate, rules.smc) {
            (Conduit::Hvc(0), _, _) | (Conduit::Hvc(_), Immediate::IgnoredByHvc, _) => true,
            (Conduit::Smc(0), _, Smc::Served) => true,
            (Conduit::Hvc(_), Immediate::MustBeZero, _) | (Conduit::Smc(_), _, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firmware(dialect: Dialect, psci_version: PsciVersion) -> Firmware {
        Firmware {
            psci_version,
            dialect,
            ..Firmware::least()
        }
    }

    fn has(firmware: &Firmware, id: FunctionId) -> bool {
        gate::find(id).is_some_and(|row| firmware.opens(row))
    }

    #[test]
    fn a_function_younger_than_the_machines_psci_is_not_there() {
        let kvm = Dialect::Kvm(KvmGeneration::V7_3);
        for (id, before, since) in [
            (0x8400_0000, PsciVersion::V0_1, PsciVersion::V0_2),
            (0x8400_000a, PsciVersion::V0_2, PsciVersion::V1_0),
            (0x8400_0012, PsciVersion::V1_0, PsciVersion::V1_1),
            (0x8400_0015, PsciVersion::V1_2, PsciVersion::V1_3),
        ] {
            let id = FunctionId::new(id);
            assert!(!has(&firmware(kvm, before), id), "{id}");
            assert!(has(&firmware(kvm, since), id), "{id}");
        }
    }

    #[test]
    fn the_private_ids_are_there_in_0_1_alone() {
        for (dialect, suspend) in [
            (Dialect::Specification, true),
            (Dialect::Kvm(KvmGeneration::V6_12), false),
        ] {
            let old = firmware(dialect, PsciVersion::V0_1);
            assert!(has(&old, FunctionId::new(0x95c1_ba60)));
            let there = has(&old, FunctionId::new(0x95c1_ba5e));
            assert_eq!(there, suspend);
            let new = firmware(dialect, PsciVersion::V0_2);
            assert!(!has(&new, FunctionId::new(0x95c1_ba60)));
        }
    }

    #[test]
    fn a_workaround_without_level_is_not_there() {
        let mut machine = firmware(Dialect::Specification, PsciVersion::V1_1);
        let id = FunctionId::new(0x8000_8000);
        assert!(!has(&machine, id));
        machine.workarounds = Workarounds::NONE.with(Workaround::One, Level::Available);
        assert!(has(&machine, id));
    }

    #[test]
    fn a_soc_is_told_from_1_2_on_and_by_name_from_1_6() {
        let soc = SocId::new(1, 2).unwrap().with_name("a SoC").unwrap();
        let of = |smccc_version| Firmware {
            smccc_version,
            soc_id: Some(soc.clone()),
            ..Firmware::least()
        };
        let words = FunctionId::new(0x8000_0002);
        let name = FunctionId::new(0xc000_0002);
        assert!(!has(&of(SmcccVersion::V1_1), words));
        assert!(has(&of(SmcccVersion::V1_2), words));
        assert!(!has(&of(SmcccVersion::V1_5), name));
        assert!(has(&of(SmcccVersion::V1_6), name));
        assert!(!has(&Firmware::least(), words));
    }
}
