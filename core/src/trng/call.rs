//! A call of the interface with its arguments decoded.

use super::{Function, ReturnCode};
use crate::firmware::{ArgumentWidth, Rules, ZeroBits};
use crate::smccc::{Args, FunctionId, low_word};

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// TRNG_VERSION (§2.1).
    Version,
    /// TRNG_FEATURES (§2.2).
    Features {
        /// The function asked about; `None` if what was passed is no function id.
        function: Option<FunctionId>,
    },
    /// TRNG_GET_UUID (§2.3).
    GetUuid,
    /// TRNG_RND (§2.4).
    Rnd {
        /// How many bits, at most what three registers hold.
        bits: u8,
        /// How many bits one register carries.
        width: Width,
    },
}

/// How many bits one result register carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// SMC32: 32 bits, 96 in all.
    Word,
    /// SMC64: 64 bits, 192 in all.
    DoubleWord,
}

impl Call {
    /// Decodes the arguments of `function`.
    pub(super) fn parse(
        function: Function,
        args: &Args<'_>,
        rules: &Rules,
    ) -> Result<Self, ReturnCode> {
        match function {
            Function::Version => Ok(Self::Version),
            Function::Features => Ok(Self::Features {
                function: asked(args, rules),
            }),
            Function::GetUuid => Ok(Self::GetUuid),
            Function::Rnd => rnd(args, rules),
        }
    }
}

fn asked(args: &Args<'_>, rules: &Rules) -> Option<FunctionId> {
    let value = match rules.trng_features {
        ArgumentWidth::Word => args.first(),
        ArgumentWidth::AsPassed => args.first_register(),
    };
    u32::try_from(value).ok().map(FunctionId::new)
}

fn rnd(args: &Args<'_>, rules: &Rules) -> Result<Call, ReturnCode> {
    let width = if args.function().is_smc64() {
        Width::DoubleWord
    } else {
        Width::Word
    };
    let bits = u8::try_from(low_word(args.first())).map_err(|_| ReturnCode::InvalidParameter)?;
    match (bits, width, rules.trng_zero_bits) {
        (0, _, ZeroBits::Invalid) | (97.., Width::Word, _) | (193.., Width::DoubleWord, _) => {
            Err(ReturnCode::InvalidParameter)
        }
        (_, _, _) => Ok(Call::Rnd { bits, width }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::{Dialect, KvmGeneration};

    const SPECIFICATION: Dialect = Dialect::Specification;
    const KVM: Dialect = Dialect::Kvm(KvmGeneration::V6_12);

    fn rnd_of(dialect: Dialect, id: u64, bits: u64) -> Result<Call, ReturnCode> {
        Call::parse(Function::Rnd, &Args::new(id, &[bits]), dialect.rules())
    }

    #[test]
    fn three_registers_hold_96_or_192_bits() {
        for (id, most, width) in [
            (0x8400_0053, 96, Width::Word),
            (0xc400_0053, 192, Width::DoubleWord),
        ] {
            let bits = u8::try_from(most).unwrap();
            assert_eq!(
                rnd_of(SPECIFICATION, id, most),
                Ok(Call::Rnd { bits, width })
            );
            for bits in [most + 1, 256, 0xffff_ffff] {
                assert_eq!(
                    rnd_of(SPECIFICATION, id, bits),
                    Err(ReturnCode::InvalidParameter)
                );
            }
        }
    }

    #[test]
    fn the_number_of_bits_is_a_word_in_either_convention() {
        assert_eq!(
            rnd_of(KVM, 0xc400_0053, 0x1_0000_0001),
            rnd_of(KVM, 0xc400_0053, 1)
        );
    }

    #[test]
    fn no_bits_at_all_are_invalid_but_kvm_gives_them() {
        assert_eq!(
            rnd_of(SPECIFICATION, 0x8400_0053, 0),
            Err(ReturnCode::InvalidParameter)
        );
        assert!(rnd_of(KVM, 0x8400_0053, 0).is_ok());
    }

    #[test]
    fn kvm_looks_at_all_of_the_register_that_names_a_function() {
        let asked = |dialect: Dialect| {
            let args = Args::new(0x8400_0051, &[0x1_8400_0050]);
            Call::parse(Function::Features, &args, dialect.rules())
        };
        let function = Some(FunctionId::new(0x8400_0050));
        assert_eq!(asked(SPECIFICATION), Ok(Call::Features { function }));
        assert_eq!(asked(KVM), Ok(Call::Features { function: None }));
    }
}
