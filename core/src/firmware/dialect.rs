//! Dialects: the specification's answers, and what each KVM generation answers instead.
//!
//! A guest that was promised KVM's answers keeps them, including where KVM is laxer than the
//! specification or different. Each difference is one column here, chosen by value in the one
//! place it concerns; `docs/abi.md` gives each its reason.

use super::Services;
use crate::psci::{PsciOptions, PsciVersion};

/// Whose answers a machine gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// What DEN0022, DEN0028, DEN0057 and DEN0098 say.
    Specification,
    /// What Linux KVM of this generation says.
    Kvm(KvmGeneration),
}

/// Generations of Linux's KVM, each named by a version whose answers were compared. A release
/// between two of them is taken as the older one, which promises no more than it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KvmGeneration {
    /// Linux 5.10, and what came before 5.19.
    V5_10,
    /// Linux 6.1: from 5.19, with the service bitmaps, to 6.3.
    V6_1,
    /// Linux 6.12: from 6.4, with SMC and the SMCCC filter, to 6.14.
    V6_12,
    /// Linux 7.3: from 6.15 on, with the second bitmap of vendor services.
    V7_3,
}

impl KvmGeneration {
    /// The generation that a kernel release belongs to; older than 5.10 counts as 5.10.
    #[must_use]
    pub const fn of_release(major: u32, minor: u32) -> Self {
        match (major, minor) {
            (0..=4, _) | (5, 0..=18) => Self::V5_10,
            (5, _) | (6, 0..=3) => Self::V6_1,
            (6, 4..=14) => Self::V6_12,
            (6.., _) => Self::V7_3,
        }
    }
}

impl Dialect {
    /// The newest PSCI that a machine of this dialect can have.
    #[must_use]
    pub const fn newest_psci(self) -> PsciVersion {
        self.rules().newest_psci
    }

    /// The optional functions of PSCI that it can have.
    #[must_use]
    pub const fn psci_options(self) -> PsciOptions {
        self.rules().psci_options
    }

    /// The services that it can have.
    #[must_use]
    pub const fn services(self) -> Services {
        self.rules().services
    }

    pub(crate) const fn rules(self) -> &'static Rules {
        match self {
            Self::Specification => &SPECIFICATION,
            Self::Kvm(KvmGeneration::V5_10) => &KVM_5_10,
            Self::Kvm(KvmGeneration::V6_1) => &KVM_6_1,
            Self::Kvm(KvmGeneration::V6_12) => &KVM_6_12,
            Self::Kvm(KvmGeneration::V7_3) => &KVM_7_3,
        }
    }
}

/// One dialect: a value for every point where dialects differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) newest_psci: PsciVersion,
    pub(crate) psci_options: PsciOptions,
    pub(crate) services: Services,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) unused_results: UnusedResults,
    pub(crate) immediate: Immediate,
    pub(crate) smc: Smc,
    pub(crate) aarch32_smc64: Aarch32Smc64,
    pub(crate) self_discovery: SelfDiscovery,
    pub(crate) pv_time_discovery: PvTimeDiscovery,
    pub(crate) workaround_call: WorkaroundCall,
    pub(crate) psci_0_1: Psci01,
    pub(crate) reserved_affinity: ReservedAffinity,
    pub(crate) affinity_level: ArgumentWidth,
    pub(crate) entry_point: EntryPoint,
    pub(crate) pending_start: PendingStart,
    pub(crate) suspend_state: SuspendState,
    pub(crate) trng_features: ArgumentWidth,
    pub(crate) trng_zero_bits: ZeroBits,
    pub(crate) trng_identity: TrngIdentity,
}

const SPECIFICATION: Rules = Rules {
    newest_psci: PsciVersion::V1_3,
    psci_options: PsciOptions::all(),
    services: Services::all(),
    vocabulary: Vocabulary::Whole,
    unused_results: UnusedResults::Preserved,
    immediate: Immediate::MustBeZero,
    smc: Smc::Served,
    aarch32_smc64: Aarch32Smc64::Unknown,
    self_discovery: SelfDiscovery::Confirmed,
    pv_time_discovery: PvTimeDiscovery::IfServed,
    workaround_call: WorkaroundCall::ByEitherConduit,
    psci_0_1: Psci01::Whole,
    reserved_affinity: ReservedAffinity::Refused,
    affinity_level: ArgumentWidth::Word,
    entry_point: EntryPoint::InRam,
    pending_start: PendingStart::Reported,
    suspend_state: SuspendState::Decoded,
    trng_features: ArgumentWidth::Word,
    trng_zero_bits: ZeroBits::Invalid,
    trng_identity: TrngIdentity::Vambrace,
};

const KVM_7_3: Rules = Rules {
    newest_psci: PsciVersion::V1_3,
    psci_options: PsciOptions::SYSTEM_RESET2
        .union(PsciOptions::SYSTEM_OFF2)
        .union(PsciOptions::SYSTEM_SUSPEND),
    services: Services::all(),
    vocabulary: Vocabulary::OfKvm,
    unused_results: UnusedResults::Zeroed,
    immediate: Immediate::IgnoredByHvc,
    smc: Smc::Served,
    aarch32_smc64: Aarch32Smc64::UnknownToPsci,
    self_discovery: SelfDiscovery::Denied,
    pv_time_discovery: PvTimeDiscovery::IfActive,
    workaround_call: WorkaroundCall::ByHvcAtAnyLevel,
    psci_0_1: Psci01::OffAndOn,
    reserved_affinity: ReservedAffinity::Refused,
    affinity_level: ArgumentWidth::AsPassed,
    entry_point: EntryPoint::Unchecked,
    pending_start: PendingStart::ReportedAsOn,
    suspend_state: SuspendState::AlwaysStandby,
    trng_features: ArgumentWidth::AsPassed,
    trng_zero_bits: ZeroBits::Success,
    trng_identity: TrngIdentity::Kvm,
};

const KVM_6_12: Rules = Rules {
    newest_psci: PsciVersion::V1_1,
    services: Services::all()
        .difference(Services::DISCOVER_IMPL_VERSION)
        .difference(Services::DISCOVER_IMPL_CPUS),
    ..KVM_7_3
};

const KVM_6_1: Rules = Rules {
    smc: Smc::Unknown,
    ..KVM_6_12
};

const KVM_5_10: Rules = Rules {
    newest_psci: PsciVersion::V1_0,
    psci_options: PsciOptions::SYSTEM_RESET2.union(PsciOptions::SYSTEM_OFF2),
    services: Services::PV_TIME,
    pv_time_discovery: PvTimeDiscovery::Always,
    reserved_affinity: ReservedAffinity::Masked,
    ..KVM_6_1
};

/// Which of the specifications' optional parts there are at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vocabulary {
    /// All of them.
    Whole,
    /// Those that KVM has: no SoC identification, no workaround 4, no Trusted OS, SMCCC 1.1.
    OfKvm,
}

/// x1–x3 after a call that does not define them as results.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UnusedResults {
    /// Left as the caller had them.
    Preserved,
    /// Zero.
    Zeroed,
}

/// The immediate of the calling instruction (DEN0028 §2.10: zero).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Immediate {
    /// Another value makes the call unknown.
    MustBeZero,
    /// HVC's is not looked at; SMC's must be zero.
    IgnoredByHvc,
}

/// Calls by SMC.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Smc {
    /// Reach the same functions as by HVC.
    Served,
    /// Are all unknown.
    Unknown,
}

/// SMCCC_ARCH_FEATURES asked about SMCCC_VERSION or itself (DEN0028 §7.3: there).
#[derive(Debug, Clone, Copy)]
pub(crate) enum SelfDiscovery {
    /// 0.
    Confirmed,
    /// NOT_SUPPORTED.
    Denied,
}

/// Calls of the workarounds themselves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WorkaroundCall {
    /// Those that are promised.
    ByEitherConduit,
    /// All three, promised or not, and x1 is zeroed; none by SMC.
    ByHvcAtAnyLevel,
}

/// Bits of a target affinity outside the affinity fields (DEN0022 table 6: must be zero).
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReservedAffinity {
    /// INVALID_PARAMETERS.
    Refused,
    /// Taken as zero.
    Masked,
}

/// How much of a register that carries a `uint32` counts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ArgumentWidth {
    /// The low word.
    Word,
    /// All that the caller put there: of AFFINITY_INFO's level, what the call's width has; of
    /// TRNG_FEATURES' function id, the whole register.
    AsPassed,
}

/// SMC64 functions called from AArch32 (DEN0028 §2.2: unknown).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aarch32Smc64 {
    /// All are unknown.
    Unknown,
    /// Those of PSCI are unknown, the others are served.
    UnknownToPsci,
}

/// SMCCC_ARCH_FEATURES asked about PV_TIME_FEATURES.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PvTimeDiscovery {
    /// 0 if the service is there and has structures to tell of.
    IfServed,
    /// 0 if the service is there.
    IfActive,
    /// 0 always.
    Always,
}

/// The functions of PSCI 0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Psci01 {
    /// All four.
    Whole,
    /// CPU_OFF and CPU_ON.
    OffAndOn,
}

/// TRNG_RND asked for no bits (DEN0098 §2.4: at least one).
#[derive(Debug, Clone, Copy)]
pub(crate) enum ZeroBits {
    /// INVALID_PARAMETER.
    Invalid,
    /// SUCCESS, and zeroes.
    Success,
}

/// What TRNG_GET_UUID says of who makes the numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TrngIdentity {
    /// This firmware.
    Vambrace,
    /// KVM.
    Kvm,
}

/// The entry point of CPU_ON and of a powerdown suspend.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EntryPoint {
    /// Must lie in RAM, else INVALID_ADDRESS.
    InRam,
    /// Is not looked at.
    Unchecked,
}

/// A CPU that was turned on and has not begun.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PendingStart {
    /// CPU_ON answers ON_PENDING, AFFINITY_INFO answers ON_PENDING.
    Reported,
    /// CPU_ON answers ALREADY_ON, AFFINITY_INFO answers ON.
    ReportedAsOn,
}

/// CPU_SUSPEND's power_state.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SuspendState {
    /// Decoded, and refused if it is not one of the machine's.
    Decoded,
    /// Not looked at: every suspend is standby, entry point and context id are unused.
    AlwaysStandby,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_fall_into_generations() {
        for (release, generation) in [
            ((4, 19), KvmGeneration::V5_10),
            ((5, 10), KvmGeneration::V5_10),
            ((5, 18), KvmGeneration::V5_10),
            ((5, 19), KvmGeneration::V6_1),
            ((6, 3), KvmGeneration::V6_1),
            ((6, 4), KvmGeneration::V6_12),
            ((6, 12), KvmGeneration::V6_12),
            ((6, 14), KvmGeneration::V6_12),
            ((6, 15), KvmGeneration::V7_3),
            ((7, 0), KvmGeneration::V7_3),
        ] {
            assert_eq!(
                KvmGeneration::of_release(release.0, release.1),
                generation,
                "{release:?}"
            );
        }
    }
}
