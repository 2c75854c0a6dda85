//! A call, and the list of calls as the guest reads it in its RAM.
//!
//! The list begins with four words: magic, number of records, address of the log, number of CPUs.
//! A record is twelve words; the first says who calls, how, and what becomes of power, the others
//! are x0 to x10. Words are 64 bits, little-endian. `guest-tests/examples/differential` has the
//! other half.

use vambrace_core::smccc::Conduit;

/// x0 to x17.
pub type Registers = [u64; 18];

/// One call, before it is known what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Which CPU makes it.
    pub cpu: u8,
    /// The instruction, with an immediate of 0 to 3.
    pub conduit: Conduit,
    /// x0 to x10.
    pub given: [u64; 11],
}

/// What a call does to power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It returns, and nothing else.
    Returns,
    /// It does not return: its CPU is off.
    Leaves,
    /// It returns, and this CPU has been started.
    Starts(u8),
}

/// A call of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The call.
    pub call: Call,
    /// What it is expected to do to power.
    pub effect: Effect,
}

impl Call {
    /// The function id: the low word of x0.
    #[must_use]
    pub fn function(&self) -> u32 {
        (self.given[0] & 0xffff_ffff) as u32 // a word
    }

    /// x0 to x17 at the call: from x11 up a pattern of each register's own.
    #[must_use]
    pub fn registers(&self) -> Registers {
        let pattern = |index| 0xa5a5_0000_0000_0000 | index as u64;
        std::array::from_fn(|index| self.given.get(index).copied().unwrap_or(pattern(index)))
    }
}

impl Record {
    fn words(&self) -> [u64; RECORD_WORDS] {
        let (conduit, immediate) = match self.call.conduit {
            Conduit::Hvc(immediate) => (0, immediate),
            Conduit::Smc(immediate) => (1, immediate),
        };
        let (effect, started) = match self.effect {
            Effect::Returns => (0, 0),
            Effect::Leaves => (1, 0),
            Effect::Starts(cpu) => (2, cpu),
        };
        let [low, high] = immediate.to_le_bytes();
        let first = [self.call.cpu, conduit, low, high, effect, started, 0, 0];
        let mut words = [u64::from_le_bytes(first); RECORD_WORDS];
        words[1..].copy_from_slice(&self.call.given);
        words
    }
}

/// The list as it lies in RAM at [`LIST`].
#[must_use]
pub(super) fn to_bytes(records: &[Record]) -> Vec<u8> {
    let header = [MAGIC, records.len() as u64, LOG, u64::from(CPUS)];
    let words = records.iter().flat_map(Record::words);
    header
        .into_iter()
        .chain(words)
        .flat_map(u64::to_le_bytes)
        .collect()
}

/// How many CPUs make calls.
pub(super) const CPUS: u8 = 4;
/// Where the list lies.
pub(super) const LIST: u64 = 0x4400_0000;
/// Where the log lies.
pub(super) const LOG: u64 = 0x4500_0000;
/// The most records that fit in front of the log.
pub(super) const MAX_RECORDS: usize = ((LOG - LIST) as usize - 32) / (8 * RECORD_WORDS);

const RECORD_WORDS: usize = 12;
const MAGIC: u64 = u64::from_le_bytes(*b"bvcall\0\0");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_a_header_and_twelve_words_a_record() {
        let call = Call {
            cpu: 2,
            conduit: Conduit::Smc(3),
            given: [0xc400_0003, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        };
        let effect = Effect::Starts(1);
        let bytes = to_bytes(&[Record { call, effect }]);
        let words: Vec<u64> = bytes
            .chunks(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
            .collect();
        assert_eq!(words[..4], [0x6c6c_6163_7662, 1, 0x4500_0000, 4]);
        assert_eq!(words[4], 0x0000_0102_0003_0102);
        assert_eq!(words[5..], call.given);
    }

    #[test]
    fn registers_that_the_list_does_not_give_hold_a_pattern() {
        let call = Call {
            cpu: 0,
            conduit: Conduit::Hvc(0),
            given: [7; 11],
        };
        assert_eq!(call.registers()[10..12], [7, 0xa5a5_0000_0000_000b]);
        assert_eq!(call.registers()[17], 0xa5a5_0000_0000_0011);
    }
}
