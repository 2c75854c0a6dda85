//! A driver for tests of devices: registers, rings and descriptors, laid out by hand.
//!
//! Queue `n` has 8 entries; its descriptors lie at `n * 0x400` above RAM's base, its available
//! ring 0x100 and its used ring 0x200 behind them. Buffers are named by offsets into RAM.

use std::time::Duration;

use vambrace_core::memory::Ipa;

use super::{VirtioDevice, VirtioMmio};
use crate::address::Width;
use crate::devices::{Cause, Doorbell, Driven as _, MmioDevice};
use crate::layout::RAM_BASE;
use crate::memory::GuestMemory;
use crate::sys::Level;

/// A device with its driver.
pub(crate) struct Bench {
    pub(crate) mmio: VirtioMmio,
    pub(crate) memory: GuestMemory,
    doorbell: Doorbell,
    /// How much was made available and taken back, for each queue.
    made: Vec<u16>,
    taken: Vec<u16>,
}

/// One descriptor's buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    address: u64,
    length: u32,
    flags: u16,
}

impl Piece {
    pub(crate) fn readable(offset: u64, length: u32) -> Self {
        Self {
            address: RAM_BASE.value().wrapping_add(offset),
            length,
            flags: 0,
        }
    }

    pub(crate) fn writable(offset: u64, length: u32) -> Self {
        Self {
            flags: WRITE,
            ..Self::readable(offset, length)
        }
    }

    pub(crate) fn indirect(offset: u64, entries: u32) -> Self {
        Self {
            flags: INDIRECT,
            ..Self::readable(offset, entries * 16)
        }
    }
}

impl Bench {
    /// A device set up with every feature it offers.
    pub(crate) fn new(device: Box<dyn VirtioDevice + Send>) -> Self {
        let mut bench = Self::untouched(device);
        bench.set_up(u64::MAX);
        bench
    }

    /// A device as its driver finds it.
    pub(crate) fn untouched(device: Box<dyn VirtioDevice + Send>) -> Self {
        let doorbell = Doorbell::new().unwrap();
        let memory = GuestMemory::new(0x40_0000).unwrap();
        let queues = device.queue_sizes().len();
        let mut mmio = VirtioMmio::new(device, doorbell.clone());
        mmio.begin_life(&memory);
        // However slow the machine is that runs the tests.
        mmio.set_turn(Duration::MAX);
        Self {
            mmio,
            memory,
            doorbell,
            made: vec![0; queues],
            taken: vec![0; queues],
        }
    }

    /// As §3.1.1 says, with those of `features` that are offered.
    pub(crate) fn set_up(&mut self, features: u64) {
        for status in [0, 1, 3] {
            self.write(0x70, status);
        }
        for half in [0, 1] {
            self.write(0x14, half);
            let offered = self.read(0x10);
            self.write(0x24, half);
            self.write(
                0x20,
                offered & (features >> (32 * half) & 0xffff_ffff) as u32,
            );
        }
        self.write(0x70, 0xb);
        assert_eq!(self.status(), 0xb);
        for queue in 0..self.made.len() {
            self.set_up_queue(queue);
        }
        self.write(0x70, 0xf);
        assert_eq!(self.status(), 0xf);
        assert!(self.rung());
    }

    /// Makes a queue of 8 ready, with rings of zeroes.
    pub(crate) fn set_up_queue(&mut self, queue: usize) {
        self.memory.write(table(queue), &[0; 0x400]).unwrap();
        (self.made[queue], self.taken[queue]) = (0, 0);
        let base = table(queue).value() as u32;
        self.write(0x30, queue as u32);
        self.write(0x38, 8);
        for (register, offset) in [(0x80, 0), (0x90, 0x100), (0xa0, 0x200)] {
            self.write(register, base + offset);
            self.write(register + 4, 0);
        }
        self.write(0x44, 1);
        assert_eq!(self.read(0x44), 1);
    }

    pub(crate) fn read(&mut self, offset: u64) -> u32 {
        self.mmio.read(offset, Width::Word) as u32
    }

    pub(crate) fn write(&mut self, offset: u64, value: u32) {
        self.mmio.write(offset, Width::Word, value.into());
    }

    pub(crate) fn status(&mut self) -> u32 {
        self.read(0x70)
    }

    pub(crate) fn interrupted(&self) -> bool {
        self.mmio.line() == Level::High
    }

    /// Has the device asked to be served since it was last?
    pub(crate) fn rung(&self) -> bool {
        self.doorbell.take()
    }

    /// Writes a descriptor of a queue's table.
    pub(crate) fn describe(&self, queue: usize, index: u16, piece: Piece, next: Option<u16>) {
        let at = Ipa::new(table(queue).value() + u64::from(index) * 16);
        self.describe_at(at, piece, next);
    }

    /// Writes a descriptor of an indirect table at an offset into RAM.
    pub(crate) fn describe_indirect(
        &self,
        offset: u64,
        index: u16,
        piece: Piece,
        next: Option<u16>,
    ) {
        let at = Ipa::new(RAM_BASE.value() + offset + u64::from(index) * 16);
        self.describe_at(at, piece, next);
    }

    fn describe_at(&self, at: Ipa, piece: Piece, next: Option<u16>) {
        let flags = piece.flags | u16::from(next.is_some());
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&piece.address.to_le_bytes());
        bytes[8..12].copy_from_slice(&piece.length.to_le_bytes());
        bytes[12..14].copy_from_slice(&flags.to_le_bytes());
        bytes[14..].copy_from_slice(&next.unwrap_or(0).to_le_bytes());
        self.memory.write(at, &bytes).unwrap();
    }

    /// Makes the chain from this descriptor on available.
    pub(crate) fn make_available(&mut self, queue: usize, head: u16) {
        let ring = table(queue).value() + 0x100;
        let entry = ring + 4 + u64::from(self.made[queue] % 8) * 2;
        self.memory
            .write(Ipa::new(entry), &head.to_le_bytes())
            .unwrap();
        self.made[queue] = self.made[queue].wrapping_add(1);
        self.set_available(queue, self.made[queue]);
    }

    /// Sets the available ring's index to anything.
    pub(crate) fn set_available(&self, queue: usize, index: u16) {
        let at = Ipa::new(table(queue).value() + 0x102);
        self.memory.write(at, &index.to_le_bytes()).unwrap();
    }

    /// Sets the available ring's flags.
    pub(crate) fn set_flags(&self, queue: usize, flags: u16) {
        let at = Ipa::new(table(queue).value() + 0x100);
        self.memory.write(at, &flags.to_le_bytes()).unwrap();
    }

    /// Makes a chain of these pieces available, from descriptor 0 on.
    pub(crate) fn offer(&mut self, queue: usize, pieces: &[Piece]) {
        for (index, piece) in pieces.iter().enumerate() {
            let last = index + 1 == pieces.len();
            let next = (!last).then_some(index as u16 + 1);
            self.describe(queue, index as u16, *piece, next);
        }
        self.make_available(queue, 0);
    }

    /// The next chain that the device has given back: its head and how much it wrote.
    pub(crate) fn take_used(&mut self, queue: usize) -> Option<(u32, u32)> {
        let ring = table(queue).value() + 0x200;
        let mut index = [0; 2];
        self.memory.read(Ipa::new(ring + 2), &mut index).unwrap();
        if u16::from_le_bytes(index) == self.taken[queue] {
            return None;
        }
        let mut entry = [0; 8];
        let at = ring + 4 + u64::from(self.taken[queue] % 8) * 8;
        self.memory.read(Ipa::new(at), &mut entry).unwrap();
        self.taken[queue] = self.taken[queue].wrapping_add(1);
        let [a, b, c, d, e, f, g, h] = entry;
        Some((
            u32::from_le_bytes([a, b, c, d]),
            u32::from_le_bytes([e, f, g, h]),
        ))
    }

    /// Offers, rings, serves and takes back; how much was written, `None` if nothing came back.
    pub(crate) fn request(&mut self, queue: usize, pieces: &[Piece]) -> Option<u32> {
        self.offer(queue, pieces);
        self.write(0x50, queue as u32);
        assert!(self.rung());
        self.mmio.serve(Cause::Doorbell);
        self.take_used(queue).map(|(_, written)| written)
    }

    pub(crate) fn bytes<const N: usize>(&self, offset: u64) -> [u8; N] {
        let mut bytes = [0; N];
        let at = Ipa::new(RAM_BASE.value() + offset);
        self.memory.read(at, &mut bytes).unwrap();
        bytes
    }

    pub(crate) fn fill(&self, offset: u64, bytes: &[u8]) {
        let at = Ipa::new(RAM_BASE.value() + offset);
        self.memory.write(at, bytes).unwrap();
    }
}

impl MmioDevice for Bench {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        self.mmio.read(offset, width)
    }

    fn write(&mut self, offset: u64, width: Width, value: u64) {
        self.mmio.write(offset, width, value);
    }

    fn line(&self) -> Level {
        self.mmio.line()
    }

    fn take_event(&mut self) -> bool {
        self.mmio.take_event()
    }

    fn reset(&mut self) {
        self.mmio.reset();
    }
}

fn table(queue: usize) -> Ipa {
    Ipa::new(RAM_BASE.value() + queue as u64 * 0x400)
}

const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
