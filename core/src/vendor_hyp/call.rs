//! A call of the services with its arguments decoded.

use super::{Counter, Function};
use crate::smccc::{Args, ReturnCode, low_word};

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// CALL_UID.
    Uid,
    /// FEATURES.
    Features,
    /// PTP.
    Ptp {
        /// Which counter is read together with the wall clock.
        counter: Counter,
    },
    /// DISCOVER_IMPL_VER.
    DiscoverVersion,
    /// DISCOVER_IMPL_CPUS.
    DiscoverCpus {
        /// Which of the list, from 0.
        index: u64,
    },
}

impl Call {
    /// Decodes the arguments of `function`.
    pub(super) fn parse(function: Function, args: &Args<'_>) -> Result<Self, ReturnCode> {
        match function {
            Function::CallUid => Ok(Self::Uid),
            Function::Features => Ok(Self::Features),
            Function::Ptp => match low_word(args.first()) {
                0 => Ok(Self::Ptp {
                    counter: Counter::Virtual,
                }),
                1 => Ok(Self::Ptp {
                    counter: Counter::Physical,
                }),
                _ => Err(ReturnCode::NotSupported),
            },
            Function::DiscoverVersion => Ok(Self::DiscoverVersion),
            Function::DiscoverCpus => Ok(Self::DiscoverCpus {
                index: args.first(),
            }),
        }
    }
}
