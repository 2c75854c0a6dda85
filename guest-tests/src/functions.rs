//! The functions' names in their specifications, for the transcript.
//!
//! SMC32 and SMC64 forms share a name. PSCI: DEN0022 §5.1; calling convention: DEN0028 §7; TRNG:
//! DEN0098; paravirtual time: DEN0057; the rest are KVM's own.

/// A function's name.
pub(crate) fn name(id: u32) -> &'static str {
    match id {
        0x8400_0000..=0x8400_001F | 0xC400_0000..=0xC400_001F => psci(id),
        0x8000_0000 => "SMCCC_VERSION",
        0x8000_0001 => "SMCCC_ARCH_FEATURES",
        0x8000_0002 | 0xC000_0002 => "SMCCC_ARCH_SOC_ID",
        0x8400_0050 => "TRNG_VERSION",
        0x8400_0051 => "TRNG_FEATURES",
        0x8400_0052 => "TRNG_GET_UUID",
        0x8400_0053 => "TRNG_RND32",
        0xC400_0053 => "TRNG_RND64",
        0xC500_0020 => "PV_TIME_FEATURES",
        0xC500_0021 => "PV_TIME_ST",
        0x8600_0000 => "KVM_FEATURES",
        0x8600_0001 => "KVM_PTP",
        0x8600_FF01 => "VENDOR_HYP_CALL_UID",
        0xC600_0040 => "KVM_DISCOVER_IMPL_VER",
        0xC600_0041 => "KVM_DISCOVER_IMPL_CPUS",
        _ => "unknown",
    }
}

fn psci(id: u32) -> &'static str {
    match id {
        0x8400_0000 => "PSCI_VERSION",
        0x8400_0001 | 0xC400_0001 => "CPU_SUSPEND",
        0x8400_0002 => "CPU_OFF",
        0x8400_0003 | 0xC400_0003 => "CPU_ON",
        0x8400_0004 | 0xC400_0004 => "AFFINITY_INFO",
        0x8400_0005 | 0xC400_0005 => "MIGRATE",
        0x8400_0006 => "MIGRATE_INFO_TYPE",
        0x8400_0007 | 0xC400_0007 => "MIGRATE_INFO_UP_CPU",
        0x8400_0008 => "SYSTEM_OFF",
        0x8400_0009 => "SYSTEM_RESET",
        0x8400_000A => "PSCI_FEATURES",
        0x8400_000B => "CPU_FREEZE",
        0x8400_000C | 0xC400_000C => "CPU_DEFAULT_SUSPEND",
        0x8400_000D | 0xC400_000D => "NODE_HW_STATE",
        0x8400_000E | 0xC400_000E => "SYSTEM_SUSPEND",
        0x8400_000F => "PSCI_SET_SUSPEND_MODE",
        0x8400_0010 | 0xC400_0010 => "PSCI_STAT_RESIDENCY",
        0x8400_0011 | 0xC400_0011 => "PSCI_STAT_COUNT",
        0x8400_0012 | 0xC400_0012 => "SYSTEM_RESET2",
        0x8400_0013 => "MEM_PROTECT",
        0x8400_0014 | 0xC400_0014 => "MEM_PROTECT_CHECK_RANGE",
        0x8400_0015 | 0xC400_0015 => "SYSTEM_OFF2",
        0xC400_0016 => "CLEAN_INV_MEMREGION",
        0x8400_0017 => "CLEAN_INV_MEMREGION_ATTRIBUTES",
        _ => "unknown",
    }
}
