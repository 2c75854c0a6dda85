//! SMC Calling Convention: how a guest calls firmware (DEN0028, issue F).
//!
//! A call is a function identifier in W0, arguments in the registers after it and results in the
//! same registers. `args.rs` and `results.rs` are the only files that know register positions.
//! The Arm Architecture calls (owner 0) are this specification's own service.

mod arch_features;
mod args;
mod caller;
mod error;
mod function_id;
mod results;
mod version;

pub(crate) use args::low_word;
pub use args::{Args, Needs};
pub use caller::{Caller, Conduit, Endianness, ExecutionState};
pub use error::ReturnCode;
pub use function_id::{CallType, FunctionId, Owner};
pub use results::Results;
pub use version::SmcccVersion;

use crate::firmware::Firmware;

/// A function of the Arm Architecture service (DEN0028 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// SMCCC_VERSION (§7.2): which version of the convention is implemented.
    Version,
    /// SMCCC_ARCH_FEATURES (§7.3): is this architecture function there, and what of it.
    ArchFeatures,
    /// SMCCC_ARCH_WORKAROUND_1, 2 or 3 (§7.5–§7.7): mitigate now.
    Workaround,
}

/// Answers a call whose gate is open. None of these has an effect beyond its result.
pub(crate) fn answer(firmware: &Firmware, function: Function, args: &Args) -> u64 {
    match function {
        Function::Version => firmware.smccc_version().value().into(),
        Function::ArchFeatures => {
            arch_features::answer(firmware, FunctionId::from_x0(args.first()))
        }
        // Leaving and entering the guest does what 1 and 3 ask for; 2 is never promised as a call.
        Function::Workaround => 0,
    }
}
