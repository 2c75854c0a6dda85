//! One connection between a program of the host's and one of the guest's (§5.10.6).
//!
//! ```text
//! Calling ─ REQUEST sent ─▶ Called ─ RESPONSE came ─▶ Established ─ all is said ─▶ Closing ─▶ gone
//!                                 Answering ─ RESPONSE sent ─▶                (the guest's RST)
//! ```
//!
//! Bytes to the guest stay in the host's socket until the guest has room (its credit) and a buffer.
//! Bytes from the guest go to the socket at once, or wait here, up to [`ROOM`], which is what the
//! guest is told; a guest that sends more is cut off. A guest that is done with a connection need
//! not wait for the host's program: what that has yet to read is its [`Remnant`].

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use super::super::Buffers;
use super::header::{Header, NO_RECEIVE, NO_SEND, Operation};

/// The ports of a connection's ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pair {
    pub(super) host: u32,
    pub(super) guest: u32,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) pair: Pair,
    state: State,
    stream: UnixStream,
    /// It waits for its turn to tell the guest something.
    pub(super) queued: bool,
    to_guest: ToGuest,
    to_host: ToHost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The host's program has called; the guest is to be told.
    Calling,
    /// The guest has yet to answer.
    Called,
    /// The guest has called; it is to be answered.
    Answering,
    Established,
    /// Both ends are done; the guest has yet to say so.
    Closing,
}

/// Bytes on their way to the guest.
#[derive(Debug)]
struct ToGuest {
    /// What the guest has said of its room.
    buf_alloc: u32,
    fwd_cnt: u32,
    /// How many bytes were sent.
    sent: u32,
    /// The guest was asked for room.
    asked: bool,
    /// The socket may have bytes.
    readable: bool,
    /// It has no more.
    ended: bool,
    /// The host's program is gone altogether.
    closed: bool,
    /// What the guest was told of the end.
    told: u32,
}

/// Bytes on their way to the host.
#[derive(Debug)]
struct ToHost {
    waiting: VecDeque<u8>,
    /// How many bytes were passed on, and how many the guest knows of.
    passed: u32,
    told: u32,
    /// The guest has asked.
    asked: bool,
    /// The socket may have room.
    writable: bool,
    /// Nobody hears any more.
    deaf: bool,
    /// What the guest has said of the end.
    shutdown: u32,
    /// The socket was told that no more comes.
    ended: bool,
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Verdict {
    GoesOn,
    /// It is over, and the guest knows: what waits goes on to the host.
    Over,
    /// It is over, and the guest waits to hear so.
    Finished,
    /// It is cut off, and the guest is told.
    CutOff,
}

/// What a connection has to tell the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) operation: Operation,
    pub(super) flags: u32,
    /// How many bytes of data there are.
    pub(super) length: usize,
    pub(super) fwd_cnt: u32,
}

impl Connection {
    /// A program of the host's wants the guest's port.
    pub(super) fn calling(pair: Pair, stream: UnixStream) -> Self {
        Self::new(pair, stream, State::Calling)
    }

    /// The guest has sent this request, and a program of the host's has taken the call.
    pub(super) fn answering(pair: Pair, stream: UnixStream, request: &Header) -> Self {
        let mut connection = Self::new(pair, stream, State::Answering);
        connection.to_guest.learn(request);
        connection
    }

    fn new(pair: Pair, stream: UnixStream, state: State) -> Self {
        Self {
            pair,
            state,
            stream,
            queued: false,
            to_guest: ToGuest {
                buf_alloc: 0,
                fwd_cnt: 0,
                sent: 0,
                asked: false,
                readable: true,
                ended: false,
                closed: false,
                told: 0,
            },
            to_host: ToHost {
                waiting: VecDeque::new(),
                passed: 0,
                told: 0,
                asked: false,
                writable: true,
                deaf: false,
                shutdown: 0,
                ended: false,
            },
        }
    }

    /// Its place can be had by another: the guest does not answer.
    pub(super) fn is_idle(&self) -> bool {
        match self.state {
            State::Calling | State::Called | State::Closing => true,
            State::Answering | State::Established => false,
        }
    }

    /// The guest knows of it.
    pub(super) fn is_known(&self) -> bool {
        self.state != State::Calling
    }

    /// The socket has news.
    pub(super) fn wake(&mut self, closed: bool) -> Verdict {
        self.to_guest.readable = true;
        self.to_guest.closed |= closed;
        self.to_host.writable = true;
        self.to_host.flush(&mut self.stream);
        match self.state {
            // The host's program did not wait for the answer.
            State::Calling if closed => Verdict::Over,
            State::Called if closed => Verdict::CutOff,
            _ => Verdict::GoesOn,
        }
    }

    /// A packet of the guest's, with as much behind it as its header says.
    pub(super) fn receive(
        &mut self,
        header: &Header,
        payload: &mut Buffers<'_>,
        scratch: &mut [u8],
    ) -> Verdict {
        let Some(operation) = header.operation() else {
            return Verdict::CutOff;
        };
        if operation == Operation::Reset {
            return Verdict::Over;
        }
        self.to_guest.learn(header);
        match (self.state, operation) {
            (State::Called, Operation::Response) => self.establish(),
            (State::Established | State::Closing, Operation::Shutdown) => {
                self.shut_down(header.flags)
            }
            (State::Answering, Operation::Shutdown) if header.flags & BOTH == BOTH => {
                Verdict::Finished
            }
            (State::Established, Operation::ReadWrite) => {
                self.to_host
                    .deliver(&mut self.stream, header.length, payload, scratch)
            }
            (State::Established, Operation::CreditRequest) => {
                self.to_host.asked = true;
                Verdict::GoesOn
            }
            (State::Established, Operation::CreditUpdate) => Verdict::GoesOn,
            // What the guest sent before it heard of the end.
            (
                State::Closing,
                Operation::ReadWrite | Operation::CreditRequest | Operation::CreditUpdate,
            ) => Verdict::GoesOn,
            (_, _) => Verdict::CutOff,
        }
    }

    /// The host's program hears by which port it is known. It has read nothing yet, so there is
    /// room.
    fn establish(&mut self) -> Verdict {
        let answer = format!("OK {}\n", self.pair.host);
        self.state = State::Established;
        match self.stream.write_all(answer.as_bytes()) {
            Ok(()) => Verdict::GoesOn,
            Err(_) => Verdict::CutOff,
        }
    }

    /// What was said of the end stays said.
    fn shut_down(&mut self, flags: u32) -> Verdict {
        self.to_host.shutdown |= flags & BOTH;
        if self.to_host.shutdown == BOTH {
            return Verdict::Finished;
        }
        if self.to_host.shutdown & NO_RECEIVE != 0 {
            // Where it fails, the other end is gone, and that is news of its own.
            let _ = self.stream.shutdown(Shutdown::Read);
        }
        self.to_host.flush(&mut self.stream);
        Verdict::GoesOn
    }

    /// The next thing to tell the guest, whose buffer has room for so many bytes of data: they are
    /// in `scratch` then.
    pub(super) fn tell(&mut self, room: u64, scratch: &mut [u8]) -> Option<Packet> {
        let (operation, flags, length) = match self.state {
            State::Calling => {
                self.state = State::Called;
                (Operation::Request, 0, 0)
            }
            State::Answering => {
                self.state = State::Established;
                (Operation::Response, 0, 0)
            }
            State::Established => self.tell_established(room, scratch)?,
            State::Called | State::Closing => return None,
        };
        self.to_host.told = self.to_host.passed;
        self.to_host.asked = false;
        Some(Packet {
            operation,
            flags,
            length,
            fwd_cnt: self.to_host.passed,
        })
    }

    fn tell_established(
        &mut self,
        room: u64,
        scratch: &mut [u8],
    ) -> Option<(Operation, u32, usize)> {
        if self.to_host.asked || self.to_host.is_news() {
            return Some((Operation::CreditUpdate, 0, 0));
        }
        let listens = self.to_host.shutdown & NO_RECEIVE == 0;
        if listens && let Some(told) = self.to_guest.fetch(&mut self.stream, room, scratch) {
            return Some(told);
        }
        // A guest that does not listen hears of the end when all is over.
        self.to_guest.ended |= !listens && self.to_guest.closed;
        let due = self.to_guest.end() | if self.to_host.deaf { NO_RECEIVE } else { 0 };
        if due & !self.to_guest.told == 0 {
            return None;
        }
        self.to_guest.told |= due;
        if self.to_guest.told == BOTH {
            self.state = State::Closing;
        }
        Some((Operation::Shutdown, self.to_guest.told, 0))
    }

    /// What the host's program has yet to read, if there is anything.
    pub(super) fn into_remnant(self) -> Option<Remnant> {
        let mut remnant = Remnant {
            stream: self.stream,
            to_host: self.to_host,
        };
        (!remnant.is_done()).then_some(remnant)
    }
}

impl ToGuest {
    fn learn(&mut self, header: &Header) {
        (self.buf_alloc, self.fwd_cnt) = (header.buf_alloc, header.fwd_cnt);
        self.asked = false;
    }

    /// How much the guest has room for, as far as we know. One that says it has passed on more
    /// than it got has none.
    fn credit(&self) -> u32 {
        let under_way = self.sent.wrapping_sub(self.fwd_cnt);
        self.buf_alloc.saturating_sub(under_way)
    }

    /// Takes bytes out of the socket, or asks for room.
    fn fetch(
        &mut self,
        stream: &mut UnixStream,
        room: u64,
        scratch: &mut [u8],
    ) -> Option<(Operation, u32, usize)> {
        while self.readable && !self.ended {
            let most = match self.credit() {
                0 if self.asked => return None,
                0 => {
                    self.asked = true;
                    return Some((Operation::CreditRequest, 0, 0));
                }
                credit => room.min(credit.into()).min(scratch.len() as u64),
            };
            // No room is no end.
            if most == 0 {
                return None;
            }
            match stream.read(&mut scratch[..usize::try_from(most).unwrap_or(0)]) {
                Ok(0) => self.ended = true,
                Ok(length) => {
                    let sent = u32::try_from(length).unwrap_or(u32::MAX);
                    self.sent = self.sent.wrapping_add(sent);
                    return Some((Operation::ReadWrite, 0, length));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => (self.ended, self.closed) = (true, true),
            }
        }
        None
    }

    /// What the guest is to be told of the end.
    fn end(&self) -> u32 {
        match (self.ended, self.closed) {
            (true, true) => BOTH,
            (true, false) => NO_SEND,
            (false, _) => 0,
        }
    }
}

impl ToHost {
    /// Takes so many bytes, for as many as the guest was told that there is room.
    fn deliver(
        &mut self,
        stream: &mut UnixStream,
        length: u32,
        payload: &mut Buffers<'_>,
        scratch: &mut [u8],
    ) -> Verdict {
        let room = (ROOM as usize).saturating_sub(self.waiting.len());
        let length = match usize::try_from(length) {
            Ok(length) if length <= room.min(scratch.len()) => length,
            _ => return Verdict::CutOff,
        };
        if self.shutdown & NO_SEND != 0 || payload.read(&mut scratch[..length]) != length {
            return Verdict::CutOff;
        }
        let mut bytes = &scratch[..length];
        if self.waiting.is_empty() {
            let written = self.write(stream, bytes);
            bytes = &bytes[written..];
        }
        self.waiting.extend(bytes);
        Verdict::GoesOn
    }

    /// Writes what the socket has room for; how much that was.
    fn write(&mut self, stream: &mut UnixStream, bytes: &[u8]) -> usize {
        let mut written = 0;
        while written < bytes.len() && self.writable && !self.deaf {
            match stream.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.deaf = true,
            }
        }
        if self.deaf {
            written = bytes.len();
        }
        let passed = u32::try_from(written).unwrap_or(u32::MAX);
        self.passed = self.passed.wrapping_add(passed);
        written
    }

    /// Passes on what waits, and then that no more comes.
    fn flush(&mut self, stream: &mut UnixStream) {
        while !self.waiting.is_empty() && (self.writable || self.deaf) {
            let mut waiting = std::mem::take(&mut self.waiting);
            let (first, _) = waiting.as_slices();
            let written = self.write(stream, first);
            waiting.drain(..written);
            if !waiting.is_empty() {
                self.waiting = waiting;
            }
        }
        if self.waiting.is_empty() && self.shutdown & NO_SEND != 0 && !self.ended {
            self.ended = true;
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// The guest knows of so little of what was passed on that it might stop.
    fn is_news(&self) -> bool {
        self.passed.wrapping_sub(self.told) >= ROOM / 4
    }
}

/// What the guest has sent, on a connection that is over, and the host has yet to read.
#[derive(Debug)]
pub(super) struct Remnant {
    stream: UnixStream,
    to_host: ToHost,
}

impl Remnant {
    /// The socket has news.
    pub(super) fn wake(&mut self) {
        self.to_host.writable = true;
    }

    /// Passes on what it can; whether that was all, or nobody reads it.
    pub(super) fn is_done(&mut self) -> bool {
        self.to_host.flush(&mut self.stream);
        self.to_host.waiting.is_empty()
    }
}

const BOTH: u32 = NO_RECEIVE | NO_SEND;
/// How many bytes of the guest's wait for the host at most, for each connection.
pub(super) const ROOM: u32 = 64 << 10;
