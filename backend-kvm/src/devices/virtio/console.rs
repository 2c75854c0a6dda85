//! Console device (VIRTIO 1.2 §5.3): port 0, bytes both ways.
//!
//! Output goes where the machine's owner wants it, at once. Input comes by a [`ConsoleInput`] from
//! any thread and waits for the driver's buffers; whoever gives more than is under way at a time
//! waits too.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use log::warn;

use super::{Kind, Malformed, Queues, VirtioDevice, read_space};
use crate::devices::{Cause, Doorbell};

/// A console whose output goes to `W`.
#[derive(Debug)]
pub struct Console<W> {
    output: W,
    /// The output's failure was told; what the guest writes is dropped since.
    closed: bool,
    input: ConsoleInput,
}

/// Gives a console its input. Clones are the same console's.
#[derive(Debug, Clone)]
pub struct ConsoleInput {
    waiting: Arc<Waiting>,
    doorbell: Doorbell,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Mutex<VecDeque<u8>>,
    taken: Condvar,
}

impl ConsoleInput {
    /// Gives the guest as much as there is room for; how much that was.
    pub fn offer(&self, bytes: &[u8]) -> usize {
        self.add(&mut self.waiting.lock(), bytes)
    }

    /// Gives the guest all of it. Waits for a guest that does not read.
    pub fn give(&self, mut bytes: &[u8]) {
        let mut waiting = self.waiting.lock();
        loop {
            let given = self.add(&mut waiting, bytes);
            bytes = &bytes[given..];
            if bytes.is_empty() {
                return;
            }
            let taken = &self.waiting.taken;
            waiting = taken.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn add(&self, waiting: &mut VecDeque<u8>, bytes: &[u8]) -> usize {
        let room = MOST_WAITING.saturating_sub(waiting.len()).min(bytes.len());
        if room != 0 {
            waiting.extend(&bytes[..room]);
            self.doorbell.ring();
        }
        room
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write> Console<W> {
    /// A console, and its input.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub fn new(output: W) -> io::Result<(Self, ConsoleInput)> {
        let input = ConsoleInput {
            waiting: Arc::default(),
            doorbell: Doorbell::new()?,
        };
        let console = Self {
            output,
            closed: false,
            input: input.clone(),
        };
        Ok((console, input))
    }

    fn transmit(&mut self, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        let mut bytes = [0; CHUNK];
        let mut written = false;
        while let Some(mut chain) = queues.pop(TRANSMIT)? {
            while let read @ 1.. = chain.readable.read(&mut bytes) {
                self.write(&bytes[..read]);
                written = true;
            }
            queues.complete(TRANSMIT, chain.head, 0)?;
        }
        if written && !self.closed {
            let flushed = self.output.flush();
            self.check(flushed);
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) {
        if !self.closed {
            let written = self.output.write_all(bytes);
            self.check(written);
        }
    }

    fn check(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.closed = true;
            warn!(
                "a guest's virtio console cannot be written to: {error}; what the guest writes to \
                 it is dropped from now on, and the machine goes on"
            );
        }
    }

    fn receive(&mut self, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        let mut waiting = self.input.waiting.lock();
        while !waiting.is_empty() {
            let Some(mut chain) = queues.pop(RECEIVE)? else {
                break;
            };
            let written = chain.writable.write(waiting.make_contiguous());
            waiting.drain(..written);
            let written = u32::try_from(written).unwrap_or(u32::MAX);
            queues.complete(RECEIVE, chain.head, written)?;
        }
        self.input.waiting.taken.notify_all();
        Ok(())
    }
}

impl<W: Write + fmt::Debug> VirtioDevice for Console<W> {
    fn kind(&self) -> Kind {
        Kind::Console
    }

    fn features(&self) -> u64 {
        EMERGENCY_WRITE
    }

    fn queue_sizes(&self) -> &'static [u16] {
        &[64, 64]
    }

    /// cols and rows are 0 without VIRTIO_CONSOLE_F_SIZE, and there is one port.
    fn read_config(&self, offset: u64, bytes: &mut [u8]) {
        read_space(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], offset, bytes);
    }

    /// emerg_wr: a byte from a driver that has no queues yet, or no more.
    fn write_config(&mut self, offset: u64, bytes: &[u8]) {
        if let (EMERGENCY, Some(byte)) = (offset, bytes.first()) {
            self.write(&[*byte]);
            if !self.closed {
                let flushed = self.output.flush();
                self.check(flushed);
            }
        }
    }

    fn serve(&mut self, _: Cause, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        self.transmit(queues)?;
        self.receive(queues)
    }

    fn host_events(&self) -> Option<BorrowedFd<'_>> {
        Some(self.input.doorbell.as_fd())
    }

    /// Input that nobody has read waits for the next driver.
    fn reset(&mut self) {}
}

const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
/// VIRTIO_CONSOLE_F_EMERG_WRITE.
const EMERGENCY_WRITE: u64 = 1 << 2;
/// Where emerg_wr lies.
const EMERGENCY: u64 = 8;
const CHUNK: usize = 4096;
/// How much input may be under way.
const MOST_WAITING: usize = 4096;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::testing::{Bench, Piece};
    use super::*;
    use crate::devices::Driven as _;

    /// Output that is kept, or refused.
    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<(Vec<u8>, bool)>>);

    impl Kept {
        fn take(&self) -> Vec<u8> {
            std::mem::take(&mut self.0.lock().unwrap().0)
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut kept = self.0.lock().unwrap();
            if kept.1 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            kept.0.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn console() -> (Bench, Kept, ConsoleInput) {
        let kept = Kept::default();
        let (console, input) = Console::new(kept.clone()).unwrap();
        (Bench::new(Box::new(console)), kept, input)
    }

    fn buffer(bench: &mut Bench, index: u16, length: u32) {
        let place = (u64::from(index) + 1) * 0x1000;
        bench.describe(0, index, Piece::writable(place, length), None);
        bench.make_available(0, index);
    }

    #[test]
    fn output_is_written_in_order_whatever_its_pieces() {
        let (mut bench, kept, _) = console();
        bench.fill(0x1000, &[b'a'; 5000]);
        bench.fill(0x3000, b"bcd");
        let pieces = [Piece::readable(0x1000, 5000), Piece::readable(0x3000, 3)];
        assert_eq!(bench.request(1, &pieces), Some(0));
        let mut expected = vec![b'a'; 5000];
        expected.extend(b"bcd");
        assert_eq!(kept.take(), expected);
    }

    #[test]
    fn a_console_that_is_closed_drops_output_and_the_guest_goes_on() {
        let (mut bench, kept, _) = console();
        kept.0.lock().unwrap().1 = true;
        for _ in 0..3 {
            assert_eq!(bench.request(1, &[Piece::readable(0x1000, 8)]), Some(0));
        }
        assert_eq!(bench.status(), 0xf);
    }

    #[test]
    fn input_fills_the_drivers_buffers_and_waits_for_more() {
        let (mut bench, _, input) = console();
        assert_eq!(input.offer(b"hello"), 5);
        bench.mmio.serve(Cause::Host);
        buffer(&mut bench, 0, 3);
        bench.mmio.serve(Cause::Doorbell);
        assert_eq!(bench.take_used(0), Some((0, 3)));
        assert_eq!(&bench.bytes::<4>(0x1000), b"hel\0");
        buffer(&mut bench, 1, 3);
        bench.mmio.serve(Cause::Doorbell);
        assert_eq!(bench.take_used(0), Some((1, 2)));
        assert_eq!(&bench.bytes::<2>(0x2000), b"lo");
    }

    #[test]
    fn input_beyond_what_may_wait_is_refused_or_waits() {
        let (mut bench, _, input) = console();
        assert_eq!(input.offer(&[1; 5000]), 4096);
        assert_eq!(input.offer(&[1; 1]), 0);
        thread::scope(|scope| {
            let giving = scope.spawn(|| input.give(&[2; 10]));
            buffer(&mut bench, 0, 4096);
            bench.mmio.serve(Cause::Doorbell);
            giving.join().unwrap();
        });
        buffer(&mut bench, 1, 100);
        bench.mmio.serve(Cause::Doorbell);
        assert_eq!(bench.take_used(0), Some((0, 4096)));
        assert_eq!(bench.take_used(0), Some((1, 10)));
    }

    #[test]
    fn input_survives_a_reset_of_the_device() {
        let (mut bench, _, input) = console();
        input.offer(b"x");
        bench.set_up(u64::MAX);
        buffer(&mut bench, 0, 8);
        bench.mmio.serve(Cause::Doorbell);
        assert_eq!(bench.take_used(0), Some((0, 1)));
    }

    #[test]
    fn buffers_that_cannot_be_written_take_no_input() {
        let (mut bench, _, input) = console();
        input.offer(b"x");
        bench.describe(0, 0, Piece::readable(0x1000, 8), None);
        bench.make_available(0, 0);
        bench.mmio.serve(Cause::Host);
        assert_eq!(bench.take_used(0), Some((0, 0)));
        buffer(&mut bench, 1, 8);
        bench.mmio.serve(Cause::Doorbell);
        assert_eq!(bench.take_used(0), Some((1, 1)));
    }

    #[test]
    fn an_emergency_write_needs_no_queue() {
        let kept = Kept::default();
        let (console, _) = Console::new(kept.clone()).unwrap();
        let mut bench = Bench::untouched(Box::new(console));
        bench.write(0x108, 0x4142_4344);
        bench.write(0x104, 0x5a);
        assert_eq!(kept.take(), b"D");
        assert_eq!((bench.read(0x100), bench.read(0x104)), (0, 1));
    }
}
