//! Sockets between guest and host (VIRTIO 1.3 §5.10), whose host side is a Unix socket.
//!
//! ```text
//! guest's program ── packets ──▶ Vsock ──▶ Connection ──▶ Unix socket ── host's program
//!                                  └─ nobody's: RST
//! ```
//!
//! What no connection expects is answered by RST and nothing else: a wrong type, operation or
//! length, more data than there was room for, a port that nobody serves. A packet that is not from
//! the guest's own address is dropped, as nobody could be answered; RST never answers RST.
//!
//! All of it is bounded. There are at most [`MOST`] connections, each with at most
//! [`ROOM`](connection::ROOM) bytes of the guest's; when all places are taken, one whose guest or
//! program does not answer gives way to a new one. At most [`RESETS`] refusals wait for the guest's
//! buffers, and one more for each connection: then nothing more is taken from the guest until it
//! makes buffers available (§5.10.6.1.2).
//!
//! A reset of the device ends all connections; the socket stays, and who connects to it meanwhile
//! waits for the next driver.

mod connection;
mod header;
mod host;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;

use self::connection::{Connection, Packet, Pair, ROOM, Remnant, Verdict};
use self::header::{Address, Header, Operation, STREAM};
use self::host::{Caller, Wish, served_at};
use super::unix::{NEWS, Watch, connect_to};
use super::{Buffers, HostSocket, Kind, Malformed, Queues, VirtioDevice, read_space};
use crate::devices::Cause;

/// A guest's address among those of its host's (§5.10.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestCid(u32);

impl GuestCid {
    /// This address; `None` for those that are reserved: 0, 1, the host's 2, and the last.
    #[must_use]
    pub const fn new(cid: u32) -> Option<Self> {
        match cid {
            0..=2 | u32::MAX => None,
            _ => Some(Self(cid)),
        }
    }

    /// Its number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

/// A socket device.
#[derive(Debug)]
pub struct Vsock {
    cid: GuestCid,
    socket: HostSocket,
    watch: Watch,
    /// The watch may have news.
    news: bool,
    members: BTreeMap<u64, Member>,
    pairs: HashMap<Pair, u64>,
    /// The number of the last member, which no other ever has.
    last: u64,
    /// The last port that a caller is known by.
    last_port: u32,
    /// Refusals on their way to the guest.
    resets: VecDeque<Header>,
    /// Connections that may have something to tell the guest, by their numbers.
    queue: VecDeque<u64>,
    scratch: Box<[u8]>,
}

/// Whoever has a place.
#[derive(Debug)]
enum Member {
    Caller(Caller),
    Connection(Box<Connection>),
    Remnant(Box<Remnant>),
}

impl Vsock {
    /// A device of the guest with this address, whose host side is at this socket.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub fn new(cid: GuestCid, socket: HostSocket) -> rustix::io::Result<Self> {
        let watch = Watch::new()?;
        watch.add(&socket, LISTENER)?;
        Ok(Self {
            cid,
            socket,
            watch,
            news: true,
            members: BTreeMap::new(),
            pairs: HashMap::new(),
            last: LISTENER,
            last_port: FIRST_PORT,
            resets: VecDeque::new(),
            queue: VecDeque::new(),
            scratch: vec![0; ROOM as usize].into(),
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
            match self.members.get_mut(&news.number) {
                Some(Member::Caller(_)) => self.hear(news.number),
                Some(Member::Connection(connection)) => {
                    let verdict = connection.wake(news.closed);
                    self.carry_out(news.number, verdict);
                }
                Some(Member::Remnant(remnant)) => {
                    remnant.wake();
                    if remnant.is_done() {
                        self.remove(news.number);
                    }
                }
                None if news.number == LISTENER => self.socket.wake(),
                None => {}
            }
        }
    }

    /// Takes those in who have connected.
    fn accept(&mut self, queues: &mut Queues<'_>) {
        for _ in 0..NEWS {
            if !self.socket.may_have_callers() {
                return;
            }
            let Some(stream) = self.socket.accept() else {
                continue;
            };
            if !self.make_room() {
                continue; // all places are taken by those who talk
            }
            let Some(number) = self.admit(&stream) else {
                continue;
            };
            self.members
                .insert(number, Member::Caller(Caller::new(stream)));
            self.hear(number);
        }
        queues.again();
    }

    /// A number for a stream, by which it is watched from now on.
    fn admit(&mut self, stream: &UnixStream) -> Option<u64> {
        self.last += 1;
        let added = self.watch.add(stream, self.last);
        added.map(|()| self.last).ok()
    }

    /// What a caller wants.
    fn hear(&mut self, number: u64) {
        let Some(Member::Caller(caller)) = self.members.get_mut(&number) else {
            return;
        };
        match caller.listen() {
            Wish::Unsaid => {}
            Wish::Nonsense => self.remove(number),
            Wish::Port(guest) => {
                let pair = Pair {
                    host: self.free_port(),
                    guest,
                };
                if let Some(Member::Caller(caller)) = self.members.remove(&number) {
                    self.connect(number, Connection::calling(pair, caller.stream));
                }
            }
        }
    }

    /// A port that no connection has at this end. There are more than there are connections.
    fn free_port(&mut self) -> u32 {
        loop {
            self.last_port = match self.last_port {
                LAST_PORT => FIRST_PORT,
                port => port + 1,
            };
            let port = self.last_port;
            if self.pairs.keys().all(|pair| pair.host != port) {
                return port;
            }
        }
    }

    fn connect(&mut self, number: u64, connection: Connection) {
        self.pairs.insert(connection.pair, number);
        self.members
            .insert(number, Member::Connection(Box::new(connection)));
        self.enqueue(number);
    }

    fn enqueue(&mut self, number: u64) {
        if let Some(Member::Connection(connection)) = self.members.get_mut(&number)
            && !std::mem::replace(&mut connection.queued, true)
        {
            self.queue.push_back(number);
        }
    }

    fn carry_out(&mut self, number: u64, verdict: Verdict) {
        match verdict {
            Verdict::GoesOn => return self.enqueue(number),
            Verdict::Over => {}
            Verdict::Finished | Verdict::CutOff => self.refuse_member(number),
        }
        let Some(Member::Connection(connection)) = self.remove_member(number) else {
            return;
        };
        if verdict != Verdict::CutOff
            && let Some(remnant) = connection.into_remnant()
        {
            self.members
                .insert(number, Member::Remnant(Box::new(remnant)));
        }
    }

    /// Tells the guest that a connection is no more.
    fn refuse_member(&mut self, number: u64) {
        if let Some(Member::Connection(connection)) = self.members.get(&number)
            && connection.is_known()
        {
            let packet = Packet {
                operation: Operation::Reset,
                flags: 0,
                length: 0,
                fwd_cnt: 0,
            };
            let header = self.header(connection.pair, packet);
            self.resets.push_back(header);
        }
    }

    fn remove(&mut self, number: u64) {
        drop(self.remove_member(number));
    }

    /// With a place that is free again there may be a descriptor for who waits outside.
    fn remove_member(&mut self, number: u64) -> Option<Member> {
        let member = self.members.remove(&number)?;
        if let Member::Connection(connection) = &member {
            self.pairs.remove(&connection.pair);
        }
        self.socket.wake();
        Some(member)
    }

    /// Whether there is a place, be it that of the first who does not answer.
    fn make_room(&mut self) -> bool {
        if self.members.len() < MOST {
            return true;
        }
        let idle = self.members.iter().find_map(|(number, member)| {
            let idle = match member {
                Member::Caller(_) => true,
                Member::Connection(connection) => connection.is_idle(),
                Member::Remnant(_) => false,
            };
            idle.then_some(*number)
        });
        let Some(number) = idle else {
            return false;
        };
        self.refuse_member(number);
        self.remove(number);
        true
    }

    /// Takes what the guest sends.
    fn receive(&mut self, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        while self.resets.len() < RESETS {
            let Some(mut chain) = queues.pop(TRANSMIT)? else {
                return Ok(());
            };
            if let Some(bytes) = chain.readable.read_array() {
                self.take(&Header::from_bytes(&bytes), &mut chain.readable);
            }
            queues.complete(TRANSMIT, chain.head, 0)?;
        }
        Ok(())
    }

    fn take(&mut self, header: &Header, payload: &mut Buffers<'_>) {
        if header.source.cid != u64::from(self.cid.0) {
            return;
        }
        let pair = Pair {
            host: header.destination.port,
            guest: header.source.port,
        };
        let ours = header.destination.cid == HOST && header.kind == STREAM;
        let member = self.pairs.get(&pair).filter(|_| ours).copied();
        if let Some(number) = member
            && let Some(Member::Connection(connection)) = self.members.get_mut(&number)
        {
            let verdict = connection.receive(header, payload, &mut self.scratch);
            self.carry_out(number, verdict);
            return;
        }
        let expected = match header.operation() {
            Some(Operation::Request) => ours && self.answer(pair, header),
            Some(Operation::Reset) => true,
            _ => false,
        };
        if !expected {
            self.resets.push_back(header.refusal());
        }
    }

    /// Passes a call of the guest's on; whether a program takes it.
    fn answer(&mut self, pair: Pair, request: &Header) -> bool {
        let path = served_at(self.socket.path(), pair.host);
        let Ok(stream) = connect_to(&path) else {
            return false;
        };
        if !self.make_room() {
            return false;
        }
        let Some(number) = self.admit(&stream) else {
            return false;
        };
        self.connect(number, Connection::answering(pair, stream, request));
        true
    }

    /// Tells the guest what there is to tell, for as long as it has buffers.
    fn transmit(&mut self, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        while !self.resets.is_empty() || !self.queue.is_empty() {
            let Some(mut chain) = queues.pop(RECEIVE)? else {
                return Ok(());
            };
            let Some(room) = chain.writable.length().checked_sub(Header::SIZE as u64) else {
                return Err(Malformed::NoAnswer(RECEIVE));
            };
            let Some((header, length)) = self.next_packet(room) else {
                queues.put_back(RECEIVE, chain);
                return Ok(());
            };
            let written = chain.writable.write(&header.to_bytes())
                + chain.writable.write(&self.scratch[..length]);
            let written = u32::try_from(written).unwrap_or(u32::MAX);
            queues.complete(RECEIVE, chain.head, written)?;
        }
        Ok(())
    }

    /// The next packet, and how many bytes of data it has. Who has told something goes to the end
    /// of the queue.
    fn next_packet(&mut self, room: u64) -> Option<(Header, usize)> {
        if let Some(reset) = self.resets.pop_front() {
            return Some((reset, 0));
        }
        while let Some(number) = self.queue.pop_front() {
            let Some(Member::Connection(connection)) = self.members.get_mut(&number) else {
                continue;
            };
            connection.queued = false;
            let pair = connection.pair;
            if let Some(packet) = connection.tell(room, &mut self.scratch) {
                self.enqueue(number);
                return Some((self.header(pair, packet), packet.length));
            }
        }
        None
    }

    fn header(&self, pair: Pair, packet: Packet) -> Header {
        Header {
            source: Address {
                cid: HOST,
                port: pair.host,
            },
            destination: Address {
                cid: self.cid.0.into(),
                port: pair.guest,
            },
            length: u32::try_from(packet.length).unwrap_or(u32::MAX),
            kind: STREAM,
            operation: packet.operation as u16,
            flags: packet.flags,
            buf_alloc: ROOM,
            fwd_cnt: packet.fwd_cnt,
        }
    }
}

impl VirtioDevice for Vsock {
    fn kind(&self) -> Kind {
        Kind::Vsock
    }

    fn features(&self) -> u64 {
        STREAMS
    }

    /// Receive, transmit, and events, of which there are none: a machine never moves.
    fn queue_sizes(&self) -> &'static [u16] {
        &[256, 256, 16]
    }

    /// struct virtio_vsock_config: guest_cid.
    fn read_config(&self, offset: u64, bytes: &mut [u8]) {
        read_space(&u64::from(self.cid.0).to_le_bytes(), offset, bytes);
    }

    fn serve(&mut self, cause: Cause, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        self.news |= cause == Cause::Host;
        self.look(queues);
        self.accept(queues);
        self.transmit(queues)?;
        self.receive(queues)?;
        let full = self.resets.len() >= RESETS;
        self.transmit(queues)?;
        if full && self.resets.len() < RESETS {
            queues.again();
        }
        Ok(())
    }

    fn host_events(&self) -> Option<BorrowedFd<'_>> {
        Some(self.watch.as_fd())
    }

    fn reset(&mut self) {
        self.members.clear();
        self.pairs.clear();
        self.resets.clear();
        self.queue.clear();
        self.news = true;
        self.socket.wake();
    }
}

const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;

/// VIRTIO_VSOCK_F_STREAM.
const STREAMS: u64 = 1 << 0;
/// VMADDR_CID_HOST.
const HOST: u64 = 2;
/// The listening socket's number in the watch; members have the following ones.
const LISTENER: u64 = 0;
/// How many connections there are at most, callers and remnants among them.
const MOST: usize = 256;
/// How many refusals wait before no more of the guest's packets are taken.
const RESETS: usize = 256;
/// Callers are known by ports that programs do not serve.
const FIRST_PORT: u32 = 1 << 30;
const LAST_PORT: u32 = (1 << 31) - 1;

#[cfg(test)]
mod tests;
