//! Entropy on loan: bits that belong to one call and are gone afterwards.

use core::{hint, mem};

use super::call::Width;
use crate::smccc::SUCCESS;

/// What a backend lends to a call.
#[derive(Debug, PartialEq, Eq)]
pub enum Entropy<'a> {
    /// Nothing: the call is not expected to draw bits. One that would says so
    /// ([`Needs::entropy`](crate::smccc::Needs::entropy)) and has no effect.
    NotLent,
    /// 192 fresh bits, all independent and uniform. A call that is answered wipes them, used or
    /// not; one that asks for more leaves them to the next.
    Bits(&'a mut [u8; 24]),
    /// The source has run dry.
    Exhausted,
}

/// 192 bits, of which those not asked for are zero; the lowest come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Drawn([u64; 3]);

impl Entropy<'_> {
    /// Takes the first `bits`. `None` if there are none.
    pub(super) fn draw(self, bits: u8) -> Option<Drawn> {
        let Self::Bits(lent) = &self else {
            return None;
        };
        let mut drawn = [0; 3];
        let mut left = u32::from(bits);
        let (words, _) = lent.as_chunks();
        for (to, from) in drawn.iter_mut().zip(words) {
            *to = u64::from_le_bytes(*from) & low_bits(left);
            left = left.saturating_sub(u64::BITS);
        }
        Some(Drawn(drawn))
    }
}

impl Entropy<'_> {
    /// Leaves the loan whole: the call has not happened yet.
    pub(crate) fn give_back(self) {
        mem::forget(self);
    }
}

impl Drop for Entropy<'_> {
    /// What was lent to a call is gone after it, whatever the call made of it.
    fn drop(&mut self) {
        if let Self::Bits(lent) = self {
            **lent = [0; 24];
            // The loan is dead from here on; its zeroes are not to be optimised away with it.
            hint::black_box(lent);
        }
    }
}

/// A register with that many low bits set, at most all.
const fn low_bits(count: u32) -> u64 {
    match u64::MAX.checked_shl(count) {
        Some(above) => !above,
        None => u64::MAX,
    }
}

impl Drawn {
    /// x0 to x3 of TRNG_RND (§2.4): the lowest bits in x3, the highest in x1.
    pub(super) const fn registers(self, width: Width) -> [u64; 4] {
        let [low, middle, high] = self.0;
        match width {
            // 96 bits at most: they lie in the first two.
            Width::Word => [SUCCESS, middle & WORD, low >> 32, low & WORD],
            Width::DoubleWord => [SUCCESS, high, middle, low],
        }
    }
}

const WORD: u64 = 0xffff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bits_are_in_the_last_register() {
        let mut lent = [0xff; 24];
        let drawn = Entropy::Bits(&mut lent).draw(33).unwrap();
        assert_eq!(drawn.registers(Width::Word), [0, 0, 1, 0xffff_ffff]);
        assert_eq!(lent, [0; 24]);
        let drawn = Entropy::Bits(&mut [0xff; 24]).draw(65).unwrap();
        assert_eq!(drawn.registers(Width::DoubleWord), [0, 0, 1, u64::MAX]);
    }

    #[test]
    fn every_bit_above_the_count_is_zero() {
        for bits in 0..=192_u8 {
            let drawn = Entropy::Bits(&mut [0xff; 24]).draw(bits).unwrap();
            let [_, x1, x2, x3] = drawn.registers(Width::DoubleWord);
            let ones = x1.count_ones() + x2.count_ones() + x3.count_ones();
            assert_eq!(ones, u32::from(bits));
            assert!(x1 == 0 || x2 == u64::MAX && x3 == u64::MAX);
        }
    }

    #[test]
    fn a_dry_source_gives_nothing() {
        assert_eq!(Entropy::Exhausted.draw(8), None);
        assert_eq!(Entropy::NotLent.draw(8), None);
    }
}
