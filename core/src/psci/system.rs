//! Calls that concern the machine as a whole (DEN0022 §5.1.9, §5.1.11, §5.1.12).

/// A call that concerns the machine as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemEvent {
    /// SYSTEM_OFF: the machine ends.
    Off,
    /// SYSTEM_RESET or SYSTEM_RESET2: it begins anew.
    Reset(Reset),
}

/// How a machine is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// SYSTEM_RESET (DEN0022 §5.1.11).
    Cold,
    /// SYSTEM_RESET2 with SYSTEM_WARM_RESET (§5.1.12).
    Warm {
        /// The caller's, for the vendor's use.
        cookie: u64,
    },
    /// SYSTEM_RESET2 with a vendor-specific type (§5.1.12).
    Vendor {
        /// 0x8000_0000 to 0xffff_ffff.
        reset_type: u32,
        /// The caller's, for the vendor's use.
        cookie: u64,
    },
}
