//! SMC Calling Convention: how a guest calls firmware (DEN0028, issue G).
//!
//! A call is a function identifier in W0, arguments in the registers after it and results in the
//! same registers. `args.rs` and `results.rs` are the only files that know register positions.
//! The Arm Architecture calls (owner 0) are this specification's own service.

mod arch_features;
mod args;
mod caller;
mod error;
mod function_id;
mod needs;
mod results;
mod soc_id;
mod version;

pub use args::Args;
pub(crate) use args::low_word;
pub use caller::{Caller, Conduit, Endianness, ExecutionState};
pub use error::ReturnCode;
pub(crate) use error::SUCCESS;
pub use function_id::{CallType, FunctionId, Owner};
pub use needs::Needs;
pub use results::Results;
pub use soc_id::SocId;
pub use version::SmcccVersion;

use crate::firmware::Firmware;

/// A function of the Arm Architecture service (DEN0028 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// SMCCC_VERSION (§7.2): which version of the convention is implemented.
    Version,
    /// SMCCC_ARCH_FEATURES (§7.3): is this architecture function there, and what of it.
    ArchFeatures,
    /// SMCCC_ARCH_SOC_ID (§7.4): which SoC this is.
    SocId,
}

/// Answers a call whose gate is open. None of these has an effect beyond its results.
pub(crate) fn answer(
    firmware: &Firmware,
    caller: &Caller,
    function: Function,
    args: &Args<'_>,
) -> Results {
    match function {
        Function::Version => firmware.results(firmware.smccc_version.value().into()),
        Function::ArchFeatures => {
            let asked = FunctionId::from_x0(args.first());
            firmware.results(arch_features::answer(firmware, caller, asked))
        }
        Function::SocId => match &firmware.soc_id {
            Some(soc) => soc_id::answer(firmware, soc, args),
            None => firmware.results(ReturnCode::NotSupported.value()),
        },
    }
}
