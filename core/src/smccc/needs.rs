//! What a call needs before it can be answered, beyond its function identifier.
//!
//! Each register costs: under KVM about 1 500 instructions. So a backend hands over what it has,
//! and is told what is missing, for this call in this state of the machine. A refusal often needs
//! less than a success.

use super::{Args, Caller};
use crate::vm::{Entropy, Lent};

/// Registers and other inputs, to be handed to [`Vm::call`](crate::Vm::call) all at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    arguments: u8,
    inputs: Inputs,
}

bitflags::bitflags! {
    /// What is not a register.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Inputs: u8 {
        const ENDIANNESS = 1 << 0;
        const TIME = 1 << 1;
        const CLOCKS = 1 << 2;
        const ENTROPY = 1 << 3;
    }
}

impl Needs {
    /// Nothing but the identifier.
    pub const NOTHING: Self = Self::arguments_only(0);

    /// The first `arguments` registers from x1 on.
    pub(crate) const fn arguments_only(arguments: u8) -> Self {
        Self {
            arguments,
            inputs: Inputs::empty(),
        }
    }

    /// The same, and the caller's byte order.
    pub(crate) const fn and_endianness(self) -> Self {
        self.and(Inputs::ENDIANNESS)
    }

    /// The same, and the time if `wanted`.
    pub(crate) const fn and_time_if(self, wanted: bool) -> Self {
        if wanted { self.and(Inputs::TIME) } else { self }
    }

    /// The same, and a reading of the clocks.
    pub(crate) const fn and_clocks(self) -> Self {
        self.and(Inputs::CLOCKS)
    }

    /// The same, and entropy.
    pub(crate) const fn and_entropy(self) -> Self {
        self.and(Inputs::ENTROPY)
    }

    const fn and(self, more: Inputs) -> Self {
        Self {
            arguments: self.arguments,
            inputs: self.inputs.union(more),
        }
    }

    /// How many registers from x1 on [`Args::new`] is to have, at most 17.
    #[must_use]
    pub fn arguments(self) -> usize {
        self.arguments.into()
    }

    /// Is [`Caller::endianness`] looked at?
    #[must_use]
    pub const fn endianness(self) -> bool {
        self.inputs.contains(Inputs::ENDIANNESS)
    }

    /// Is [`Lent::time`] looked at?
    #[must_use]
    pub const fn time(self) -> bool {
        self.inputs.contains(Inputs::TIME)
    }

    /// Are [`Lent::clocks`] looked at?
    #[must_use]
    pub const fn clocks(self) -> bool {
        self.inputs.contains(Inputs::CLOCKS)
    }

    /// Is [`Lent::entropy`] used?
    #[must_use]
    pub const fn entropy(self) -> bool {
        self.inputs.contains(Inputs::ENTROPY)
    }

    /// Is all of it there?
    pub(crate) fn are_met(self, caller: &Caller, args: &Args<'_>, lent: &Lent<'_>) -> bool {
        let absent = |input, absent: bool| self.inputs.contains(input) && absent;
        args.fetched() >= self.arguments()
            && (self.inputs.is_empty()
                || !(absent(Inputs::ENDIANNESS, caller.endianness.is_none())
                    || absent(Inputs::TIME, lent.time.is_none())
                    || absent(Inputs::CLOCKS, lent.clocks.is_none())
                    || absent(Inputs::ENTROPY, matches!(lent.entropy, Entropy::NotLent))))
    }
}
