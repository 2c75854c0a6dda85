//! What can be wrong with a call, and what the guest hears of it (DEN0022 §5.2.2, table 5).
//!
//! [`Error`] is ours and says what happened; [`ReturnCode`] is the wire value. One function maps
//! the first onto the second.

use super::PsciVersion;

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Error {
    /// Bits outside the affinity fields are set in a target.
    ReservedAffinityBits(u64),
    /// No CPU of the machine has that affinity.
    NoSuchCpu(u64),
    /// There is no such affinity level.
    NoSuchAffinityLevel(u64),
    /// The entry point lies outside RAM.
    EntryOutsideRam(u64),
    /// The target is on, or suspended.
    TargetIsOn,
    /// The target was turned on and has not begun yet.
    TargetIsPending,
    /// The power state has reserved bits, or is not one of the machine's.
    NoSuchPowerState(u32),
    /// The reset type is reserved.
    NoSuchResetType(u32),
}

/// A negative return value, as the guest reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnCode {
    /// NOT_SUPPORTED, −1.
    NotSupported,
    /// INVALID_PARAMETERS, −2.
    InvalidParameters,
    /// ALREADY_ON, −4.
    AlreadyOn,
    /// ON_PENDING, −5.
    OnPending,
    /// INVALID_ADDRESS, −9.
    InvalidAddress,
}

impl Error {
    /// What the guest hears. INVALID_ADDRESS came with PSCI 1.0.
    #[must_use]
    pub(crate) fn code(self, version: PsciVersion) -> ReturnCode {
        match self {
            Self::EntryOutsideRam(_) if version < PsciVersion::V1_0 => {
                ReturnCode::InvalidParameters
            }
            Self::ReservedAffinityBits(_)
            | Self::NoSuchCpu(_)
            | Self::NoSuchAffinityLevel(_)
            | Self::NoSuchPowerState(_)
            | Self::NoSuchResetType(_) => ReturnCode::InvalidParameters,
            Self::EntryOutsideRam(_) => ReturnCode::InvalidAddress,
            Self::TargetIsOn => ReturnCode::AlreadyOn,
            Self::TargetIsPending => ReturnCode::OnPending,
        }
    }
}

impl ReturnCode {
    /// The register value: the code sign-extended to 64 bits, whatever the width of the call.
    #[must_use]
    pub const fn value(self) -> u64 {
        let code: i64 = match self {
            Self::NotSupported => -1,
            Self::InvalidParameters => -2,
            Self::AlreadyOn => -4,
            Self::OnPending => -5,
            Self::InvalidAddress => -9,
        };
        code.cast_unsigned()
    }
}

/// SUCCESS, 0.
pub(crate) const SUCCESS: u64 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_table_5() {
        for (code, value) in [
            (ReturnCode::NotSupported, 0xffff_ffff_ffff_ffff),
            (ReturnCode::InvalidParameters, 0xffff_ffff_ffff_fffe),
            (ReturnCode::AlreadyOn, 0xffff_ffff_ffff_fffc),
            (ReturnCode::OnPending, 0xffff_ffff_ffff_fffb),
            (ReturnCode::InvalidAddress, 0xffff_ffff_ffff_fff7),
        ] {
            assert_eq!(code.value(), value, "{code:?}");
        }
    }
}
