//! Return codes of the interface (DEN0098 §2.5, table 2).

/// A negative return value, as the guest reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnCode {
    /// NOT_SUPPORTED, −1.
    NotSupported,
    /// INVALID_PARAMETER, −2: no such number of bits can be asked for.
    InvalidParameter,
    /// NO_ENTROPY, −3: there is none at the moment; the guest may ask again.
    NoEntropy,
}

impl ReturnCode {
    /// The register value: the code sign-extended to 64 bits, whatever the width of the call.
    #[must_use]
    pub const fn value(self) -> u64 {
        let code: i64 = match self {
            Self::NotSupported => -1,
            Self::InvalidParameter => -2,
            Self::NoEntropy => -3,
        };
        code.cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_table_2() {
        assert_eq!(ReturnCode::NotSupported.value(), 0xffff_ffff_ffff_ffff);
        assert_eq!(ReturnCode::InvalidParameter.value(), 0xffff_ffff_ffff_fffe);
        assert_eq!(ReturnCode::NoEntropy.value(), 0xffff_ffff_ffff_fffd);
    }
}
