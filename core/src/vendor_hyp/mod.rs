//! KVM's vendor specific hypervisor services (owner 6; Linux, `Documentation/virt/kvm/arm`).
//!
//! A guest that finds KVM's identifier here may ask what KVM offers, read the host's wall clock and
//! its own counter at one instant, and learn on which CPU implementations it may find itself after
//! a migration. Linux's KVM only advertises the last; here it is answered too.

mod call;
mod clocks;
mod implementation;

pub use clocks::Clocks;
pub use implementation::{Implementation, Implementations, MAX_IMPLEMENTATIONS};

use call::Call;
use clocks::Counter;

use crate::firmware::{Bitmap, Firmware};
use crate::smccc::{Args, Needs, Results, ReturnCode};

/// A function of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// CALL_UID: whose services these are (DEN0028 §6.2).
    CallUid,
    /// FEATURES: which functions there are, as two bitmaps.
    Features,
    /// PTP: wall clock and counter at one instant.
    Ptp,
    /// DISCOVER_IMPL_VER: how many CPU implementations are listed.
    DiscoverVersion,
    /// DISCOVER_IMPL_CPUS: one of them.
    DiscoverCpus,
}

/// What this call needs: the clocks, once it is known which counter is asked for.
pub(crate) fn needs(function: Function, args: &Args<'_>, all: Needs) -> Needs {
    if args.fetched() < all.arguments() {
        return all;
    }
    match Call::parse(function, args) {
        Ok(Call::Ptp { .. }) => all.and_clocks(),
        Ok(_) | Err(_) => all,
    }
}

/// Answers a call whose gate is open.
pub(crate) fn answer(
    firmware: &Firmware,
    function: Function,
    args: &Args<'_>,
    clocks: Option<Clocks>,
) -> Results {
    match Call::parse(function, args) {
        Ok(Call::Uid) => Results::in_x0_to_x3(KVM),
        Ok(Call::Features) => {
            let active = firmware.services.active();
            let first = active.register(Bitmap::VendorHypervisor);
            let second = active.register(Bitmap::VendorHypervisor2);
            Results::in_x0_to_x3([first, 0, second, 0])
        }
        Ok(Call::Ptp { counter }) => match clocks {
            Some(clocks) => Results::in_x0_to_x3(clocks.registers(counter)),
            None => firmware.results(ReturnCode::NotSupported.value()),
        },
        Ok(Call::DiscoverVersion) => Results::in_x0_to_x3(firmware.implementations.registers()),
        Ok(Call::DiscoverCpus { index }) => match firmware.implementations.get(index) {
            Some(cpu) => Results::in_x0_to_x3(cpu.registers()),
            None => firmware.results(ReturnCode::InvalidParameter.value()),
        },
        Err(code) => firmware.results(code.value()),
    }
}

/// 28b46fb6-2ec5-11e9-a9ca-4b564d003a74, four bytes a register, the first in bits 7:0.
const KVM: [u64; 4] = [0xb66f_b428, 0xe911_c52e, 0x564b_caa9, 0x743a_004d];

#[cfg(test)]
mod tests;
