//! Return codes of the convention itself (DEN0028 §7.1 and §5.2).

/// A negative return value of the Arm Architecture service, as the guest reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnCode {
    /// NOT_SUPPORTED, −1: also the answer to every unknown function identifier (§5.2).
    NotSupported,
    /// NOT_REQUIRED, −2: the workaround asked about is not needed here.
    NotRequired,
    /// INVALID_PARAMETER, −3: an argument has a value that the function does not know.
    InvalidParameter,
}

impl ReturnCode {
    /// The register value: the code sign-extended to 64 bits, whatever the width of the call.
    #[must_use]
    pub const fn value(self) -> u64 {
        match self {
            Self::NotSupported => (-1_i64).cast_unsigned(),
            Self::NotRequired => (-2_i64).cast_unsigned(),
            Self::InvalidParameter => (-3_i64).cast_unsigned(),
        }
    }
}

/// SUCCESS, 0.
pub(crate) const SUCCESS: u64 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sign_extended_to_the_whole_register() {
        assert_eq!(ReturnCode::NotSupported.value(), 0xffff_ffff_ffff_ffff);
        assert_eq!(ReturnCode::NotRequired.value(), 0xffff_ffff_ffff_fffe);
        assert_eq!(ReturnCode::InvalidParameter.value(), 0xffff_ffff_ffff_fffd);
    }
}
