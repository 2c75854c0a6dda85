//! The gate table: every function this firmware knows, what it needs, and what opens it.
//!
//! One row per function id. The guest's call, PSCI_FEATURES, SMCCC_ARCH_FEATURES and the registers
//! that a backend fetches are all read off this table, so what is advertised and what is served
//! cannot part.

use super::{Services, Workaround};
use crate::psci::{self, PsciOptions, PsciVersion};
use crate::smccc::{self, FunctionId, Needs, SmcccVersion};
use crate::{pvtime, trng, vendor_hyp};

/// A function, by the service that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// Of the Arm Architecture service.
    Architecture(smccc::Function),
    /// One of that service's that mitigate a vulnerability of the CPU (DEN0028 §7.5–§7.7, §7.9).
    Workaround(Workaround),
    /// Of PSCI.
    Psci(psci::Function),
    /// Of the TRNG interface.
    Trng(trng::Function),
    /// Of PV time.
    PvTime(pvtime::Function),
    /// Of KVM's vendor services.
    VendorHyp(vendor_hyp::Function),
}

/// What must hold for a function to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The machine's version of the calling convention is this or newer.
    Smccc(SmcccVersion),
    /// The machine says which SoC it is, and its SMCCC is 1.2 or newer.
    SocId,
    /// The machine has a name for its SoC, and its SMCCC is 1.6 or newer.
    SocName,
    /// The machine promises a level of this workaround.
    Workaround(Workaround),
    /// The machine's PSCI version is this or newer.
    Psci(PsciVersion),
    /// The same, and the machine has this optional function.
    PsciOption(PsciVersion, PsciOptions),
    /// The machine has a Trusted OS that runs on one CPU, and its PSCI is 0.2 or newer.
    TrustedOs,
    /// The machine's PSCI is 0.1; MIGRATE needs the Trusted OS too.
    Psci01,
    /// The machine has this service.
    Service(Services),
}

/// One function id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The id, with the width in bit 30.
    pub id: FunctionId,
    /// The function it names.
    pub function: Function,
    /// The most registers that an answer can depend on, and whether it can on the byte order. Time,
    /// clocks and entropy come on top, where a call asks for them.
    pub needs: Needs,
    /// What opens it.
    pub gate: Gate,
}

const fn architecture(id: FunctionId, function: smccc::Function, needs: Needs, gate: Gate) -> Row {
    row(id, Function::Architecture(function), needs, gate)
}

const fn workaround(id: FunctionId, workaround: Workaround) -> Row {
    let gate = Gate::Workaround(workaround);
    row(id, Function::Workaround(workaround), NONE, gate)
}

const fn psci(id: FunctionId, function: psci::Function, needs: Needs, gate: Gate) -> Row {
    row(id, Function::Psci(function), needs, gate)
}

const fn trng(id: FunctionId, function: trng::Function, needs: Needs) -> Row {
    let gate = Gate::Service(Services::TRNG);
    row(id, Function::Trng(function), needs, gate)
}

const fn pv_time(id: FunctionId, function: pvtime::Function, needs: Needs) -> Row {
    let gate = Gate::Service(Services::PV_TIME);
    row(id, Function::PvTime(function), needs, gate)
}

const fn vendor_hyp(
    id: FunctionId,
    function: vendor_hyp::Function,
    needs: Needs,
    service: Services,
) -> Row {
    row(
        id,
        Function::VendorHyp(function),
        needs,
        Gate::Service(service),
    )
}

const fn row(id: FunctionId, function: Function, needs: Needs, gate: Gate) -> Row {
    Row {
        id,
        function,
        needs,
        gate,
    }
}

const fn option(since: PsciVersion, option: PsciOptions) -> Gate {
    Gate::PsciOption(since, option)
}

const NONE: Needs = Needs::NOTHING;
const ONE: Needs = Needs::arguments_only(1);
const TWO: Needs = Needs::arguments_only(2);
const THREE: Needs = Needs::arguments_only(3);
const RESUME: Needs = Needs::arguments_only(2).and_endianness();
const START: Needs = Needs::arguments_only(3).and_endianness();
const V0_2: PsciVersion = PsciVersion::V0_2;
const V1_0: PsciVersion = PsciVersion::V1_0;
const V1_1: PsciVersion = PsciVersion::V1_1;
const V1_3: PsciVersion = PsciVersion::V1_3;
const SMCCC_1_1: Gate = Gate::Smccc(SmcccVersion::V1_1);

/// All of them, in ascending order of id.
#[rustfmt::skip]
pub static FUNCTIONS: [Row; 61] = [
    architecture(FunctionId::SMCCC_VERSION,               smccc::Function::Version,                    NONE,   SMCCC_1_1),
    architecture(FunctionId::SMCCC_ARCH_FEATURES,         smccc::Function::ArchFeatures,               ONE,    SMCCC_1_1),
    architecture(FunctionId::SMCCC_ARCH_SOC_ID_32,        smccc::Function::SocId,                      ONE,    Gate::SocId),
    workaround(FunctionId::SMCCC_ARCH_WORKAROUND_4,       Workaround::Four),
    workaround(FunctionId::SMCCC_ARCH_WORKAROUND_3,       Workaround::Three),
    workaround(FunctionId::SMCCC_ARCH_WORKAROUND_2,       Workaround::Two),
    workaround(FunctionId::SMCCC_ARCH_WORKAROUND_1,       Workaround::One),
    psci(FunctionId::PSCI_VERSION,                        psci::Function::Version,                     NONE,   Gate::Psci(V0_2)),
    psci(FunctionId::CPU_SUSPEND_32,                      psci::Function::CpuSuspend,                  START,  Gate::Psci(V0_2)),
    psci(FunctionId::CPU_OFF,                             psci::Function::CpuOff,                      NONE,   Gate::Psci(V0_2)),
    psci(FunctionId::CPU_ON_32,                           psci::Function::CpuOn,                       START,  Gate::Psci(V0_2)),
    psci(FunctionId::AFFINITY_INFO_32,                    psci::Function::AffinityInfo,                TWO,    Gate::Psci(V0_2)),
    psci(FunctionId::MIGRATE_32,                          psci::Function::Migrate,                     ONE,    Gate::TrustedOs),
    psci(FunctionId::MIGRATE_INFO_TYPE,                   psci::Function::MigrateInfoType,             NONE,   Gate::Psci(V0_2)),
    psci(FunctionId::MIGRATE_INFO_UP_CPU_32,              psci::Function::MigrateInfoUpCpu,            NONE,   Gate::TrustedOs),
    psci(FunctionId::SYSTEM_OFF,                          psci::Function::SystemOff,                   NONE,   Gate::Psci(V0_2)),
    psci(FunctionId::SYSTEM_RESET,                        psci::Function::SystemReset,                 NONE,   Gate::Psci(V0_2)),
    psci(FunctionId::PSCI_FEATURES,                       psci::Function::Features,                    ONE,    Gate::Psci(V1_0)),
    psci(FunctionId::CPU_FREEZE,                          psci::Function::CpuFreeze,                   NONE,   option(V1_0, PsciOptions::CPU_FREEZE)),
    psci(FunctionId::CPU_DEFAULT_SUSPEND_32,              psci::Function::CpuDefaultSuspend,           RESUME, option(V1_0, PsciOptions::CPU_DEFAULT_SUSPEND)),
    psci(FunctionId::NODE_HW_STATE_32,                    psci::Function::NodeHwState,                 TWO,    option(V1_0, PsciOptions::NODE_HW_STATE)),
    psci(FunctionId::SYSTEM_SUSPEND_32,                   psci::Function::SystemSuspend,               RESUME, option(V1_0, PsciOptions::SYSTEM_SUSPEND)),
    psci(FunctionId::PSCI_SET_SUSPEND_MODE,               psci::Function::SetSuspendMode,              ONE,    option(V1_0, PsciOptions::OS_INITIATED)),
    psci(FunctionId::PSCI_STAT_RESIDENCY_32,              psci::Function::StatResidency,               TWO,    option(V1_0, PsciOptions::STATISTICS)),
    psci(FunctionId::PSCI_STAT_COUNT_32,                  psci::Function::StatCount,                   TWO,    option(V1_0, PsciOptions::STATISTICS)),
    psci(FunctionId::SYSTEM_RESET2_32,                    psci::Function::SystemReset2,                TWO,    option(V1_1, PsciOptions::SYSTEM_RESET2)),
    psci(FunctionId::MEM_PROTECT,                         psci::Function::MemProtect,                  ONE,    option(V1_1, PsciOptions::MEM_PROTECT)),
    psci(FunctionId::MEM_PROTECT_CHECK_RANGE_32,          psci::Function::MemProtectCheckRange,        TWO,    option(V1_1, PsciOptions::MEM_PROTECT)),
    psci(FunctionId::SYSTEM_OFF2_32,                      psci::Function::SystemOff2,                  TWO,    option(V1_3, PsciOptions::SYSTEM_OFF2)),
    psci(FunctionId::CLEAN_INV_MEMREGION_ATTRIBUTES,      psci::Function::CleanInvMemregionAttributes, ONE,    option(V1_3, PsciOptions::CLEAN_INV_MEMREGION)),
    trng(FunctionId::TRNG_VERSION,                        trng::Function::Version,                     NONE),
    trng(FunctionId::TRNG_FEATURES,                       trng::Function::Features,                    ONE),
    trng(FunctionId::TRNG_GET_UUID,                       trng::Function::GetUuid,                     NONE),
    trng(FunctionId::TRNG_RND_32,                         trng::Function::Rnd,                         ONE),
    vendor_hyp(FunctionId::VENDOR_HYP_FEATURES,           vendor_hyp::Function::Features,              NONE,   Services::VENDOR_FEATURES),
    vendor_hyp(FunctionId::VENDOR_HYP_PTP,                vendor_hyp::Function::Ptp,                   ONE,    Services::PTP),
    vendor_hyp(FunctionId::VENDOR_HYP_CALL_UID,           vendor_hyp::Function::CallUid,               NONE,   Services::VENDOR_FEATURES),
    psci(FunctionId::PSCI_0_1_CPU_SUSPEND,                psci::Function::CpuSuspend,                  START,  Gate::Psci01),
    psci(FunctionId::PSCI_0_1_CPU_OFF,                    psci::Function::CpuOff,                      NONE,   Gate::Psci01),
    psci(FunctionId::PSCI_0_1_CPU_ON,                     psci::Function::CpuOn,                       START,  Gate::Psci01),
    psci(FunctionId::PSCI_0_1_MIGRATE,                    psci::Function::Migrate,                     ONE,    Gate::Psci01),
    architecture(FunctionId::SMCCC_ARCH_SOC_ID_64,        smccc::Function::SocId,                      ONE,    Gate::SocName),
    psci(FunctionId::CPU_SUSPEND_64,                      psci::Function::CpuSuspend,                  START,  Gate::Psci(V0_2)),
    psci(FunctionId::CPU_ON_64,                           psci::Function::CpuOn,                       START,  Gate::Psci(V0_2)),
    psci(FunctionId::AFFINITY_INFO_64,                    psci::Function::AffinityInfo,                TWO,    Gate::Psci(V0_2)),
    psci(FunctionId::MIGRATE_64,                          psci::Function::Migrate,                     ONE,    Gate::TrustedOs),
    psci(FunctionId::MIGRATE_INFO_UP_CPU_64,              psci::Function::MigrateInfoUpCpu,            NONE,   Gate::TrustedOs),
    psci(FunctionId::CPU_DEFAULT_SUSPEND_64,              psci::Function::CpuDefaultSuspend,           RESUME, option(V1_0, PsciOptions::CPU_DEFAULT_SUSPEND)),
    psci(FunctionId::NODE_HW_STATE_64,                    psci::Function::NodeHwState,                 TWO,    option(V1_0, PsciOptions::NODE_HW_STATE)),
    psci(FunctionId::SYSTEM_SUSPEND_64,                   psci::Function::SystemSuspend,               RESUME, option(V1_0, PsciOptions::SYSTEM_SUSPEND)),
    psci(FunctionId::PSCI_STAT_RESIDENCY_64,              psci::Function::StatResidency,               TWO,    option(V1_0, PsciOptions::STATISTICS)),
    psci(FunctionId::PSCI_STAT_COUNT_64,                  psci::Function::StatCount,                   TWO,    option(V1_0, PsciOptions::STATISTICS)),
    psci(FunctionId::SYSTEM_RESET2_64,                    psci::Function::SystemReset2,                TWO,    option(V1_1, PsciOptions::SYSTEM_RESET2)),
    psci(FunctionId::MEM_PROTECT_CHECK_RANGE_64,          psci::Function::MemProtectCheckRange,        TWO,    option(V1_1, PsciOptions::MEM_PROTECT)),
    psci(FunctionId::SYSTEM_OFF2_64,                      psci::Function::SystemOff2,                  TWO,    option(V1_3, PsciOptions::SYSTEM_OFF2)),
    psci(FunctionId::CLEAN_INV_MEMREGION,                 psci::Function::CleanInvMemregion,           THREE,  option(V1_3, PsciOptions::CLEAN_INV_MEMREGION)),
    trng(FunctionId::TRNG_RND_64,                         trng::Function::Rnd,                         ONE),
    pv_time(FunctionId::PV_TIME_FEATURES,                 pvtime::Function::Features,                  ONE),
    pv_time(FunctionId::PV_TIME_ST,                       pvtime::Function::StolenTime,                NONE),
    vendor_hyp(FunctionId::VENDOR_HYP_DISCOVER_IMPL_VER,  vendor_hyp::Function::DiscoverVersion,       NONE,   Services::DISCOVER_IMPL_VERSION),
    vendor_hyp(FunctionId::VENDOR_HYP_DISCOVER_IMPL_CPUS, vendor_hyp::Function::DiscoverCpus,          ONE,    Services::DISCOVER_IMPL_CPUS),
];

/// The row of `id`, open or not.
pub(super) fn find(id: FunctionId) -> Option<&'static Row> {
    let place = FUNCTIONS.binary_search_by_key(&id, |row| row.id).ok()?;
    FUNCTIONS.get(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [u32; 61] = [
        0x8000_0000,
        0x8000_0001,
        0x8000_0002,
        0x8000_0004,
        0x8000_3fff,
        0x8000_7fff,
        0x8000_8000,
        0x8400_0000,
        0x8400_0001,
        0x8400_0002,
        0x8400_0003,
        0x8400_0004,
        0x8400_0005,
        0x8400_0006,
        0x8400_0007,
        0x8400_0008,
        0x8400_0009,
        0x8400_000a,
        0x8400_000b,
        0x8400_000c,
        0x8400_000d,
        0x8400_000e,
        0x8400_000f,
        0x8400_0010,
        0x8400_0011,
        0x8400_0012,
        0x8400_0013,
        0x8400_0014,
        0x8400_0015,
        0x8400_0017,
        0x8400_0050,
        0x8400_0051,
        0x8400_0052,
        0x8400_0053,
        0x8600_0000,
        0x8600_0001,
        0x8600_ff01,
        0x95c1_ba5e,
        0x95c1_ba5f,
        0x95c1_ba60,
        0x95c1_ba61,
        0xc000_0002,
        0xc400_0001,
        0xc400_0003,
        0xc400_0004,
        0xc400_0005,
        0xc400_0007,
        0xc400_000c,
        0xc400_000d,
        0xc400_000e,
        0xc400_0010,
        0xc400_0011,
        0xc400_0012,
        0xc400_0014,
        0xc400_0015,
        0xc400_0016,
        0xc400_0053,
        0xc500_0020,
        0xc500_0021,
        0xc600_0040,
        0xc600_0041,
    ];

    #[test]
    fn rows_ascend_so_that_bisection_finds_each() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.id < b.id));
        for row in &FUNCTIONS {
            assert_eq!(find(row.id), Some(row));
        }
    }

    #[test]
    fn ids_are_the_specifications() {
        assert_eq!(FUNCTIONS.map(|row| row.id.value()), IDS);
    }

    #[test]
    fn ids_between_the_rows_are_unknown() {
        for id in [
            0,
            0x0400_0000,
            0x8400_0016,
            0x8400_0018,
            0x8401_0003,
            0x8600_ff00,
            0xc400_0000,
            u32::MAX,
        ] {
            assert_eq!(find(FunctionId::new(id)), None, "{id:#x}");
        }
    }
}
