//! Memory balloon (VIRTIO 1.2 §5.5), with free-page reporting: RAM goes back to the host.
//!
//! The driver puts pages into the balloon until it has as many as it is asked for, and takes pages
//! out again; free-page reporting names pages that the guest does not use just now. In both cases
//! the host's memory behind them is freed, and they read as zero when the guest touches them
//! again. A page of the host's is freed only if the guest has given all of it: where the host's
//! pages are larger than the balloon's 4 KiB, a part is not enough.
//!
//! To free memory is to change the guest's translation, once for each run of neighbouring pages.
//! A turn does that a bounded number of times, and the next one goes on within the same chain.
//!
//! Statistics and the balloon's own page poisoning are not offered. With DEFLATE_ON_OOM a guest in
//! need takes pages out without asking.

use log::warn;
use rustix::param::page_size;
use vambrace_core::memory::Ipa;
use vm_memory::VolatileSlice;

use super::{Buffers, Chain, Kind, Malformed, Queues, VirtioDevice, read_space};
use crate::address::Region;
use crate::devices::Cause;
use crate::memory::{GuestMemory, MemoryError};

/// A memory balloon.
#[derive(Debug)]
pub struct Balloon {
    /// How many pages of 4 KiB the guest is asked for.
    target: u32,
    /// How many it says that it has given.
    actual: u32,
    /// How much of the chains that come next was done already, in pages and in bytes.
    inflated: u64,
    freed: u64,
    /// That memory cannot be given back was told.
    reported: bool,
}

/// What is left of a turn.
#[derive(Debug)]
struct Turn {
    runs: u32,
    bytes: u64,
}

impl Turn {
    fn is_over(&self) -> bool {
        self.runs == 0 || self.bytes == 0
    }

    fn takes(&mut self, bytes: u64) {
        self.runs = self.runs.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Balloon {
    /// A balloon that asks its guest for so many bytes, rounded down to pages of 4 KiB; the guest
    /// gives what it can.
    #[must_use]
    pub fn new(target: u64) -> Self {
        Self {
            target: u32::try_from(target / PAGE).unwrap_or(u32::MAX),
            actual: 0,
            inflated: 0,
            freed: 0,
            reported: false,
        }
    }

    /// Pages by their numbers, 32 bits each, that the guest gives.
    fn inflate(&mut self, queues: &mut Queues<'_>, turn: &mut Turn) -> Result<(), Malformed> {
        while let Some(chain) = queues.pop(INFLATE)? {
            let before = self.inflated;
            let numbers = chain.readable.length() / NUMBER;
            self.inflate_from(&chain, queues.memory(), turn);
            if self.inflated < numbers {
                queues.put_back(INFLATE, chain);
                queues.again();
                debug_assert!(self.inflated > before || turn.is_over(), "a turn goes on");
                return Ok(());
            }
            self.inflated = 0;
            queues.complete(INFLATE, chain.head, 0)?;
        }
        Ok(())
    }

    fn inflate_from(&mut self, chain: &Chain<'_>, memory: &GuestMemory, turn: &mut Turn) {
        let mut numbers = chain.readable.clone();
        if numbers.take_front(self.inflated * NUMBER).is_none() {
            // The guest has made it shorter meanwhile.
            self.inflated = u64::MAX;
            return;
        }
        let mut run = Run::default();
        while !turn.is_over() && run.length < turn.bytes {
            let Some(number) = numbers.read_array() else {
                break;
            };
            self.inflated += 1;
            let page = u64::from(u32::from_le_bytes(number)) * PAGE;
            if let Some(whole) = run.add(page) {
                self.free(memory, whole, turn);
            }
        }
        self.free(memory, run, turn);
    }

    /// Pages that the guest takes back are there when it touches them.
    fn deflate(queues: &mut Queues<'_>) -> Result<(), Malformed> {
        while let Some(chain) = queues.pop(DEFLATE)? {
            queues.complete(DEFLATE, chain.head, 0)?;
        }
        Ok(())
    }

    /// §5.5.6.7: each buffer is memory that the guest does not use until it gets it back.
    fn report(&mut self, queues: &mut Queues<'_>, turn: &mut Turn) -> Result<(), Malformed> {
        while let Some(chain) = queues.pop(REPORT)? {
            self.free_from(&chain.writable, queues.memory(), turn);
            if self.freed < chain.writable.length() {
                queues.put_back(REPORT, chain);
                queues.again();
                return Ok(());
            }
            self.freed = 0;
            queues.complete(REPORT, chain.head, 0)?;
        }
        Ok(())
    }

    fn free_from(&mut self, buffers: &Buffers<'_>, memory: &GuestMemory, turn: &mut Turn) {
        let mut left = buffers.clone();
        if left.take_front(self.freed).is_none() {
            self.freed = u64::MAX;
            return;
        }
        while !turn.is_over() {
            let Some(first) = left.pieces().next().map(|piece| piece.len() as u64) else {
                break;
            };
            let now = left.take_front(first.min(turn.bytes)).unwrap_or_default();
            self.freed += now.length();
            for piece in now.pieces() {
                self.release(memory, piece, turn);
            }
        }
    }

    fn free(&mut self, memory: &GuestMemory, run: Run, turn: &mut Turn) {
        let Some(region) = Region::new(Ipa::new(run.start), run.length) else {
            return;
        };
        // What is no RAM is not the guest's to give.
        match memory.slice(region) {
            Ok(slice) if run.length != 0 => self.release(memory, &slice, turn),
            _ => turn.takes(0),
        }
    }

    fn release(&mut self, memory: &GuestMemory, slice: &VolatileSlice<'_>, turn: &mut Turn) {
        turn.takes(slice.len() as u64);
        let freed: Result<(), MemoryError> = memory.release(slice);
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
    fn add(&mut self, page: u64) -> Option<Self> {
        if self.length != 0 && page == self.start + self.length {
            self.length += PAGE;
            return None;
        }
        if self.length != 0 && page + PAGE == self.start {
            self.start = page;
            self.length += PAGE;
            return None;
        }
        let alone = Self {
            start: page,
            length: PAGE,
        };
        let before = std::mem::replace(self, alone);
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

    /// struct virtio_balloon_config: num_pages, actual. A driver reads it when it begins, so a
    /// target that stays needs no interrupt.
    fn read_config(&self, offset: u64, bytes: &mut [u8]) {
        let [a, b, c, d] = self.target.to_le_bytes();
        let [e, f, g, h] = self.actual.to_le_bytes();
        read_space(&[a, b, c, d, e, f, g, h], offset, bytes);
    }

    fn write_config(&mut self, offset: u64, bytes: &[u8]) {
        if let (ACTUAL, [a, b, c, d, ..]) = (offset, bytes) {
            self.actual = u32::from_le_bytes([*a, *b, *c, *d]);
        }
    }

    fn serve(&mut self, _: Cause, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        let mut turn = Turn {
            runs: RUNS,
            bytes: BYTES,
        };
        // Whoever has filled the balloon may wait for what is taken out of it.
        Self::deflate(queues)?;
        self.inflate(queues, &mut turn)?;
        self.report(queues, &mut turn)
    }

    /// The pages in it are the guest's again (§5.5.5: all of them are to be usable).
    fn reset(&mut self) {
        (self.actual, self.inflated, self.freed) = (0, 0, 0);
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
/// The bytes of a page's number.
const NUMBER: u64 = 4;
/// How many runs of pages a turn frees at most: as many as Linux gives pages at a time.
const RUNS: u32 = 256;
/// After how many bytes a turn frees no other run.
const BYTES: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, Piece};
    use super::*;
    use crate::devices::Driven as _;

    fn balloon() -> Bench {
        Bench::new(Box::new(Balloon::new(0x12_3456)))
    }

    fn give(bench: &mut Bench, numbers: &[u32]) -> Option<u32> {
        let bytes: Vec<_> = numbers.iter().flat_map(|page| page.to_le_bytes()).collect();
        bench.fill(0x3000, &bytes);
        bench.request(0, &[Piece::readable(0x3000, bytes.len() as u32)])
    }

    /// Fills 64 KiB from 0x10_0000 above RAM's base on.
    fn filled() -> Bench {
        let bench = balloon();
        bench.fill(0x10_0000, &[0xaa; 0x1_0000]);
        bench
    }

    #[test]
    fn a_driver_finds_the_target_in_whole_pages_and_says_what_it_gave() {
        let mut bench = balloon();
        assert_eq!((bench.read(0x100), bench.read(0x104)), (0x123, 0));
        bench.write(0x104, 0x100);
        assert_eq!((bench.read(0x100), bench.read(0x104)), (0x123, 0x100));
    }

    #[test]
    fn a_target_beyond_any_machine_is_as_much_as_can_be() {
        let mut bench = Bench::untouched(Box::new(Balloon::new(u64::MAX)));
        assert_eq!(bench.read(0x100), u32::MAX);
    }

    #[test]
    fn pages_that_are_given_are_zero_and_the_rest_stays() {
        let mut bench = filled();
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
        let mut bench = filled();
        let pages = [0x4_0103, 0x4_0102, 0x4_0101, 0x4_0101];
        assert_eq!(give(&mut bench, &pages), Some(0));
        assert_eq!(bench.bytes::<1>(0x10_0fff), [0xaa]);
        assert_eq!(bench.bytes::<1>(0x10_1000), [0]);
        assert_eq!(bench.bytes::<1>(0x10_3fff), [0]);
        assert_eq!(bench.bytes::<1>(0x10_4000), [0xaa]);
    }

    #[test]
    fn pages_that_are_no_ram_are_passed_over() {
        let mut bench = filled();
        let pages = [0, 0x3_ffff, 0x4_0400, u32::MAX, 0x4_0101];
        assert_eq!(give(&mut bench, &pages), Some(0));
        assert_eq!(bench.bytes::<1>(0x10_1000), [0]);
        assert_eq!(bench.status(), 0xf);
    }

    #[test]
    fn a_list_that_is_cut_gives_what_is_whole() {
        let mut bench = filled();
        bench.fill(0x3000, &0x4_0101_u32.to_le_bytes());
        assert_eq!(bench.request(0, &[Piece::readable(0x3000, 7)]), Some(0));
        assert_eq!(bench.bytes::<1>(0x10_1000), [0]);
    }

    #[test]
    fn pages_that_are_taken_back_are_usable() {
        let mut bench = filled();
        give(&mut bench, &[0x4_0101]);
        assert_eq!(bench.request(1, &[Piece::readable(0x3000, 4)]), Some(0));
        bench.fill(0x10_1000, &[7]);
        assert_eq!(bench.bytes::<1>(0x10_1000), [7]);
    }

    #[test]
    fn free_pages_that_are_reported_go_back_whole_pages_only() {
        let mut bench = filled();
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

    /// Serves until nothing is left to do; how many turns that took.
    fn finish(bench: &mut Bench) -> u32 {
        let mut turns = 0;
        while bench.rung() {
            bench.mmio.serve(Cause::Doorbell);
            turns += 1;
        }
        turns
    }

    #[test]
    fn scattered_pages_take_more_than_one_turn_and_all_go_back() {
        let mut bench = balloon();
        bench.fill(0x10_0000, &[0xaa; 0x30_0000]);
        // Every other page of 3 MiB: 384 runs.
        let numbers: Vec<u32> = (0..384).map(|index| 0x4_0100 + index * 2).collect();
        assert_eq!(give(&mut bench, &numbers), None);
        assert_eq!(bench.bytes::<1>(0x10_0000), [0]);
        assert_eq!(bench.bytes::<1>(0x10_0000 + 383 * 0x2000), [0xaa]);
        assert_eq!(finish(&mut bench), 1);
        assert_eq!(bench.take_used(0), Some((0, 0)));
        for index in 0..384 {
            let place = 0x10_0000 + index * 0x2000;
            assert_eq!(bench.bytes::<1>(place), [0], "{index}");
            assert_eq!(bench.bytes::<1>(place + 0x1000), [0xaa], "{index}");
        }
    }

    #[test]
    fn pages_outside_ram_take_their_time_too() {
        let mut bench = balloon();
        let numbers: Vec<u32> = (0..600).map(|index| index * 2).collect();
        assert_eq!(give(&mut bench, &numbers), None);
        assert_eq!(finish(&mut bench), 2);
        assert_eq!(bench.take_used(0), Some((0, 0)));
    }

    #[test]
    fn a_chain_that_shrinks_between_two_turns_is_done() {
        let mut bench = balloon();
        let numbers: Vec<u32> = (0..600).map(|index| index * 2).collect();
        assert_eq!(give(&mut bench, &numbers), None);
        bench.describe(0, 0, Piece::readable(0x3000, 4), None);
        assert_eq!(finish(&mut bench), 1);
        assert_eq!(bench.take_used(0), Some((0, 0)));
    }

    #[test]
    fn much_that_is_reported_takes_more_than_one_turn() {
        let mut bench = filled();
        // 24 MiB: the same 3 MiB eight times.
        let pieces = [Piece::writable(0x10_0000, 0x30_0000); 8];
        assert_eq!(bench.request(2, &pieces), None);
        assert_ne!(finish(&mut bench), 0);
        assert_eq!(bench.take_used(2), Some((0, 0)));
        assert_eq!(bench.bytes::<1>(0x10_0000), [0]);
    }

    #[test]
    fn what_is_taken_out_does_not_wait_for_what_is_put_in() {
        let mut bench = balloon();
        let numbers: Vec<u32> = (0..600).map(|index| index * 2).collect();
        assert_eq!(give(&mut bench, &numbers), None);
        bench.offer(1, &[Piece::readable(0x4000, 4)]);
        bench.mmio.serve(Cause::Doorbell);
        assert_eq!(
            (bench.take_used(0), bench.take_used(1)),
            (None, Some((0, 0)))
        );
    }

    #[test]
    fn a_reset_empties_the_balloon() {
        let mut bench = balloon();
        bench.write(0x104, 5);
        let numbers: Vec<u32> = (0..600).map(|index| index * 2).collect();
        assert_eq!(give(&mut bench, &numbers), None);
        bench.set_up(u64::MAX);
        assert_eq!((bench.read(0x100), bench.read(0x104)), (0x123, 0));
        bench.fill(0x10_0000, &[0xaa]);
        assert_eq!(give(&mut bench, &[0x4_0100]), Some(0));
        assert_eq!(bench.bytes::<1>(0x10_0000), [0]);
    }
}
