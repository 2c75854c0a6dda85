//! A device between a guest made by hand and programs at Unix sockets.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use tempfile::TempDir;

use super::super::SocketFile;
use super::super::testing::{Bench, Piece};
use super::*;
use crate::devices::Driven as _;

/// A guest with the address 3, which has made buffers available.
struct Guest {
    bench: Bench,
    folder: TempDir,
    _file: SocketFile,
}

/// What the guest received.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Received {
    source: (u64, u32),
    destination: (u64, u32),
    kind: u16,
    operation: u16,
    flags: u32,
    buf_alloc: u32,
    fwd_cnt: u32,
    data: Vec<u8>,
}

/// What the guest sends: from its port 1000 to the host's port 52, unless it says otherwise.
#[derive(Debug, Clone, Copy)]
struct Sent<'a> {
    source: (u64, u32),
    destination: (u64, u32),
    length: Option<u32>,
    kind: u16,
    operation: u16,
    flags: u32,
    buf_alloc: u32,
    fwd_cnt: u32,
    data: &'a [u8],
}

const PLAIN: Sent<'static> = Sent {
    source: (3, 1000),
    destination: (2, 52),
    length: None,
    kind: 1,
    operation: 0,
    flags: 0,
    buf_alloc: 0x1_0000,
    fwd_cnt: 0,
    data: &[],
};

const REQUEST: u16 = 1;
const RESPONSE: u16 = 2;
const RST: u16 = 3;
const SHUTDOWN: u16 = 4;
const RW: u16 = 5;
const CREDIT_UPDATE: u16 = 6;
const CREDIT_REQUEST: u16 = 7;

fn send(operation: u16) -> Sent<'static> {
    Sent { operation, ..PLAIN }
}

fn write(data: &[u8]) -> Sent<'_> {
    Sent {
        data,
        operation: RW,
        ..PLAIN
    }
}

impl Sent<'_> {
    fn bytes(&self) -> Vec<u8> {
        let length = self.length.unwrap_or(self.data.len() as u32);
        [
            &self.source.0.to_le_bytes()[..],
            &self.destination.0.to_le_bytes(),
            &self.source.1.to_le_bytes(),
            &self.destination.1.to_le_bytes(),
            &length.to_le_bytes(),
            &self.kind.to_le_bytes(),
            &self.operation.to_le_bytes(),
            &self.flags.to_le_bytes(),
            &self.buf_alloc.to_le_bytes(),
            &self.fwd_cnt.to_le_bytes(),
            self.data,
        ]
        .concat()
    }
}

impl Guest {
    fn new() -> Self {
        let mut guest = Self::without_buffers();
        for index in 0..8 {
            guest.give_buffer(index);
        }
        guest
    }

    fn without_buffers() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (socket, _file) = HostSocket::bind(&folder.path().join("v")).unwrap();
        let vsock = Vsock::new(GuestCid::new(3).unwrap(), socket).unwrap();
        let mut guest = Self {
            bench: Bench::new(Box::new(vsock)),
            folder,
            _file,
        };
        guest.serve();
        guest
    }

    fn give_buffer(&mut self, index: u16) {
        let piece = Piece::writable(buffer(index), 44 + 0x1000);
        self.bench.describe(0, index, piece, None);
        self.bench.make_available(0, index);
    }

    /// Until nothing is left to do.
    fn serve(&mut self) {
        self.bench.mmio.serve(Cause::Host);
        while self.bench.rung() {
            self.bench.mmio.serve(Cause::Doorbell);
        }
    }

    /// Sends a packet; whether the device took it.
    fn offer(&mut self, bytes: &[u8]) -> bool {
        self.bench.fill(0x20_0000, bytes);
        let piece = Piece::readable(0x20_0000, bytes.len() as u32);
        self.bench.offer(1, &[piece]);
        self.serve();
        self.bench.take_used(1) == Some((0, 0))
    }

    fn send(&mut self, sent: &Sent<'_>) {
        assert!(self.offer(&sent.bytes()), "{sent:?}");
    }

    /// The next packet for the guest, whose buffer is available again.
    fn receive(&mut self) -> Option<Received> {
        self.serve();
        let (head, written) = self.bench.take_used(0)?;
        let place = buffer(head as u16);
        let bytes = self.bench.bytes::<{ 44 + 0x1000 }>(place);
        self.give_buffer(head as u16);
        self.serve();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let long = |at| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let length = word(24);
        assert_eq!(written, 44 + length);
        Some(Received {
            source: (long(0), word(16)),
            destination: (long(8), word(20)),
            kind: word(28) as u16,
            operation: (word(28) >> 16) as u16,
            flags: word(32),
            buf_alloc: word(36),
            fwd_cnt: word(40),
            data: bytes[44..44 + length as usize].to_vec(),
        })
    }

    /// The operation and the flags of the next packet.
    fn hear(&mut self) -> Option<(u16, u32)> {
        let received = self.receive()?;
        Some((received.operation, received.flags))
    }

    /// A program of the host's that serves the guest's calls to this port.
    fn program(&self, port: u32) -> UnixListener {
        UnixListener::bind(self.folder.path().join(format!("v_{port}"))).unwrap()
    }

    /// A connection that the guest has made to a program of the host's, at port 52.
    fn connected() -> (Self, UnixStream) {
        let mut guest = Self::new();
        let program = guest.program(52);
        guest.send(&send(REQUEST));
        assert_eq!(guest.hear(), Some((RESPONSE, 0)));
        (guest, patient(program.accept().unwrap().0))
    }

    /// A program that has connected to the device's socket.
    fn caller(&mut self) -> UnixStream {
        let stream = UnixStream::connect(self.folder.path().join("v")).unwrap();
        self.serve();
        patient(stream)
    }
}

fn buffer(index: u16) -> u64 {
    0x10_0000 + u64::from(index) * 0x2000
}

/// A test that is wrong ends.
fn patient(stream: UnixStream) -> UnixStream {
    let limit = Some(Duration::from_secs(30));
    stream.set_read_timeout(limit).unwrap();
    stream
}

fn read<const N: usize>(stream: &mut UnixStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Everything up to the end.
fn rest(stream: &mut UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn the_configuration_has_the_guests_address() {
    let mut guest = Guest::new();
    assert_eq!((guest.bench.read(0x100), guest.bench.read(0x104)), (3, 0));
    for reserved in [0, 1, 2, u32::MAX] {
        assert_eq!(GuestCid::new(reserved), None);
    }
}

#[test]
fn a_call_of_the_guests_reaches_the_program_at_its_port() {
    let mut guest = Guest::new();
    let program = guest.program(52);
    guest.send(&send(REQUEST));
    let response = Received {
        source: (2, 52),
        destination: (3, 1000),
        kind: 1,
        operation: RESPONSE,
        flags: 0,
        buf_alloc: 0x1_0000,
        fwd_cnt: 0,
        data: vec![],
    };
    assert_eq!(guest.receive(), Some(response.clone()));
    let (stream, _) = program.accept().unwrap();
    let mut stream = patient(stream);
    guest.send(&write(b"hello"));
    assert_eq!(&read::<5>(&mut stream), b"hello");
    stream.write_all(b"and hello").unwrap();
    let answer = Received {
        operation: RW,
        fwd_cnt: 5,
        data: b"and hello".to_vec(),
        ..response
    };
    assert_eq!(guest.receive(), Some(answer));
    assert_eq!(guest.receive(), None);
}

#[test]
fn a_call_to_a_port_that_nobody_serves_is_refused() {
    let mut guest = Guest::new();
    guest.send(&send(REQUEST));
    let refusal = guest.receive().unwrap();
    assert_eq!((refusal.source, refusal.destination), ((2, 52), (3, 1000)));
    assert_eq!((refusal.operation, refusal.kind), (RST, 1));
}

#[test]
fn a_program_calls_a_port_of_the_guests() {
    let mut guest = Guest::new();
    let mut program = guest.caller();
    program.write_all(b"CONNECT 80\nGET").unwrap();
    let request = guest.receive().unwrap();
    assert_eq!((request.operation, request.destination), (REQUEST, (3, 80)));
    let (2, port @ 0x4000_0000..0x8000_0000) = request.source else {
        panic!("{request:?}");
    };
    assert_eq!(guest.receive(), None);
    guest.send(&Sent {
        source: (3, 80),
        destination: (2, port),
        ..send(RESPONSE)
    });
    let answer = format!("OK {port}\n");
    assert_eq!(read::<14>(&mut program), answer.as_bytes());
    let data = guest.receive().unwrap();
    assert_eq!((data.operation, data.data), (RW, b"GET".to_vec()));
}

#[test]
fn a_program_that_the_guest_refuses_or_does_not_understand_is_cut_off() {
    for answer in [send(RST), send(RW), send(REQUEST), send(9)] {
        let mut guest = Guest::new();
        let mut program = guest.caller();
        program.write_all(b"CONNECT 80\n").unwrap();
        let port = guest.receive().unwrap().source.1;
        guest.send(&Sent {
            source: (3, 80),
            destination: (2, port),
            ..answer
        });
        assert_eq!(rest(&mut program), b"");
        let told = (answer.operation != RST).then_some((RST, 0));
        assert_eq!(guest.hear(), told);
    }
}

#[test]
fn a_program_that_says_nonsense_is_cut_off_and_the_guest_hears_nothing() {
    let mut guest = Guest::new();
    let mut program = guest.caller();
    program.write_all(b"HELLO\n").unwrap();
    guest.serve();
    assert_eq!(rest(&mut program), b"");
    assert_eq!(guest.receive(), None);
}

#[test]
fn a_program_that_goes_before_the_answer_takes_its_call_back() {
    let mut guest = Guest::new();
    let mut program = guest.caller();
    program.write_all(b"CONNECT 80\n").unwrap();
    assert_eq!(guest.hear(), Some((REQUEST, 0)));
    drop(program);
    assert_eq!(guest.hear(), Some((RST, 0)));
}

#[test]
fn a_packet_from_a_foreign_address_is_dropped() {
    for source in [(4, 1000), (2, 1000), (3 | 1 << 32, 1000)] {
        let mut guest = Guest::new();
        let _program = guest.program(52);
        guest.send(&Sent {
            source,
            ..send(REQUEST)
        });
        assert_eq!(guest.receive(), None);
    }
}

#[test]
fn a_packet_to_a_foreign_address_is_refused_from_there() {
    for cid in [0, 1, 3, 7, 2 | 1 << 32] {
        let mut guest = Guest::new();
        let _program = guest.program(52);
        guest.send(&Sent {
            destination: (cid, 52),
            ..send(REQUEST)
        });
        let refusal = guest.receive().unwrap();
        assert_eq!((refusal.source, refusal.operation), ((cid, 52), RST));
    }
}

#[test]
fn a_packet_of_an_unknown_type_is_refused_with_that_type_and_harms_no_stream() {
    let (mut guest, mut program) = Guest::connected();
    for kind in [0, 2, 0xffff] {
        guest.send(&Sent { kind, ..send(RW) });
        let refusal = guest.receive().unwrap();
        assert_eq!((refusal.operation, refusal.kind), (RST, kind));
    }
    guest.send(&write(b"x"));
    assert_eq!(&read::<1>(&mut program), b"x");
}

#[test]
fn what_belongs_to_no_connection_is_refused_but_for_a_refusal() {
    let mut guest = Guest::new();
    for operation in [0, 2, 4, 5, 6, 7, 8, 0xffff] {
        guest.send(&send(operation));
        assert_eq!(guest.hear(), Some((RST, 0)), "{operation}");
    }
    guest.send(&send(RST));
    guest.send(&Sent {
        kind: 9,
        ..send(RST)
    });
    assert_eq!(guest.receive(), None);
}

#[test]
fn what_a_connection_does_not_expect_cuts_it_off() {
    for operation in [0, REQUEST, RESPONSE, 8, 0xffff] {
        let (mut guest, mut program) = Guest::connected();
        guest.send(&send(operation));
        assert_eq!(guest.hear(), Some((RST, 0)), "{operation}");
        assert_eq!(rest(&mut program), b"");
    }
}

#[test]
fn a_packet_that_is_no_packet_is_dropped() {
    let mut guest = Guest::new();
    for length in [1, 43] {
        assert!(guest.offer(&vec![1; length]));
    }
    assert_eq!(guest.receive(), None);
    assert_eq!(guest.bench.status(), 0xf);
}

#[test]
fn data_that_is_shorter_than_it_says_cuts_the_connection_off() {
    for length in [6, 0x1_0000, 0x1_0001, u32::MAX] {
        let (mut guest, mut program) = Guest::connected();
        guest.send(&Sent {
            length: Some(length),
            ..write(b"hello")
        });
        assert_eq!(guest.hear(), Some((RST, 0)), "{length}");
        assert_eq!(rest(&mut program), b"");
    }
}

#[test]
fn data_behind_its_length_is_none() {
    let (mut guest, mut program) = Guest::connected();
    guest.send(&Sent {
        length: Some(2),
        ..write(b"hello")
    });
    guest.send(&write(b"!"));
    assert_eq!(&read::<3>(&mut program), b"he!");
}

#[test]
fn the_guest_gets_what_it_has_room_for_and_is_asked_for_more() {
    let mut guest = Guest::new();
    let program = guest.program(52);
    guest.send(&Sent {
        buf_alloc: 10,
        ..send(REQUEST)
    });
    assert_eq!(guest.hear(), Some((RESPONSE, 0)));
    let (mut stream, _) = program.accept().unwrap();
    stream.write_all(&[b'x'; 25]).unwrap();
    assert_eq!(guest.receive().unwrap().data.len(), 10);
    assert_eq!(guest.hear(), Some((CREDIT_REQUEST, 0)));
    assert_eq!(guest.receive(), None);
    guest.send(&Sent {
        buf_alloc: 10,
        fwd_cnt: 4,
        ..send(CREDIT_UPDATE)
    });
    assert_eq!(guest.receive().unwrap().data.len(), 4);
    assert_eq!(guest.hear(), Some((CREDIT_REQUEST, 0)));
    guest.send(&Sent {
        buf_alloc: 100,
        fwd_cnt: 14,
        ..send(CREDIT_UPDATE)
    });
    assert_eq!(guest.receive().unwrap().data.len(), 11);
    assert_eq!(guest.receive(), None);
}

#[test]
fn a_guest_that_claims_to_have_passed_on_what_it_never_got_has_no_room() {
    let (mut guest, mut program) = Guest::connected();
    guest.send(&Sent {
        fwd_cnt: 1,
        ..send(CREDIT_UPDATE)
    });
    program.write_all(b"x").unwrap();
    assert_eq!(guest.hear(), Some((CREDIT_REQUEST, 0)));
    assert_eq!(guest.receive(), None);
}

#[test]
fn the_guest_hears_of_room_when_it_asks_and_when_it_may_run_out() {
    let (mut guest, mut program) = Guest::connected();
    guest.send(&write(b"x"));
    assert_eq!(guest.receive(), None);
    guest.send(&send(CREDIT_REQUEST));
    let update = guest.receive().unwrap();
    assert_eq!((update.operation, update.fwd_cnt), (CREDIT_UPDATE, 1));
    guest.send(&write(&[b'x'; 0x4000]));
    let update = guest.receive().unwrap();
    assert_eq!((update.operation, update.fwd_cnt), (CREDIT_UPDATE, 0x4001));
    assert_eq!(read::<0x4001>(&mut program), [b'x'; 0x4001]);
    assert_eq!(guest.receive(), None);
}

/// Fills what lies between the guest and a program that does not read; how many bytes that are.
fn fill(guest: &mut Guest) -> usize {
    let mut sent = 0;
    let mut passed = 0;
    // The guest keeps to what it is told, until it is told no more.
    while sent - passed + 0x4000 <= 0x1_0000 {
        guest.send(&write(&[b'x'; 0x4000]));
        sent += 0x4000;
        while let Some(update) = guest.receive() {
            assert_eq!(update.operation, CREDIT_UPDATE);
            passed = update.fwd_cnt as usize;
        }
    }
    sent
}

#[test]
fn a_guest_that_sends_more_than_there_is_room_for_is_cut_off() {
    let (mut guest, mut program) = Guest::connected();
    let sent = fill(&mut guest);
    assert!(sent < 0x100_0000, "{sent}");
    while guest.receive().is_none() {
        guest.send(&write(&[b'y'; 0x4000]));
    }
    guest.send(&write(b"z"));
    assert_eq!(guest.hear(), Some((RST, 0)));
    assert!(rest(&mut program).len() <= sent + 0x1_0000);
}

#[test]
fn what_waits_reaches_a_program_that_reads_again_and_the_guest_hears_of_room() {
    let (mut guest, mut program) = Guest::connected();
    let sent = fill(&mut guest);
    program.set_nonblocking(true).unwrap();
    let mut bytes = Vec::new();
    let mut passed = 0;
    for _ in 0..1000 {
        let _ = program.read_to_end(&mut bytes);
        while let Some(update) = guest.receive() {
            passed = update.fwd_cnt as usize;
        }
    }
    assert_eq!(bytes.len(), sent);
    assert!(sent - passed < 0x4000, "{passed} of {sent}");
}

#[test]
fn a_guest_that_is_done_is_answered_at_once_and_nothing_it_sent_is_lost() {
    let (mut guest, mut program) = Guest::connected();
    let sent = fill(&mut guest);
    guest.send(&Sent {
        flags: 3,
        ..send(SHUTDOWN)
    });
    assert_eq!(guest.hear(), Some((RST, 0)));
    program.set_nonblocking(true).unwrap();
    let mut bytes = Vec::new();
    for _ in 0..1000 {
        let _ = program.read_to_end(&mut bytes);
        guest.serve();
    }
    assert_eq!(bytes.len(), sent);
    assert_eq!(program.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_guest_that_only_sends_no_more_still_receives() {
    let (mut guest, mut program) = Guest::connected();
    guest.send(&write(b"last"));
    guest.send(&Sent {
        flags: 2,
        ..send(SHUTDOWN)
    });
    assert_eq!(rest(&mut program), b"last");
    program.write_all(b"answer").unwrap();
    assert_eq!(guest.receive().unwrap().data, b"answer");
    // What was said stays said.
    guest.send(&write(b"more"));
    assert_eq!(guest.hear(), Some((RST, 0)));
}

#[test]
fn a_guest_that_only_receives_no_more_still_sends() {
    let (mut guest, mut program) = Guest::connected();
    guest.send(&Sent {
        flags: 1,
        ..send(SHUTDOWN)
    });
    assert!(program.write_all(b"x").is_err());
    guest.send(&write(b"still"));
    assert_eq!(&read::<5>(&mut program), b"still");
    guest.send(&Sent {
        flags: 2,
        ..send(SHUTDOWN)
    });
    assert_eq!(guest.hear(), Some((RST, 0)));
    assert_eq!(rest(&mut program), b"");
}

#[test]
fn a_program_that_sends_no_more_is_half_of_an_end() {
    let (mut guest, mut program) = Guest::connected();
    program.write_all(b"last").unwrap();
    program.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(guest.receive().unwrap().data, b"last");
    assert_eq!(guest.hear(), Some((SHUTDOWN, 2)));
    guest.send(&write(b"answer"));
    assert_eq!(&read::<6>(&mut program), b"answer");
    drop(program);
    assert_eq!(guest.hear(), Some((SHUTDOWN, 3)));
}

#[test]
fn a_program_that_is_gone_is_all_of_an_end_behind_what_it_wrote() {
    let (mut guest, mut program) = Guest::connected();
    program.write_all(b"last").unwrap();
    drop(program);
    assert_eq!(guest.receive().unwrap().data, b"last");
    assert_eq!(guest.hear(), Some((SHUTDOWN, 3)));
    // What the guest sent before it heard of that.
    guest.send(&write(b"late"));
    guest.send(&send(CREDIT_REQUEST));
    assert_eq!(guest.receive(), None);
    guest.send(&send(RST));
    guest.send(&send(RST));
    assert_eq!(guest.receive(), None);
}

#[test]
fn two_ends_at_once_are_one() {
    let (mut guest, program) = Guest::connected();
    drop(program);
    assert_eq!(guest.hear(), Some((SHUTDOWN, 3)));
    guest.send(&Sent {
        flags: 3,
        ..send(SHUTDOWN)
    });
    assert_eq!(guest.hear(), Some((RST, 0)));
    let _program = guest.program(53);
    guest.send(&Sent {
        destination: (2, 53),
        ..send(REQUEST)
    });
    assert_eq!(guest.hear(), Some((RESPONSE, 0)));
}

#[test]
fn a_guest_that_does_not_listen_hears_when_the_program_is_gone() {
    let (mut guest, program) = Guest::connected();
    guest.send(&Sent {
        flags: 1,
        ..send(SHUTDOWN)
    });
    assert_eq!(guest.receive(), None);
    drop(program);
    assert_eq!(guest.hear(), Some((SHUTDOWN, 3)));
}

#[test]
fn a_flood_of_calls_takes_256_places_and_no_more() {
    let mut guest = Guest::new();
    let program = guest.program(52);
    let mut streams = Vec::new();
    let mut answers = [0, 0];
    for port in 0..300 {
        guest.send(&Sent {
            source: (3, port),
            ..send(REQUEST)
        });
        match guest.hear() {
            Some((RESPONSE, 0)) => answers[0] += 1,
            Some((RST, 0)) => answers[1] += 1,
            other => panic!("{other:?}"),
        }
        streams.push(program.accept().unwrap());
    }
    assert_eq!(answers, [256, 44]);
    // A program finds no place either, until somebody goes.
    assert_eq!(rest(&mut guest.caller()), b"");
    guest.send(&Sent {
        source: (3, 7),
        ..send(RST)
    });
    let mut caller = guest.caller();
    caller.write_all(b"CONNECT 1\n").unwrap();
    assert_eq!(guest.hear(), Some((REQUEST, 0)));
}

#[test]
fn callers_who_say_nothing_give_way() {
    let mut guest = Guest::new();
    let mut silent: Vec<_> = (0..256).map(|_| guest.caller()).collect();
    let _program = guest.program(52);
    guest.send(&send(REQUEST));
    assert_eq!(guest.hear(), Some((RESPONSE, 0)));
    assert_eq!(rest(&mut silent[0]), b"");
    silent[1].write_all(b"CONNECT 1\n").unwrap();
    assert_eq!(guest.hear(), Some((REQUEST, 0)));
}

#[test]
fn calls_that_the_guest_does_not_answer_give_way_and_it_is_told() {
    let mut guest = Guest::new();
    let mut callers: Vec<_> = (0..256)
        .map(|_| {
            let mut caller = guest.caller();
            caller.write_all(b"CONNECT 1\n").unwrap();
            assert_eq!(guest.hear(), Some((REQUEST, 0)));
            caller
        })
        .collect();
    let _last = guest.caller();
    assert_eq!(guest.hear(), Some((RST, 0)));
    assert_eq!(rest(&mut callers[0]), b"");
}

#[test]
fn a_guest_without_buffers_is_not_listened_to_for_ever() {
    let mut guest = Guest::without_buffers();
    let taken = (0..1000).take_while(|_| guest.offer(&send(RW).bytes()));
    assert_eq!(taken.count(), 256);
    for index in 0..8 {
        guest.give_buffer(index);
    }
    let mut told = 0;
    while let Some(packet) = guest.hear() {
        assert_eq!(packet, (RST, 0));
        told += 1;
    }
    assert_eq!(told, 257);
    assert_eq!(guest.bench.take_used(1), Some((0, 0)));
}

#[test]
fn what_is_for_the_guest_waits_for_its_buffers() {
    let mut guest = Guest::without_buffers();
    let mut program = guest.caller();
    program.write_all(b"CONNECT 80\n").unwrap();
    assert_eq!(guest.receive(), None);
    guest.give_buffer(0);
    assert_eq!(guest.hear(), Some((REQUEST, 0)));
}

#[test]
fn connections_share_the_guests_buffers_in_turns() {
    let mut guest = Guest::without_buffers();
    let program = guest.program(52);
    guest.give_buffer(0);
    let mut streams = Vec::new();
    for port in 0..3 {
        guest.send(&Sent {
            source: (3, port),
            ..send(REQUEST)
        });
        assert_eq!(guest.hear(), Some((RESPONSE, 0)));
        streams.push(program.accept().unwrap().0);
    }
    for stream in &mut streams {
        stream.write_all(&[1; 0x3000]).unwrap();
    }
    let ports: Vec<_> = (0..9)
        .map(|_| guest.receive().unwrap().destination.1)
        .collect();
    for turn in ports.chunks(3) {
        let mut turn = turn.to_vec();
        turn.sort_unstable();
        // The buffer that was available already may have any of them.
        assert!(turn.len() == 3, "{ports:?}");
    }
    let count = |port| ports.iter().filter(|other| **other == port).count();
    assert_eq!([count(0), count(1), count(2)], [3, 3, 3]);
}

#[test]
fn a_buffer_without_room_for_a_header_stops_the_device() {
    let mut guest = Guest::without_buffers();
    guest
        .bench
        .describe(0, 0, Piece::writable(buffer(0), 43), None);
    guest.bench.make_available(0, 0);
    guest.send(&send(REQUEST));
    assert_eq!(guest.bench.status(), 0x4f);
}

#[test]
fn a_buffer_with_room_for_a_header_only_takes_no_data() {
    let mut guest = Guest::without_buffers();
    let program = guest.program(52);
    guest
        .bench
        .describe(0, 0, Piece::writable(buffer(0), 44), None);
    guest.bench.make_available(0, 0);
    guest.send(&send(REQUEST));
    assert_eq!(guest.bench.take_used(0), Some((0, 44)));
    let (mut stream, _) = program.accept().unwrap();
    stream.write_all(b"x").unwrap();
    guest.bench.make_available(0, 0);
    guest.serve();
    assert_eq!(
        (guest.bench.take_used(0), guest.bench.status()),
        (None, 0xf)
    );
}

#[test]
fn a_reset_ends_all_connections_and_the_socket_stays() {
    let (mut guest, mut program) = Guest::connected();
    let mut silent = guest.caller();
    guest.bench.write(0x70, 0);
    assert_eq!(rest(&mut program), b"");
    assert_eq!(rest(&mut silent), b"");
    // Who comes while no driver is there waits for it.
    let mut early = UnixStream::connect(guest.folder.path().join("v")).unwrap();
    early.write_all(b"CONNECT 9\n").unwrap();
    guest.bench.mmio.serve(Cause::Host);
    guest.bench.set_up(u64::MAX);
    for index in 0..8 {
        guest.give_buffer(index);
    }
    guest.bench.mmio.serve(Cause::Doorbell);
    assert_eq!(guest.hear(), Some((REQUEST, 0)));
    // The former driver's connection is nobody's.
    guest.send(&write(b"x"));
    assert_eq!(guest.hear(), Some((RST, 0)));
}
