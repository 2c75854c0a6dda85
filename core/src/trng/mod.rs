//! True Random Number Generator firmware interface (DEN0098, issue 1.0).
//!
//! The bits are the backend's: it lends them for one call, and what the call does not hand to the
//! guest is wiped before it returns. An entropy source that has run dry is a return code, not an
//! error.

mod call;
mod entropy;
mod error;

pub use entropy::Entropy;
pub use error::ReturnCode;

use call::Call;

use crate::firmware::{self, Firmware, TrngIdentity};
use crate::smccc::{Args, Caller, FunctionId, Needs, Results, SUCCESS};

/// A function of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// TRNG_VERSION (§2.1).
    Version,
    /// TRNG_FEATURES (§2.2).
    Features,
    /// TRNG_GET_UUID (§2.3).
    GetUuid,
    /// TRNG_RND (§2.4).
    Rnd,
}

/// What this call needs: entropy, once it is known that bits are asked for.
pub(crate) fn needs(firmware: &Firmware, function: Function, args: &Args<'_>, all: Needs) -> Needs {
    if args.fetched() < all.arguments() {
        return all;
    }
    match Call::parse(function, args, firmware.rules()) {
        Ok(Call::Rnd { bits, .. }) if bits > 0 => all.and_entropy(),
        Ok(_) | Err(_) => all,
    }
}

/// Answers a call whose gate is open. All four result registers belong to every function.
pub(crate) fn answer(
    firmware: &Firmware,
    caller: &Caller,
    function: Function,
    args: &Args<'_>,
    entropy: Entropy<'_>,
) -> Results {
    let value = match Call::parse(function, args, firmware.rules()) {
        Ok(Call::Rnd {
            bits: bits @ 1..,
            width,
        }) => {
            return match entropy.draw(bits) {
                Some(drawn) => Results::in_x0_to_x3(drawn.registers(width)),
                None => Results::in_x0_with_zeroes(ReturnCode::NoEntropy.value()),
            };
        }
        Ok(Call::GetUuid) => {
            return Results::in_x0_to_x3(uuid(firmware));
        }
        Ok(Call::Version) => VERSION_1_0,
        Ok(Call::Features { function }) => features(firmware, caller, function),
        Ok(Call::Rnd { bits: 0, .. }) => SUCCESS,
        Err(code) => code.value(),
    };
    Results::in_x0_with_zeroes(value)
}

/// SUCCESS for the interface's own functions.
fn features(firmware: &Firmware, caller: &Caller, asked: Option<FunctionId>) -> u64 {
    match asked
        .and_then(|id| firmware.row(caller, id))
        .map(|row| row.function)
    {
        Some(firmware::Function::Trng(_)) => SUCCESS,
        Some(_) | None => ReturnCode::NotSupported.value(),
    }
}

/// Who makes the numbers, four bytes a register, the first in bits 7:0.
const fn uuid(firmware: &Firmware) -> [u64; 4] {
    match firmware.rules().trng_identity {
        // 6f5d8d53-10b2-4a3e-9b1f-2e7c64a0d9c8
        TrngIdentity::Vambrace => [0x538d_5d6f, 0x3e4a_b210, 0x7c2e_1f9b, 0xc8d9_a064],
        // 0d21e000-4384-11eb-8070-5244554e5a4c
        TrngIdentity::Kvm => [0x00e0_210d, 0xeb11_8443, 0x4452_7080, 0x4c5a_4e55],
    }
}

const VERSION_1_0: u64 = 0x1_0000;
