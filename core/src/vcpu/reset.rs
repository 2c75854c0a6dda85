//! The state in which a started CPU enters the guest (DEN0022 §6.4).
//!
//! Everything that is not named here is as after a reset: general-purpose registers zero, MMU and
//! caches off. KVM's `KVM_ARM_VCPU_INIT` does all of that at once.

use crate::memory::Ipa;
use crate::smccc::{Endianness, ExecutionState};

/// Where and how a CPU begins at EL1, or in Supervisor mode in AArch32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetState {
    entry: Ipa,
    x0: u64,
    execution_state: ExecutionState,
    endianness: Endianness,
}

impl ResetState {
    /// A CPU that begins at `entry` with `x0` and, like its starter, in `execution_state` and with
    /// `endianness`.
    #[must_use]
    pub const fn new(
        entry: Ipa,
        x0: u64,
        execution_state: ExecutionState,
        endianness: Endianness,
    ) -> Self {
        Self {
            entry,
            x0,
            execution_state,
            endianness,
        }
    }

    /// The program counter: the entry point as given; in AArch32 without bit 0, which stands for
    /// the T32 instruction set.
    #[must_use]
    pub const fn pc(&self) -> u64 {
        match self.execution_state {
            ExecutionState::Aarch64 => self.entry.value(),
            ExecutionState::Aarch32 => self.entry.value() & !1,
        }
    }

    /// The context id of the starter, or the device tree's address for the boot CPU.
    #[must_use]
    pub const fn x0(&self) -> u64 {
        self.x0
    }

    /// AArch64 or AArch32.
    #[must_use]
    pub const fn execution_state(&self) -> ExecutionState {
        self.execution_state
    }

    /// Byte order of data accesses: SCTLR_EL1.EE; in AArch32 [`pstate`](Self::pstate) has it too
    /// (E). MMU and caches (M, C, I) are off; what else SCTLR_EL1 holds after a reset is the CPU's
    /// matter.
    #[must_use]
    pub const fn endianness(&self) -> Endianness {
        self.endianness
    }

    /// PSTATE: EL1h with D, A, I and F masked. In AArch32 the CPSR: Supervisor mode with A, I and
    /// F masked, T by bit 0 of the entry point, E by the byte order.
    #[must_use]
    pub const fn pstate(&self) -> u64 {
        match self.execution_state {
            ExecutionState::Aarch64 => 0x3c5,
            ExecutionState::Aarch32 => {
                let t32 = (self.entry.value() & 1) << 5;
                let big_endian = match self.endianness {
                    Endianness::Little => 0,
                    Endianness::Big => 1 << 9,
                };
                0x1d3 | t32 | big_endian
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(entry: u64, execution_state: ExecutionState, endianness: Endianness) -> ResetState {
        ResetState::new(Ipa::new(entry), 5, execution_state, endianness)
    }

    #[test]
    fn exceptions_are_masked_at_el1() {
        let state = state(0x4020_0000, ExecutionState::Aarch64, Endianness::Big);
        assert_eq!(state.pstate(), 0x3c5);
    }

    #[test]
    fn the_entry_point_of_aarch64_is_taken_verbatim() {
        let state = state(0x4020_0001, ExecutionState::Aarch64, Endianness::Little);
        assert_eq!(state.pc(), 0x4020_0001);
    }

    #[test]
    fn aarch32_begins_in_supervisor_mode_with_the_instruction_set_of_bit_0() {
        for (entry, endianness, pc, cpsr) in [
            (0x4020_0000, Endianness::Little, 0x4020_0000, 0x1d3),
            (0x4020_0001, Endianness::Little, 0x4020_0000, 0x1f3),
            (0x4020_0000, Endianness::Big, 0x4020_0000, 0x3d3),
        ] {
            let state = state(entry, ExecutionState::Aarch32, endianness);
            assert_eq!((state.pc(), state.pstate()), (pc, cpsr));
        }
    }
}
