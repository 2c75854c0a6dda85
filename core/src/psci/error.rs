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
    /// SYSTEM_OFF2's type is not defined.
    NoSuchOffType(u32),
    /// The cookie of SYSTEM_OFF2 is not 0.
    OffCookie(u64),
    /// There are two modes of coordination.
    NoSuchSuspendMode(u32),
    /// The CPUs are not in states in which the mode of coordination may change.
    ModeCannotChange,
    /// Other CPUs are on, and the machine can only sleep as a whole.
    OthersAreOn,
    /// The Trusted OS resides on this CPU.
    TrustedOsResides,
    /// The Trusted OS resides on another CPU.
    TrustedOsElsewhere,
    /// The Trusted OS cannot be moved.
    TrustedOsStays,
    /// A part of the range is not overwritten at a reset.
    NotProtected,
    /// A part of the range is not RAM.
    RangeOutsideRam(u64),
    /// The range is empty or runs past the last address.
    NoSuchRange(u64),
    /// A flag without a meaning is set.
    ReservedFlags(u64),
    /// There is no attribute of this number.
    NoSuchAttribute(u32),
}

/// A negative return value, as the guest reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnCode {
    /// NOT_SUPPORTED, −1.
    NotSupported,
    /// INVALID_PARAMETERS, −2.
    InvalidParameters,
    /// DENIED, −3.
    Denied,
    /// ALREADY_ON, −4.
    AlreadyOn,
    /// ON_PENDING, −5.
    OnPending,
    /// NOT_PRESENT, −7.
    NotPresent,
    /// INVALID_ADDRESS, −9.
    InvalidAddress,
}

impl Error {
    /// What the guest hears. INVALID_ADDRESS came with PSCI 1.0; ALREADY_ON, ON_PENDING and
    /// NOT_PRESENT with 0.2.
    #[must_use]
    pub(crate) fn code(self, version: PsciVersion) -> ReturnCode {
        match self {
            Self::EntryOutsideRam(_) if version < PsciVersion::V1_0 => {
                ReturnCode::InvalidParameters
            }
            Self::TargetIsOn | Self::TargetIsPending | Self::TrustedOsElsewhere
                if version < PsciVersion::V0_2 =>
            {
                ReturnCode::InvalidParameters
            }
            Self::ReservedAffinityBits(_)
            | Self::NoSuchCpu(_)
            | Self::NoSuchAffinityLevel(_)
            | Self::NoSuchPowerState(_)
            | Self::NoSuchResetType(_)
            | Self::NoSuchOffType(_)
            | Self::OffCookie(_)
            | Self::NoSuchSuspendMode(_)
            | Self::NoSuchRange(_)
            | Self::ReservedFlags(_)
            | Self::NoSuchAttribute(_) => ReturnCode::InvalidParameters,
            Self::EntryOutsideRam(_) | Self::RangeOutsideRam(_) => ReturnCode::InvalidAddress,
            Self::TargetIsOn => ReturnCode::AlreadyOn,
            Self::TargetIsPending => ReturnCode::OnPending,
            Self::ModeCannotChange
            | Self::OthersAreOn
            | Self::TrustedOsResides
            | Self::TrustedOsStays
            | Self::NotProtected => ReturnCode::Denied,
            Self::TrustedOsElsewhere => ReturnCode::NotPresent,
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
            Self::Denied => -3,
            Self::AlreadyOn => -4,
            Self::OnPending => -5,
            Self::NotPresent => -7,
            Self::InvalidAddress => -9,
        };
        code.cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_table_5() {
        for (code, value) in [
            (ReturnCode::NotSupported, 0xffff_ffff_ffff_ffff),
            (ReturnCode::InvalidParameters, 0xffff_ffff_ffff_fffe),
            (ReturnCode::Denied, 0xffff_ffff_ffff_fffd),
            (ReturnCode::AlreadyOn, 0xffff_ffff_ffff_fffc),
            (ReturnCode::OnPending, 0xffff_ffff_ffff_fffb),
            (ReturnCode::NotPresent, 0xffff_ffff_ffff_fff9),
            (ReturnCode::InvalidAddress, 0xffff_ffff_ffff_fff7),
        ] {
            assert_eq!(code.value(), value, "{code:?}");
        }
    }

    #[test]
    fn a_version_without_a_code_says_invalid_parameters() {
        for (error, version, code) in [
            (
                Error::TargetIsOn,
                PsciVersion::V0_1,
                ReturnCode::InvalidParameters,
            ),
            (Error::TargetIsOn, PsciVersion::V0_2, ReturnCode::AlreadyOn),
            (
                Error::EntryOutsideRam(0),
                PsciVersion::V0_2,
                ReturnCode::InvalidParameters,
            ),
            (
                Error::EntryOutsideRam(0),
                PsciVersion::V1_0,
                ReturnCode::InvalidAddress,
            ),
        ] {
            assert_eq!(error.code(version), code, "{error:?} {version}");
        }
    }
}
