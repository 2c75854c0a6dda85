//! Memory balloon (VIRTIO 1.2 §5.5), with free-page reporting: RAM goes back to the host.
//!
//! The driver puts pages into the balloon until it has as many as it is asked for, and takes pages
//! out again; free-page reporting names pages that the guest does not use just now. In both cases
//! the host's memory behind them is freed, and they read as zero when the guest touches them
//! again. A page of the host's is freed only if the guest has given all of it: where the host's
//! pages are larger than the balloon's 4 KiB, a part is not enough.
//!
//! Statistics and the balloon's own page poisoning are not offered. With DEFLATE_ON_OOM a guest in
//! need takes pages out without asking.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use log::warn;
use rustix::param::page_size;
use vambrace_core::memory::Ipa;

use super::{Kind, Malformed, Queues, VirtioDevice, read_space};
use crate::address::Region;
use crate::devices::{Cause, Doorbell};
use crate::memory::{GuestMemory, MemoryError};

/// A memory balloon.
#[derive(Debug)]
pub struct Balloon {
    target: BalloonTarget,
    /// The target that the configuration space was last told to have.
    told: u32,
    /// That memory cannot be given back was told.
    reported: bool,
}

/// Says how large a balloon is to be, and knows how large it is. Clones are the same balloon's.
#[derive(Debug, Clone)]
pub struct BalloonTarget {
    /// In pages of 4 KiB.
    target: Arc<AtomicU32>,
    actual: Arc<AtomicU32>,
    doorbell: Doorbell,
}

impl BalloonTarget {
    /// Asks the guest for so many bytes, rounded down to pages of 4 KiB; it gives what it can.
    pub fn ask(&self, bytes: u64) {
        let pages = u32::try_from(bytes / PAGE).unwrap_or(u32::MAX);
        self.target.store(pages, Ordering::SeqCst);
        self.doorbell.ring();
    }

    /// How many bytes the guest says that it has given.
    #[must_use]
    pub fn given(&self) -> u64 {
        u64::from(self.actual.load(Ordering::SeqCst)) * PAGE
    }
}

impl Balloon {
    /// A balloon that is to be empty, and its target.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub fn new() -> rustix::io::Result<(Self, BalloonTarget)> {
        let target = BalloonTarget {
            target: Arc::default(),
            actual: Arc::default(),
            doorbell: Doorbell::new()?,
        };
        let balloon = Self {
            target: target.clone(),
            told: 0,
            reported: false,
        };
        Ok((balloon, target))
    }

    /// Pages by their numbers, 32 bits each, that the guest gives.
    fn inflate(&mut self, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        while let Some(mut chain) = queues.pop(INFLATE)? {
            let mut run = Run::default();
            for _ in 0..MOST_PAGES {
                let Some(number) = chain.readable.read_array() else {
                    break;
                };
                let page = u64::from(u32::from_le_bytes(number)) * PAGE;
                if let Some(whole) = run.add(page, PAGE) {
                    self.free(queues.memory(), whole);
                }
            }
            self.free(queues.memory(), run);
            queues.complete(INFLATE, chain.head, 0)?;
        }
        Ok(())
    }

    /// Pages that the guest takes back are there when it touches them.
    fn deflate(queues: &mut Queues<'_>) -> Result<(), Malformed> {
        while let Some(chain) = queues.pop(DEFLATE)? {
            queues.complete(DEFLATE, chain.head, 0)?;
        }
        Ok(())
    }

    /// §5.5.6.7: each buffer is memory that the guest does not use until it gets it back.
    fn report(&mut self, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        while let Some(chain) = queues.pop(REPORT)? {
            let memory = queues.memory();
            for piece in chain.writable.pieces() {
                let freed = memory.release(piece);
                self.note(freed);
            }
            queues.complete(REPORT, chain.head, 0)?;
        }
        Ok(())
    }

    fn free(&mut self, memory: &GuestMemory, run: Run) {
        let Some(region) = Region::new(Ipa::new(run.start), run.length) else {
            return;
        };
        // What is no RAM is not the guest's to give.
        if let (1.., Ok(slice)) = (run.length, memory.slice(region)) {
            let freed = memory.release(&slice);
            self.note(freed);
        }
    }

    fn note(&mut self, freed: Result<(), MemoryError>) {
        if let (Err(error), false) = (freed, self.reported) {
            self.reported = true;
            warn!(
                "memory that a guest gave back stays in use: {error}; this is not reported again"
            );
        }
    }
}

/// Neighbouring bytes that grow as more come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Run {
    start: u64,
    length: u64,
}

impl Run {
    /// Adds a page at either end; what was there before if it is no neighbour.
    fn add(&mut self, page: u64, length: u64) -> Option<Self> {
        if self.length != 0 && page == self.start + self.length {
            self.length += length;
            return None;
        }
        if self.length != 0 && page + length == self.start {
            *self = Self {
                start: page,
                length: self.length + length,
            };
            return None;
        }
        let before = std::mem::replace(
            self,
            Self {
                start: page,
                length,
            },
        );
        (before.length != 0).then_some(before)
    }
}

impl VirtioDevice for Balloon {
    fn kind(&self) -> Kind {
        Kind::Balloon
    }

    fn features(&self) -> u64 {
        // A host with larger pages cannot free what is reported in smaller ones.
        match page_size() {
            4096 => DEFLATE_ON_OOM | REPORTING,
            _ => DEFLATE_ON_OOM,
        }
    }

    /// Inflate and deflate; without statistics and hints, reporting is the third (§5.5.2).
    fn queue_sizes(&self) -> &'static [u16] {
        &[128, 128, 128]
    }

    /// struct virtio_balloon_config: num_pages, actual.
    fn read_config(&self, offset: u64, bytes: &mut [u8]) {
        let [a, b, c, d] = self.target.target.load(Ordering::SeqCst).to_le_bytes();
        let [e, f, g, h] = self.target.actual.load(Ordering::SeqCst).to_le_bytes();
        read_space(&[a, b, c, d, e, f, g, h], offset, bytes);
    }

    fn write_config(&mut self, offset: u64, bytes: &[u8]) {
        if let (ACTUAL, [a, b, c, d, ..]) = (offset, bytes) {
            let actual = u32::from_le_bytes([*a, *b, *c, *d]);
            self.target.actual.store(actual, Ordering::SeqCst);
        }
    }

    fn serve(&mut self, _: Cause, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        let target = self.target.target.load(Ordering::SeqCst);
        if target != self.told {
            self.told = target;
            queues.config_changed();
        }
        self.inflate(queues)?;
        Self::deflate(queues)?;
        self.report(queues)
    }

    fn host_events(&self) -> Option<BorrowedFd<'_>> {
        Some(self.target.doorbell.as_fd())
    }

    /// The pages in it are the guest's again (§5.5.5: all of them are to be usable).
    fn reset(&mut self) {
        self.told = 0;
        self.target.actual.store(0, Ordering::SeqCst);
    }
}

impl fmt::Display for BalloonTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes given", self.given())
    }
}

const INFLATE: usize = 0;
const DEFLATE: usize = 1;
const REPORT: usize = 2;

/// VIRTIO_BALLOON_F_DEFLATE_ON_OOM and F_REPORTING.
const DEFLATE_ON_OOM: u64 = 1 << 2;
const REPORTING: u64 = 1 << 5;
/// Where `actual` lies.
const ACTUAL: u64 = 4;
/// The balloon's pages, whatever the guest's are.
const PAGE: u64 = 4096;
/// How many pages one chain gives at most, of which a longer one's rest is passed over: 64 MiB.
const MOST_PAGES: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, Piece};
    use super::*;
    use crate::devices::Driven as _;

    fn balloon() -> (Bench, BalloonTarget) {
        let (balloon, target) = Balloon::new().unwrap();
        (Bench::new(Box::new(balloon)), target)
    }

    fn give(bench: &mut Bench, numbers: &[u32]) -> Option<u32> {
        let bytes: Vec<_> = numbers.iter().flat_map(|page| page.to_le_bytes()).collect();
        bench.fill(0x3000, &bytes);
        bench.request(0, &[Piece::readable(0x3000, bytes.len() as u32)])
    }

    /// Fills 64 KiB from 0x10_0000 above RAM's base on.
    fn filled() -> (Bench, BalloonTarget) {
        let (bench, target) = balloon();
        bench.fill(0x10_0000, &[0xaa; 0x1_0000]);
        (bench, target)
    }

    #[test]
    fn a_new_target_is_a_change_of_the_configuration() {
        let (mut bench, target) = balloon();
        target.ask(0x12_3456);
        bench.mmio.serve(Cause::Host);
        assert_eq!((bench.read(0x100), bench.read(0x60)), (0x123, 2));
        bench.write(0x64, 2);
        bench.mmio.serve(Cause::Host);
        assert_eq!(bench.read(0x60), 0);
        bench.write(0x104, 0x100);
        assert_eq!((target.given(), bench.read(0x104)), (0x10_0000, 0x100));
    }

    #[test]
    fn a_target_beyond_any_machine_is_as_much_as_can_be() {
        let (mut bench, target) = balloon();
        target.ask(u64::MAX);
        assert_eq!(bench.read(0x100), u32::MAX);
    }

    #[test]
    fn a_driver_that_comes_later_hears_of_the_target_too() {
        let (mut bench, target) = balloon();
        target.ask(4096);
        bench.mmio.serve(Cause::Host);
        bench.set_up(u64::MAX);
        assert_eq!(bench.read(0x60), 0);
        bench.mmio.serve(Cause::Doorbell);
        assert_eq!(bench.read(0x60), 2);
    }

    #[test]
    fn pages_that_are_given_are_zero_and_the_rest_stays() {
        let (mut bench, _) = filled();
        assert_eq!(give(&mut bench, &[0x4_0101, 0x4_0102, 0x4_0104]), Some(0));
        for (offset, byte) in [
            (0x10_0fff, 0xaa),
            (0x10_1000, 0),
            (0x10_2fff, 0),
            (0x10_3000, 0xaa),
            (0x10_4000, 0),
            (0x10_5000, 0xaa),
        ] {
            assert_eq!(bench.bytes::<1>(offset), [byte], "{offset:#x}");
        }
    }

    #[test]
    fn pages_may_come_from_the_top_down_and_twice() {
        let (mut bench, _) = filled();
        let pages = [0x4_0103, 0x4_0102, 0x4_0101, 0x4_0101];
        assert_eq!(give(&mut bench, &pages), Some(0));
        assert_eq!(bench.bytes::<1>(0x10_0fff), [0xaa]);
        assert_eq!(bench.bytes::<1>(0x10_1000), [0]);
        assert_eq!(bench.bytes::<1>(0x10_3fff), [0]);
        assert_eq!(bench.bytes::<1>(0x10_4000), [0xaa]);
    }

    #[test]
    fn pages_that_are_no_ram_are_passed_over() {
        let (mut bench, _) = filled();
        let pages = [0, 0x3_ffff, 0x4_0400, u32::MAX, 0x4_0101];
        assert_eq!(give(&mut bench, &pages), Some(0));
        assert_eq!(bench.bytes::<1>(0x10_1000), [0]);
        assert_eq!(bench.status(), 0xf);
    }

    #[test]
    fn a_list_that_is_cut_gives_what_is_whole() {
        let (mut bench, _) = filled();
        bench.fill(0x3000, &0x4_0101_u32.to_le_bytes());
        assert_eq!(bench.request(0, &[Piece::readable(0x3000, 7)]), Some(0));
        assert_eq!(bench.bytes::<1>(0x10_1000), [0]);
    }

    #[test]
    fn pages_that_are_taken_back_are_usable() {
        let (mut bench, _) = filled();
        give(&mut bench, &[0x4_0101]);
        assert_eq!(bench.request(1, &[Piece::readable(0x3000, 4)]), Some(0));
        bench.fill(0x10_1000, &[7]);
        assert_eq!(bench.bytes::<1>(0x10_1000), [7]);
    }

    #[test]
    fn free_pages_that_are_reported_go_back_whole_pages_only() {
        let (mut bench, _) = filled();
        let pieces = [
            Piece::writable(0x10_2000, 0x2000),
            Piece::writable(0x10_8800, 0x1000),
        ];
        assert_eq!(bench.request(2, &pieces), Some(0));
        for (offset, byte) in [
            (0x10_1fff, 0xaa),
            (0x10_2000, 0),
            (0x10_3fff, 0),
            (0x10_4000, 0xaa),
            (0x10_8800, 0xaa),
            (0x10_97ff, 0xaa),
        ] {
            assert_eq!(bench.bytes::<1>(offset), [byte], "{offset:#x}");
        }
    }

    #[test]
    fn a_reset_empties_the_balloon() {
        let (mut bench, target) = balloon();
        bench.write(0x104, 5);
        bench.set_up(u64::MAX);
        assert_eq!(target.given(), 0);
    }
}
