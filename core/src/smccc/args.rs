//! Arguments: the registers of a call, as its function id says to read them (DEN0028 §2.6, §2.7).
//!
//! This file and `results.rs` are the only ones that know register positions. A register that was
//! not fetched is not there: what needs it asks for it (`Needs`), and nothing happens until it is.

use super::FunctionId;

/// The identifier of one call, and as many of its arguments as were fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Args<'a> {
    x0: u64,
    from_x1: &'a [u64],
}

impl<'a> Args<'a> {
    /// A call with `x0` and the registers from x1 on, as many as were fetched; x17 is the last
    /// that can be an argument.
    #[must_use]
    pub const fn new(x0: u64, from_x1: &'a [u64]) -> Self {
        Self { x0, from_x1 }
    }

    /// The function identifier (W0).
    #[must_use]
    pub const fn function(&self) -> FunctionId {
        FunctionId::from_x0(self.x0)
    }

    /// How many registers from x1 on were fetched.
    #[must_use]
    pub const fn fetched(&self) -> usize {
        self.from_x1.len()
    }

    /// The first argument (x1), at the width of the call.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.at_call_width(self.register(0))
    }

    /// The second argument (x2), at the width of the call.
    #[must_use]
    pub fn second(&self) -> u64 {
        self.at_call_width(self.register(1))
    }

    /// The third argument (x3), at the width of the call.
    #[must_use]
    pub fn third(&self) -> u64 {
        self.at_call_width(self.register(2))
    }

    /// All of x1, whatever the width of the call.
    pub(crate) fn first_register(&self) -> u64 {
        self.register(0)
    }

    fn register(&self, index: usize) -> u64 {
        self.from_x1.get(index).copied().unwrap_or(0)
    }

    /// SMC32 calls pass W registers: the upper halves are not part of the arguments. The private
    /// ids of PSCI 0.1 come from a time before the two conventions and pass registers as they are.
    const fn at_call_width(&self, value: u64) -> u64 {
        if self.function().is_smc64() || self.function().is_psci_0_1() {
            value
        } else {
            value & 0xffff_ffff
        }
    }
}

/// The low 32 bits of a register, for parameters that are `uint32` in either convention.
pub(crate) const fn low_word(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTERS: [u64; 3] = [0x1_0000_0001, 0xffff_ffff_8000_0000, 0x5_0000_0007];

    #[test]
    fn smc32_arguments_are_w_registers() {
        let args = Args::new(0x8400_0003, &REGISTERS);
        assert_eq!(
            (args.first(), args.second(), args.third()),
            (1, 0x8000_0000, 7)
        );
        assert_eq!(args.first_register(), 0x1_0000_0001);
    }

    #[test]
    fn smc64_arguments_are_x_registers() {
        let args = Args::new(0xc400_0003, &REGISTERS);
        assert_eq!(args.first(), 0x1_0000_0001);
        assert_eq!(args.second(), 0xffff_ffff_8000_0000);
        assert_eq!(args.third(), 0x5_0000_0007);
    }

    #[test]
    fn the_private_ids_of_psci_0_1_pass_whole_registers() {
        let args = Args::new(0x95c1_ba60, &REGISTERS);
        assert_eq!(args.first(), 0x1_0000_0001);
    }

    #[test]
    fn a_register_that_was_not_fetched_is_known_to_be_missing() {
        assert_eq!(Args::new(0xc400_0003, &[9]).fetched(), 1);
    }
}
