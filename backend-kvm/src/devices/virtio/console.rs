//! Console device (VIRTIO 1.2 §5.3): port 0, at a Unix socket of the host's.
//!
//! One program at a time is connected, and the next one waits. What the guest writes while there is
//! none, or faster than it reads, is kept up to [`KEPT`] bytes, the newest: the guest never waits.
//! What the program writes stays in the socket until the guest has buffers. VIRTIO_CONSOLE_F_SIZE
//! and F_MULTIPORT are not offered; nor is F_EMERG_WRITE, which would write on a vCPU's time.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;

use super::unix::{NEWS, Watch};
use super::{HostSocket, Kind, Malformed, Queues, VirtioDevice, read_space};
use crate::devices::Cause;

/// A console at a socket.
#[derive(Debug)]
pub struct Console {
    socket: HostSocket,
    watch: Watch,
    /// The watch may have news.
    news: bool,
    program: Option<Program>,
    /// The number of the last program, which no other ever has.
    last: u64,
    /// What the guest has written and nobody has read.
    output: VecDeque<u8>,
    scratch: Box<[u8]>,
}

/// Who is connected.
#[derive(Debug)]
struct Program {
    stream: UnixStream,
    readable: bool,
    writable: bool,
}

impl Console {
    /// A console at this socket.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub fn new(socket: HostSocket) -> rustix::io::Result<Self> {
        let watch = Watch::new()?;
        watch.add(&socket, LISTENER)?;
        Ok(Self {
            socket,
            watch,
            news: true,
            program: None,
            last: LISTENER,
            output: VecDeque::new(),
            scratch: vec![0; CHUNK].into(),
        })
    }

    /// Hears what is new on the host's side.
    fn look(&mut self, queues: &mut Queues<'_>) {
        if !self.news {
            return;
        }
        let news = self.watch.look();
        self.news = news.len() == NEWS;
        if self.news {
            queues.again();
        }
        for news in news {
            match &mut self.program {
                Some(program) if news.number == self.last => {
                    (program.readable, program.writable) = (true, true);
                }
                _ if news.number == LISTENER => self.socket.wake(),
                _ => {}
            }
        }
    }

    /// Takes the next program in if there is none.
    fn accept(&mut self) {
        while self.program.is_none() && self.socket.may_have_callers() {
            let Some(stream) = self.socket.accept() else {
                continue;
            };
            self.last += 1;
            // Where it cannot be watched it is not connected.
            if self.watch.add(&stream, self.last).is_ok() {
                self.program = Some(Program {
                    stream,
                    readable: true,
                    writable: true,
                });
            }
        }
    }

    fn transmit(&mut self, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        while let Some(mut chain) = queues.pop(TRANSMIT)? {
            // Of more than is kept, the beginning would be dropped anyway.
            let beginning = chain.readable.length().saturating_sub(KEPT as u64);
            let _ = chain.readable.take_front(beginning);
            while let read @ 1.. = chain.readable.read(&mut self.scratch) {
                self.output.extend(&self.scratch[..read]);
            }
            queues.complete(TRANSMIT, chain.head, 0)?;
            self.flush();
        }
        Ok(())
    }

    /// Writes what the program takes, and drops the oldest of what is too much.
    fn flush(&mut self) {
        while let Some(program) = &mut self.program
            && program.writable
            && !self.output.is_empty()
        {
            let (first, _) = self.output.as_slices();
            match program.stream.write(first) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => program.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.hang_up(),
            }
        }
        let excess = self.output.len().saturating_sub(KEPT);
        self.output.drain(..excess);
    }

    /// The next program may be waiting, or a descriptor for it was.
    fn hang_up(&mut self) {
        self.program = None;
        self.socket.wake();
    }

    fn receive(&mut self, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        while let Some(program) = &mut self.program
            && program.readable
        {
            let Some(mut chain) = queues.pop(RECEIVE)? else {
                return Ok(());
            };
            let room = usize::try_from(chain.writable.length()).unwrap_or(CHUNK);
            let most = room.min(CHUNK);
            match program.stream.read(&mut self.scratch[..most]) {
                // A buffer without room: what there is waits for the next one.
                Ok(0) if most == 0 => queues.complete(RECEIVE, chain.head, 0)?,
                Ok(count @ 1..) => {
                    let written = chain.writable.write(&self.scratch[..count]);
                    let written = u32::try_from(written).unwrap_or(u32::MAX);
                    queues.complete(RECEIVE, chain.head, written)?;
                }
                end => {
                    queues.put_back(RECEIVE, chain);
                    self.pause(end);
                }
            }
        }
        Ok(())
    }

    /// There is nothing to read now, or never again from this program.
    fn pause(&mut self, end: io::Result<usize>) {
        match (end, &mut self.program) {
            (Err(error), Some(program)) if error.kind() == io::ErrorKind::WouldBlock => {
                program.readable = false;
            }
            (Err(error), _) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => self.hang_up(),
        }
    }
}

impl VirtioDevice for Console {
    fn kind(&self) -> Kind {
        Kind::Console
    }

    fn queue_sizes(&self) -> &'static [u16] {
        &[64, 64]
    }

    /// struct virtio_console_config: cols and rows are 0 without F_SIZE, and there is one port.
    fn read_config(&self, offset: u64, bytes: &mut [u8]) {
        read_space(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], offset, bytes);
    }

    fn serve(&mut self, cause: Cause, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        self.news |= cause == Cause::Host;
        self.look(queues);
        self.accept();
        self.flush();
        self.transmit(queues)?;
        self.receive(queues)?;
        if self.program.is_none() && self.socket.may_have_callers() {
            // One has gone in this turn; another may wait.
            queues.again();
        }
        Ok(())
    }

    fn host_events(&self) -> Option<BorrowedFd<'_>> {
        Some(self.watch.as_fd())
    }

    /// Whoever is connected stays, and what was not read waits for the next driver.
    fn reset(&mut self) {
        self.news = true;
    }
}

const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
/// The listening socket's number in the watch; programs have the following ones.
const LISTENER: u64 = 0;
const CHUNK: usize = 4096;
/// How much output is kept for who connects.
const KEPT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;

    use super::super::SocketFile;
    use super::super::testing::{Bench, Piece};
    use super::*;
    use crate::devices::Driven as _;

    /// Where the socket lies.
    struct Place {
        folder: TempDir,
        _file: SocketFile,
    }

    fn console() -> (Bench, Place) {
        let folder = tempfile::tempdir().unwrap();
        let (socket, file) = HostSocket::bind(&folder.path().join("console")).unwrap();
        let console = Console::new(socket).unwrap();
        let mut bench = Bench::new(Box::new(console));
        serve(&mut bench);
        (
            bench,
            Place {
                folder,
                _file: file,
            },
        )
    }

    fn connect(place: &Place) -> UnixStream {
        let stream = UnixStream::connect(place.folder.path().join("console")).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        stream
    }

    /// Until nothing is left to do.
    fn serve(bench: &mut Bench) {
        bench.mmio.serve(Cause::Host);
        while bench.rung() {
            bench.mmio.serve(Cause::Doorbell);
        }
    }

    fn write(bench: &mut Bench, bytes: &[u8]) {
        bench.fill(0x10_0000, bytes);
        let piece = Piece::readable(0x10_0000, bytes.len() as u32);
        assert_eq!(bench.request(1, &[piece]), Some(0));
    }

    fn read<const N: usize>(stream: &mut UnixStream) -> [u8; N] {
        let mut bytes = [0; N];
        stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn buffer(bench: &mut Bench, index: u16, length: u32) {
        let place = (u64::from(index) + 1) * 0x1000;
        bench.describe(0, index, Piece::writable(place, length), None);
        bench.make_available(0, index);
    }

    #[test]
    fn output_reaches_who_is_connected_whatever_its_pieces() {
        let (mut bench, folder) = console();
        let mut program = connect(&folder);
        serve(&mut bench);
        bench.fill(0x10_0000, &[b'a'; 5000]);
        bench.fill(0x10_3000, b"bcd");
        let pieces = [
            Piece::readable(0x10_0000, 5000),
            Piece::readable(0x10_3000, 3),
        ];
        assert_eq!(bench.request(1, &pieces), Some(0));
        assert_eq!(read::<5000>(&mut program), [b'a'; 5000]);
        assert_eq!(&read::<3>(&mut program), b"bcd");
    }

    #[test]
    fn who_connects_later_reads_the_newest_64_kib() {
        let (mut bench, folder) = console();
        write(&mut bench, &[b'a'; 50_000]);
        write(&mut bench, &[b'b'; 60_000]);
        let mut program = connect(&folder);
        serve(&mut bench);
        assert_eq!(read::<5536>(&mut program), [b'a'; 5536]);
        assert_eq!(read::<60_000>(&mut program), [b'b'; 60_000]);
        write(&mut bench, b"c");
        assert_eq!(read::<1>(&mut program), *b"c");
    }

    #[test]
    fn a_guest_does_not_wait_for_a_program_that_does_not_read() {
        let (mut bench, folder) = console();
        let mut program = connect(&folder);
        serve(&mut bench);
        for _ in 0..40 {
            write(&mut bench, &[b'x'; 60_000]);
        }
        write(&mut bench, b"the end");
        program.set_nonblocking(true).unwrap();
        let mut bytes = Vec::new();
        let mut turns = 0;
        while !bytes.ends_with(b"the end") {
            assert!(turns < 10_000, "the end never comes");
            turns += 1;
            let _ = program.read_to_end(&mut bytes);
            serve(&mut bench);
        }
        assert!(bytes.len() < 40 * 60_000, "{}", bytes.len());
    }

    #[test]
    fn input_fills_the_drivers_buffers_and_waits_for_more() {
        let (mut bench, folder) = console();
        let mut program = connect(&folder);
        program.write_all(b"hello").unwrap();
        serve(&mut bench);
        buffer(&mut bench, 0, 3);
        bench.mmio.serve(Cause::Doorbell);
        assert_eq!(bench.take_used(0), Some((0, 3)));
        assert_eq!(&bench.bytes::<4>(0x1000), b"hel\0");
        buffer(&mut bench, 1, 3);
        bench.mmio.serve(Cause::Doorbell);
        assert_eq!(bench.take_used(0), Some((1, 2)));
        assert_eq!(&bench.bytes::<2>(0x2000), b"lo");
        buffer(&mut bench, 2, 3);
        serve(&mut bench);
        assert_eq!(bench.take_used(0), None);
        program.write_all(b"!").unwrap();
        serve(&mut bench);
        assert_eq!(bench.take_used(0), Some((2, 1)));
    }

    #[test]
    fn programs_are_connected_one_after_another() {
        let (mut bench, folder) = console();
        let mut first = connect(&folder);
        let mut second = connect(&folder);
        serve(&mut bench);
        write(&mut bench, b"1");
        assert_eq!(read::<1>(&mut first), *b"1");
        drop(first);
        buffer(&mut bench, 0, 8);
        second.write_all(b"x").unwrap();
        serve(&mut bench);
        write(&mut bench, b"2");
        assert_eq!(read::<1>(&mut second), *b"2");
        assert_eq!(bench.take_used(0), Some((0, 1)));
    }

    #[test]
    fn buffers_that_cannot_be_written_take_no_input() {
        let (mut bench, folder) = console();
        let mut program = connect(&folder);
        program.write_all(b"x").unwrap();
        bench.describe(0, 0, Piece::readable(0x1000, 8), None);
        bench.make_available(0, 0);
        serve(&mut bench);
        assert_eq!(bench.take_used(0), Some((0, 0)));
        buffer(&mut bench, 1, 8);
        bench.mmio.serve(Cause::Doorbell);
        assert_eq!(bench.take_used(0), Some((1, 1)));
    }

    #[test]
    fn a_reset_keeps_who_is_connected_and_what_was_typed() {
        let (mut bench, folder) = console();
        let mut program = connect(&folder);
        serve(&mut bench);
        program.write_all(b"x").unwrap();
        bench.set_up(u64::MAX);
        buffer(&mut bench, 0, 8);
        serve(&mut bench);
        assert_eq!(bench.take_used(0), Some((0, 1)));
        write(&mut bench, b"y");
        assert_eq!(read::<1>(&mut program), *b"y");
    }

    #[test]
    fn nothing_is_written_without_a_queue() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, _file) = HostSocket::bind(&folder.path().join("console")).unwrap();
        let console = Console::new(socket).unwrap();
        assert_eq!(console.features(), 0);
        let mut bench = Bench::untouched(Box::new(console));
        bench.write(0x108, 0x4142_4344);
        assert_eq!((bench.read(0x100), bench.read(0x104)), (0, 1));
    }
}
