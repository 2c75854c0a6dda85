//! What of PSCI is optional (DEN0022 §5.1, table 17).

bitflags::bitflags! {
    /// Optional functions, and the optional format of power_state. Each is there from the PSCI
    /// version on that brought it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct PsciOptions: u16 {
        /// CPU_FREEZE (§5.1.16, PSCI 1.0).
        const CPU_FREEZE = 1 << 0;
        /// CPU_DEFAULT_SUSPEND (§5.1.17, PSCI 1.0).
        const CPU_DEFAULT_SUSPEND = 1 << 1;
        /// NODE_HW_STATE (§5.1.18, PSCI 1.0).
        const NODE_HW_STATE = 1 << 2;
        /// SYSTEM_SUSPEND (§5.1.19, PSCI 1.0).
        const SYSTEM_SUSPEND = 1 << 3;
        /// PSCI_SET_SUSPEND_MODE and OS-initiated mode (§5.1.20, PSCI 1.0).
        const OS_INITIATED = 1 << 4;
        /// PSCI_STAT_RESIDENCY and PSCI_STAT_COUNT (§5.1.21, §5.1.22, PSCI 1.0).
        const STATISTICS = 1 << 5;
        /// SYSTEM_RESET2 (§5.1.12, PSCI 1.1).
        const SYSTEM_RESET2 = 1 << 6;
        /// MEM_PROTECT and MEM_PROTECT_CHECK_RANGE (§5.1.13, §5.1.14, PSCI 1.1).
        const MEM_PROTECT = 1 << 7;
        /// SYSTEM_OFF2 (§5.1.10, PSCI 1.3).
        const SYSTEM_OFF2 = 1 << 8;
        /// CLEAN_INV_MEMREGION and CLEAN_INV_MEMREGION_ATTRIBUTES, which the alpha of PSCI 1.3 had
        /// and the release has not.
        const CLEAN_INV_MEMREGION = 1 << 9;
        /// The extended StateID format of power_state (§5.4.2.2, PSCI 1.0).
        const EXTENDED_STATE_ID = 1 << 10;
    }
}
