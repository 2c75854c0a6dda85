//! Dialects: the specification's answers, and what each KVM generation answers instead.
//!
//! A guest that was promised KVM's answers keeps them, including where KVM is laxer than the
//! specification or different. Each difference is one column here, chosen by value in the one
//! place it concerns; `docs/abi.md` gives each its reason.

/// Whose answers a machine gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// What DEN0022 and DEN0028 say.
    Specification,
    /// What Linux KVM of this generation says.
    Kvm(KvmGeneration),
}

/// Ranges of Linux versions whose KVM answers alike, each named by one version in it. 7.3 differs from
/// 6.12 only in functions that core does not serve yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KvmGeneration {
    /// Linux 5.10 to 5.14.
    V5_10,
    /// Linux 5.15 to 6.3.
    V6_1,
    /// Linux 6.4 to 6.12.
    V6_12,
    /// Linux 6.13 and newer.
    V7_3,
}

impl KvmGeneration {
    /// The generation that a kernel release belongs to; older than 5.10 counts as 5.10.
    #[must_use]
    pub const fn of_release(major: u32, minor: u32) -> Self {
        match (major, minor) {
            (0..=4, _) | (5, 0..=14) => Self::V5_10,
            (5, _) | (6, 0..=3) => Self::V6_1,
            (6, 4..=12) => Self::V6_12,
            (6.., _) => Self::V7_3,
        }
    }
}

impl Dialect {
    pub(crate) const fn rules(self) -> &'static Rules {
        match self {
            Self::Specification => &SPECIFICATION,
            Self::Kvm(KvmGeneration::V5_10) => &KVM_5_10,
            Self::Kvm(KvmGeneration::V6_1) => &KVM_6_1,
            Self::Kvm(KvmGeneration::V6_12 | KvmGeneration::V7_3) => &KVM_6_12,
        }
    }
}

/// One dialect: a value for every point where dialects differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) unused_results: UnusedResults,
    pub(crate) immediate: Immediate,
    pub(crate) smc: Smc,
    pub(crate) self_discovery: SelfDiscovery,
    pub(crate) workaround_call: WorkaroundCall,
    pub(crate) reserved_affinity: ReservedAffinity,
    pub(crate) affinity_level: AffinityLevelWidth,
    pub(crate) entry_point: EntryPoint,
    pub(crate) pending_start: PendingStart,
    pub(crate) suspend_state: SuspendState,
}

const SPECIFICATION: Rules = Rules {
    unused_results: UnusedResults::Preserved,
    immediate: Immediate::MustBeZero,
    smc: Smc::Served,
    self_discovery: SelfDiscovery::Confirmed,
    workaround_call: WorkaroundCall::ByEitherConduit,
    reserved_affinity: ReservedAffinity::Refused,
    affinity_level: AffinityLevelWidth::Word,
    entry_point: EntryPoint::InRam,
    pending_start: PendingStart::Reported,
    suspend_state: SuspendState::Decoded,
};

const KVM_6_12: Rules = Rules {
    unused_results: UnusedResults::Zeroed,
    immediate: Immediate::IgnoredByHvc,
    smc: Smc::Served,
    self_discovery: SelfDiscovery::Denied,
    workaround_call: WorkaroundCall::ByHvcAtAnyLevel,
    reserved_affinity: ReservedAffinity::Refused,
    affinity_level: AffinityLevelWidth::AsPassed,
    entry_point: EntryPoint::Unchecked,
    pending_start: PendingStart::ReportedAsOn,
    suspend_state: SuspendState::AlwaysStandby,
};

const KVM_6_1: Rules = Rules {
    smc: Smc::Unknown,
    ..KVM_6_12
};

const KVM_5_10: Rules = Rules {
    reserved_affinity: ReservedAffinity::Masked,
    ..KVM_6_1
};

/// x1–x3 after a call that does not define them as results.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UnusedResults {
    /// Left as the caller had them.
    Preserved,
    /// Zero.
    Zeroed,
}

/// The immediate of the calling instruction (DEN0028 §2.9: zero).
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

/// AFFINITY_INFO's level, a `uint32` in both conventions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AffinityLevelWidth {
    /// The low word counts.
    Word,
    /// The whole register of an SMC64 call counts.
    AsPassed,
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
            ((5, 14), KvmGeneration::V5_10),
            ((5, 15), KvmGeneration::V6_1),
            ((6, 3), KvmGeneration::V6_1),
            ((6, 4), KvmGeneration::V6_12),
            ((6, 12), KvmGeneration::V6_12),
            ((6, 13), KvmGeneration::V7_3),
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
