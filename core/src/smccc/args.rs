//! Arguments: the registers of a call, as its function id says to read them (DEN0028 §2.6, §2.7).
//!
//! This file and `results.rs` are the only ones that know register positions. A backend fetches
//! registers lazily, because each costs: it asks what a function [`Needs`] before it reads more
//! than the identifier.

use super::FunctionId;

/// The identifier and arguments of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Args {
    x0: u64,
    rest: [u64; MAX_ARGUMENTS],
}

/// Which registers a call needs beyond the identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    arguments: u8,
    endianness: bool,
}

impl Args {
    /// A call with `x0` and the registers from x1 on; what was not fetched reads as zero, and
    /// registers beyond x17 are not arguments.
    #[must_use]
    pub fn new(x0: u64, from_x1: &[u64]) -> Self {
        let mut rest = [0; MAX_ARGUMENTS];
        for (slot, value) in rest.iter_mut().zip(from_x1) {
            *slot = *value;
        }
        Self { x0, rest }
    }

    /// The function identifier (W0).
    #[must_use]
    pub const fn function(&self) -> FunctionId {
        FunctionId::from_x0(self.x0)
    }

    /// The first argument (x1), at the width of the call.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.at_call_width(self.rest[0])
    }

    /// The second argument (x2), at the width of the call.
    #[must_use]
    pub const fn second(&self) -> u64 {
        self.at_call_width(self.rest[1])
    }

    /// The third argument (x3), at the width of the call.
    #[must_use]
    pub const fn third(&self) -> u64 {
        self.at_call_width(self.rest[2])
    }

    /// SMC32 calls pass W registers: the upper halves are not part of the arguments.
    const fn at_call_width(&self, value: u64) -> u64 {
        if self.function().is_smc64() {
            value
        } else {
            value & 0xffff_ffff
        }
    }
}

impl Needs {
    /// Nothing but the identifier.
    pub(crate) const NOTHING: Self = Self {
        arguments: 0,
        endianness: false,
    };

    /// The first `arguments` registers from x1 on.
    pub(crate) const fn arguments_only(arguments: u8) -> Self {
        Self {
            arguments,
            endianness: false,
        }
    }

    /// The first `arguments` registers from x1 on, and the caller's byte order.
    pub(crate) const fn arguments_and_endianness(arguments: u8) -> Self {
        Self {
            arguments,
            endianness: true,
        }
    }

    /// How many registers from x1 on [`Args::new`] needs, at most 17.
    #[must_use]
    pub fn arguments(self) -> usize {
        self.arguments.into()
    }

    /// Does the answer depend on [`Caller::endianness`](super::Caller::endianness)?
    #[must_use]
    pub const fn endianness(self) -> bool {
        self.endianness
    }
}

/// The low 32 bits of a register, for parameters that are `uint32` in either convention.
pub(crate) const fn low_word(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// x1–x17: the most that any call passes (DEN0028 §2.7).
const MAX_ARGUMENTS: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smc32_arguments_are_w_registers() {
        let args = Args::new(
            0x8400_0003,
            &[0x1_0000_0001, 0xffff_ffff_8000_0000, 0x5_0000_0007],
        );
        assert_eq!(
            (args.first(), args.second(), args.third()),
            (1, 0x8000_0000, 7)
        );
    }

    #[test]
    fn smc64_arguments_are_x_registers() {
        let args = Args::new(
            0xc400_0003,
            &[0x1_0000_0001, 0xffff_ffff_8000_0000, 0x5_0000_0007],
        );
        assert_eq!(args.first(), 0x1_0000_0001);
        assert_eq!(args.second(), 0xffff_ffff_8000_0000);
        assert_eq!(args.third(), 0x5_0000_0007);
    }

    #[test]
    fn registers_not_fetched_read_as_zero() {
        let args = Args::new(0xc400_0003, &[9]);
        assert_eq!((args.first(), args.second(), args.third()), (9, 0, 0));
    }

    #[test]
    fn registers_beyond_x17_are_ignored() {
        assert_eq!(
            Args::new(0xc400_0003, &[1; 30]),
            Args::new(0xc400_0003, &[1; 17])
        );
    }
}
