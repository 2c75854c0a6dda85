//! The state in which a started CPU enters the guest (DEN0022 §6.4).
//!
//! Everything that is not named here is as after a reset: general-purpose registers zero, MMU and
//! caches off. KVM's `KVM_ARM_VCPU_INIT` does all of that at once.

use crate::memory::Ipa;
use crate::smccc::Endianness;

/// Where and how a CPU begins at EL1, in AArch64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetState {
    entry: Ipa,
    x0: u64,
    endianness: Endianness,
}

impl ResetState {
    /// A CPU that begins at `entry` with `x0` and, like its starter, `endianness`.
    #[must_use]
    pub const fn new(entry: Ipa, x0: u64, endianness: Endianness) -> Self {
        Self {
            entry,
            x0,
            endianness,
        }
    }

    /// The program counter: the entry point as given, bit 0 included.
    #[must_use]
    pub const fn pc(&self) -> u64 {
        self.entry.value()
    }

    /// The context id of the starter, or the device tree's address for the boot CPU.
    #[must_use]
    pub const fn x0(&self) -> u64 {
        self.x0
    }

    /// Byte order of data accesses: SCTLR_EL1.EE. MMU and caches (M, C, I) are off; what else that
    /// register holds after a reset is the CPU's matter.
    #[must_use]
    pub const fn endianness(&self) -> Endianness {
        self.endianness
    }

    /// PSTATE: EL1h with D, A, I and F masked.
    #[must_use]
    pub const fn pstate(&self) -> u64 {
        0x3c5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_masked_at_el1() {
        let state = ResetState::new(Ipa::new(0x4020_0000), 5, Endianness::Little);
        assert_eq!(state.pstate(), 0x3c5);
    }

    #[test]
    fn the_entry_point_is_taken_verbatim() {
        let state = ResetState::new(Ipa::new(0x4020_0001), 0, Endianness::Little);
        assert_eq!(state.pc(), 0x4020_0001);
    }
}
