//! Registers that are words, and accesses of other widths to them.
//!
//! The PrimeCells' registers are words of which many have a byte or less, and drivers written for
//! QEMU's board access no more than that. An access takes place at the word it starts in: a read
//! gets the bytes from there on, a write counts if it starts at the word's first byte, and writes 0
//! above what it has. Eight bytes are two words, the lower first; what would straddle words in any
//! other way reads as 0 and is ignored.

use crate::address::Width;

/// A device whose registers are words, at offsets that are multiples of 4.
pub(super) trait WordRegisters {
    /// A read of one register.
    fn read_word(&mut self, offset: u64) -> u32;

    /// A write of one register.
    fn write_word(&mut self, offset: u64, value: u32);
}

/// What a read of any width at any offset gives.
pub(super) fn read(device: &mut impl WordRegisters, offset: u64, width: Width) -> u64 {
    let within = offset & 3;
    match width {
        Width::Doubleword if within == 0 => {
            let low = u64::from(device.read_word(offset));
            low | u64::from(device.read_word(offset.wrapping_add(4))) << 32
        }
        _ if within + width.bytes() <= 4 => {
            let register = u64::from(device.read_word(offset & !3));
            width.truncate(register >> (within * 8))
        }
        _ => 0,
    }
}

/// Carries out a write of any width at any offset.
pub(super) fn write(device: &mut impl WordRegisters, offset: u64, width: Width, value: u64) {
    if offset & 3 != 0 {
        return;
    }
    let value = width.truncate(value);
    device.write_word(offset, (value & 0xffff_ffff) as u32);
    if width == Width::Doubleword {
        device.write_word(offset.wrapping_add(4), (value >> 32) as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two registers, at 0 and 4.
    #[derive(Default)]
    struct Pair([u32; 2]);

    impl WordRegisters for Pair {
        fn read_word(&mut self, offset: u64) -> u32 {
            self.0[offset as usize / 4]
        }

        fn write_word(&mut self, offset: u64, value: u32) {
            self.0[offset as usize / 4] = value;
        }
    }

    #[test]
    fn a_read_gets_the_bytes_from_where_it_starts() {
        let mut pair = Pair([0x4433_2211, 0x8877_6655]);
        assert_eq!(read(&mut pair, 0, Width::Byte), 0x11);
        assert_eq!(read(&mut pair, 3, Width::Byte), 0x44);
        assert_eq!(read(&mut pair, 2, Width::Halfword), 0x4433);
        assert_eq!(read(&mut pair, 4, Width::Word), 0x8877_6655);
        assert_eq!(read(&mut pair, 0, Width::Doubleword), 0x8877_6655_4433_2211);
    }

    #[test]
    fn a_write_of_less_than_a_word_writes_0_above() {
        let mut pair = Pair([0xffff_ffff; 2]);
        write(&mut pair, 0, Width::Byte, 0x1234);
        write(&mut pair, 4, Width::Halfword, 0x1234_5678);
        assert_eq!(pair.0, [0x34, 0x5678]);
        write(&mut pair, 0, Width::Doubleword, 0x8877_6655_4433_2211);
        assert_eq!(pair.0, [0x4433_2211, 0x8877_6655]);
    }

    #[test]
    fn what_straddles_words_reads_as_0_and_changes_nothing() {
        let mut pair = Pair([0xffff_ffff; 2]);
        assert_eq!(read(&mut pair, 3, Width::Halfword), 0);
        assert_eq!(read(&mut pair, 2, Width::Word), 0);
        assert_eq!(read(&mut pair, 4 - 1, Width::Doubleword), 0);
        write(&mut pair, 1, Width::Byte, 0);
        write(&mut pair, 2, Width::Word, 0);
        assert_eq!(pair.0, [0xffff_ffff; 2]);
    }
}
