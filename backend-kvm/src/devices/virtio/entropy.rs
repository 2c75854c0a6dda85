//! Entropy device (VIRTIO 1.2 §5.4): the host's random bits, as many as a buffer holds.

use std::fmt;
use std::io;

use log::warn;
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use super::{Kind, Malformed, Queues, VirtioDevice};
use crate::devices::Cause;

/// An entropy device that draws from `R`.
#[derive(Debug)]
pub struct Entropy<R> {
    random: R,
    /// The source's failure was told; once is enough.
    reported: bool,
}

/// A source of random bits.
pub trait Random: fmt::Debug {
    /// Fills `bytes`, without waiting for more entropy.
    ///
    /// # Errors
    /// When the source fails.
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()>;
}

/// The host's own: getrandom(2).
#[derive(Debug, Clone, Copy)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, mut bytes: &mut [u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match getrandom(&mut *bytes, GetRandomFlags::NONBLOCK) {
                Ok(filled) => bytes = &mut bytes[filled..],
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}

impl<R: Random> Entropy<R> {
    /// An entropy device that draws from this source.
    pub fn new(random: R) -> Self {
        Self {
            random,
            reported: false,
        }
    }

    /// Random bytes for a buffer of this length; fewer if it is long, none if the source fails.
    fn draw(&mut self, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(length).map_or(MOST, |length| length.min(MOST))];
        if let Err(error) = self.random.fill(&mut bytes) {
            bytes.clear();
            if !self.reported {
                self.reported = true;
                warn!(
                    "the virtio entropy device has nothing to give: the host's random source \
                     failed: {error}; this is not reported again"
                );
            }
        }
        bytes
    }
}

impl<R: Random> VirtioDevice for Entropy<R> {
    fn kind(&self) -> Kind {
        Kind::Entropy
    }

    fn queue_sizes(&self) -> &'static [u16] {
        &[QUEUE_SIZE]
    }

    fn read_config(&self, _: u64, bytes: &mut [u8]) {
        bytes.fill(0);
    }

    /// §5.4.6.2 wants one byte or more in each buffer; a source that fails has none.
    fn serve(&mut self, _: Cause, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        while let Some(mut chain) = queues.pop(0)? {
            let bytes = self.draw(chain.writable.length());
            let written = chain.writable.write(&bytes);
            queues.complete(0, chain.head, u32::try_from(written).unwrap_or(u32::MAX))?;
        }
        Ok(())
    }

    fn reset(&mut self) {}
}

const QUEUE_SIZE: u16 = 256;
/// The most that one buffer is given.
const MOST: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, Piece};
    use super::*;

    /// Counts up; fails when it is told to.
    #[derive(Debug)]
    struct Counting(Result<u8, Errno>);

    impl Random for Counting {
        fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
            let next = self.0.as_mut().map_err(|errno| *errno)?;
            for byte in bytes {
                *next = next.wrapping_add(1);
                *byte = *next;
            }
            Ok(())
        }
    }

    fn bench(state: Result<u8, Errno>) -> Bench {
        Bench::new(Box::new(Entropy::new(Counting(state))))
    }

    #[test]
    fn a_buffer_is_filled_over_all_its_pieces() {
        let mut bench = bench(Ok(0));
        let pieces = [Piece::writable(0x1000, 3), Piece::writable(0x2000, 2)];
        assert_eq!(bench.request(0, &pieces), Some(5));
        assert_eq!(bench.bytes::<3>(0x1000), [1, 2, 3]);
        assert_eq!(bench.bytes::<3>(0x2000), [4, 5, 0]);
    }

    #[test]
    fn a_long_buffer_gets_64_kib() {
        let mut bench = bench(Ok(0));
        let pieces = [Piece::writable(0x2_0000, 0x4_0000)];
        assert_eq!(bench.request(0, &pieces), Some(0x1_0000));
        assert_eq!(bench.bytes::<1>(0x3_0000), [0]);
    }

    #[test]
    fn what_is_readable_is_left_alone() {
        let mut bench = bench(Ok(0));
        let pieces = [Piece::readable(0x1000, 4), Piece::writable(0x2000, 4)];
        assert_eq!(bench.request(0, &pieces), Some(4));
        assert_eq!(bench.bytes::<4>(0x1000), [0; 4]);
    }

    #[test]
    fn a_buffer_without_room_comes_back_empty() {
        let mut bench = bench(Ok(0));
        assert_eq!(bench.request(0, &[Piece::readable(0x1000, 4)]), Some(0));
        assert_eq!(bench.request(0, &[Piece::writable(0x1000, 0)]), Some(0));
    }

    #[test]
    fn a_source_that_fails_gives_nothing_and_the_device_goes_on() {
        let mut bench = bench(Err(Errno::NOSYS));
        for _ in 0..3 {
            assert_eq!(bench.request(0, &[Piece::writable(0x1000, 4)]), Some(0));
        }
        assert_eq!(bench.status() & 0x40, 0);
    }

    #[test]
    fn two_draws_of_the_hosts_differ() {
        let (mut one, mut other) = ([0; 16], [0; 16]);
        SystemRandom.fill(&mut one).unwrap();
        SystemRandom.fill(&mut other).unwrap();
        assert_ne!(one, other);
    }
}
