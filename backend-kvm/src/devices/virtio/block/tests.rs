//! A disk over a storage in memory, asked what drivers ask and what they must not.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use super::super::testing::{Bench, Piece};
use super::*;
use crate::devices::Driven as _;

/// 8 sectors in memory, the bytes of each its number; notes what it is asked.
#[derive(Debug, Clone)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    bytes: Vec<u8>,
    access: Access,
    block_size: u32,
    failing: Option<ErrorKind>,
    log: Vec<String>,
}

impl Disk {
    fn new(access: Access) -> Self {
        Self::of(8, access)
    }

    fn of(sectors: usize, access: Access) -> Self {
        Self(Arc::new(Mutex::new(State {
            bytes: (0..sectors * 512).map(|at| (at / 512) as u8).collect(),
            access,
            block_size: 512,
            failing: None,
            log: Vec::new(),
        })))
    }

    fn note(&self, what: String) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.log.push(what);
        match state.failing {
            Some(kind) => Err(kind.into()),
            None => Ok(()),
        }
    }

    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().log)
    }

    fn byte(&self, offset: usize) -> u8 {
        self.0.lock().unwrap().bytes[offset]
    }
}

impl Storage for Disk {
    fn length(&self) -> u64 {
        self.0.lock().unwrap().bytes.len() as u64
    }

    fn access(&self) -> Access {
        self.0.lock().unwrap().access
    }

    fn block_size(&self) -> u32 {
        self.0.lock().unwrap().block_size
    }

    fn granularity(&self) -> u32 {
        4096
    }

    fn serial(&self) -> [u8; 20] {
        *b"a disk of eight\0\0\0\0\0"
    }

    fn read(&mut self, offset: u64, mut into: Buffers<'_>) -> io::Result<()> {
        self.note(format!("read {offset} {}", into.length()))?;
        let bytes = &self.0.lock().unwrap().bytes;
        let start = offset as usize;
        into.write(&bytes[start..start + into.length() as usize]);
        Ok(())
    }

    fn write(&mut self, offset: u64, mut from: Buffers<'_>) -> io::Result<()> {
        self.note(format!("write {offset} {}", from.length()))?;
        let bytes = &mut self.0.lock().unwrap().bytes;
        let start = offset as usize;
        let end = start + from.length() as usize;
        from.read(&mut bytes[start..end]);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.note("flush".into())
    }

    fn discard(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.note(format!("discard {offset} {length}"))
    }

    fn write_zeroes(&mut self, offset: u64, length: u64, room: Room) -> io::Result<()> {
        self.note(format!("zero {offset} {length} {room:?}"))
    }
}

fn set_up() -> (Bench, Disk) {
    with(Access::ReadWrite, u64::MAX)
}

fn with(access: Access, features: u64) -> (Bench, Disk) {
    let disk = Disk::new(access);
    let mut bench = Bench::untouched(Box::new(Block::new(disk.clone())));
    bench.set_up(features);
    (bench, disk)
}

/// Sends a request whose data, at 0x2000, is `data`; the status, and what came back.
fn request(bench: &mut Bench, kind: u32, sector: u64, data: Option<Piece>) -> (u8, Option<u32>) {
    let mut header = [0; 16];
    header[..4].copy_from_slice(&kind.to_le_bytes());
    header[8..].copy_from_slice(&sector.to_le_bytes());
    bench.fill(0x1000, &header);
    bench.fill(0x1100, &[0xff]);
    let mut pieces = vec![Piece::readable(0x1000, 16)];
    pieces.extend(data);
    pieces.push(Piece::writable(0x1100, 1));
    let used = bench.request(0, &pieces);
    (bench.bytes::<1>(0x1100)[0], used)
}

fn segments(bench: &Bench, list: &[(u64, u32, u32)]) -> Option<Piece> {
    for (index, (sector, sectors, flags)) in list.iter().enumerate() {
        let at = 0x2000 + index as u64 * 16;
        bench.fill(at, &sector.to_le_bytes());
        bench.fill(at + 8, &sectors.to_le_bytes());
        bench.fill(at + 12, &flags.to_le_bytes());
    }
    Some(Piece::readable(0x2000, list.len() as u32 * 16))
}

#[test]
fn the_configuration_tells_size_blocks_and_limits() {
    let (mut bench, _) = set_up();
    let mut read = |offset: u64, width| bench.mmio.read(0x100 + offset, width);
    use crate::address::Width::{Byte, Doubleword, Halfword, Word};
    use crate::devices::MmioDevice as _;
    for (offset, width, value) in [
        (0, Doubleword, 8),
        (8, Word, 0),
        (12, Word, 254),
        (20, Word, 512),
        (24, Byte, 3),
        (25, Byte, 0),
        (26, Halfword, 8),
        (28, Word, 0),
        (34, Halfword, 1),
        (36, Word, 1 << 17),
        (40, Word, 16),
        (44, Word, 8),
        (48, Word, 1 << 17),
        (52, Word, 16),
        (56, Byte, 1),
        (60, Word, 0),
    ] {
        assert_eq!(read(offset, width), value, "{offset}");
    }
}

#[test]
fn a_read_only_disk_says_so_and_offers_no_discard() {
    let read_write = Block::new(Disk::new(Access::ReadWrite)).features();
    let read_only = Block::new(Disk::new(Access::ReadOnly)).features();
    assert_eq!((read_write, read_only), (0x6644, 0x664));
}

#[test]
fn sectors_are_read() {
    let (mut bench, disk) = set_up();
    let data = Some(Piece::writable(0x2000, 1024));
    assert_eq!(request(&mut bench, 0, 6, data), (0, Some(1025)));
    assert_eq!(bench.bytes::<1>(0x2000), [6]);
    assert_eq!(bench.bytes::<1>(0x2200), [7]);
    assert_eq!(disk.log(), ["read 3072 1024"]);
}

#[test]
fn sectors_are_written_and_stay_in_the_cache() {
    let (mut bench, disk) = set_up();
    bench.fill(0x2000, &[0xaa; 512]);
    let data = Some(Piece::readable(0x2000, 512));
    assert_eq!(request(&mut bench, 1, 2, data), (0, Some(1)));
    assert_eq!(
        [1023, 1024, 1535, 1536].map(|at| disk.byte(at)),
        [1, 0xaa, 0xaa, 3]
    );
    assert_eq!(disk.log(), ["write 1024 512"]);
    assert_eq!(request(&mut bench, 4, 0, None), (0, Some(1)));
    assert_eq!(disk.log(), ["flush"]);
}

#[test]
fn a_driver_that_does_not_flush_has_every_change_flushed() {
    let (mut bench, disk) = with(Access::ReadWrite, !(1 << 9));
    let data = Some(Piece::readable(0x2000, 512));
    assert_eq!(request(&mut bench, 1, 2, data).0, 0);
    let ranges = segments(&bench, &[(0, 1, 0)]);
    assert_eq!(request(&mut bench, 11, 0, ranges).0, 0);
    let ranges = segments(&bench, &[(0, 1, 0)]);
    assert_eq!(request(&mut bench, 13, 0, ranges).0, 0);
    assert_eq!(
        disk.log(),
        [
            "write 1024 512",
            "flush",
            "discard 0 512",
            "flush",
            "zero 0 512 Kept",
            "flush"
        ]
    );
}

#[test]
fn a_change_that_cannot_be_flushed_is_an_error() {
    let (mut bench, disk) = with(Access::ReadWrite, !(1 << 9));
    disk.0.lock().unwrap().failing = Some(ErrorKind::StorageFull);
    let data = Some(Piece::readable(0x2000, 512));
    assert_eq!(request(&mut bench, 1, 2, data).0, 1);
}

#[test]
fn header_and_data_may_be_cut_anywhere() {
    let (mut bench, _) = set_up();
    bench.fill(0x1000, &[0; 16]);
    let pieces = [
        Piece::readable(0x1000, 3),
        Piece::readable(0x1003, 13),
        Piece::writable(0x2000, 500),
        Piece::writable(0x3000, 12),
        Piece::writable(0x4000, 513),
    ];
    assert_eq!(bench.request(0, &pieces), Some(1025));
    assert_eq!(bench.bytes::<1>(0x4200), [0]);
    assert_eq!(bench.bytes::<1>(0x4000), [1]);
}

#[test]
fn requests_outside_the_disk_are_errors_and_reach_no_storage() {
    let (mut bench, disk) = set_up();
    for (sector, length) in [
        (8, 512),
        (7, 1024),
        (u64::MAX, 512),
        (u64::MAX / 512, 512),
        (1 << 55, 512),
        (0, 511),
        (0, 4608),
    ] {
        let into = Some(Piece::writable(0x2000, length));
        assert_eq!(request(&mut bench, 0, sector, into).0, 1, "{sector}");
        let from = Some(Piece::readable(0x2000, length));
        assert_eq!(request(&mut bench, 1, sector, from).0, 1, "{sector}");
    }
    assert!(disk.log().is_empty());
    assert_eq!(bench.status(), 0xf);
}

#[test]
fn a_read_of_nothing_at_the_end_is_fine() {
    let (mut bench, _) = set_up();
    assert_eq!(request(&mut bench, 0, 8, None), (0, Some(1)));
}

#[test]
fn a_read_only_disk_refuses_every_change() {
    let (mut bench, disk) = with(Access::ReadOnly, u64::MAX);
    let data = Some(Piece::readable(0x2000, 512));
    assert_eq!(request(&mut bench, 1, 0, data).0, 1);
    for kind in [11, 13] {
        let ranges = segments(&bench, &[(0, 1, 0)]);
        assert_eq!(request(&mut bench, kind, 0, ranges).0, 1);
    }
    assert!(disk.log().is_empty());
    let into = Some(Piece::writable(0x2000, 512));
    assert_eq!(request(&mut bench, 0, 0, into).0, 0);
}

#[test]
fn the_serial_number_is_told_as_far_as_there_is_room() {
    let (mut bench, _) = set_up();
    let data = Some(Piece::writable(0x2000, 20));
    assert_eq!(request(&mut bench, 8, 0, data), (0, Some(21)));
    assert_eq!(&bench.bytes::<20>(0x2000), b"a disk of eight\0\0\0\0\0");
    bench.fill(0x2000, &[0; 20]);
    assert_eq!(
        request(&mut bench, 8, 0, Some(Piece::writable(0x2000, 6))).0,
        0
    );
    assert_eq!(&bench.bytes::<8>(0x2000), b"a disk\0\0");
}

#[test]
fn ranges_are_discarded_and_made_zero_in_order() {
    let (mut bench, disk) = set_up();
    let ranges = segments(&bench, &[(1, 2, 0), (7, 1, 0), (8, 0, 0)]);
    assert_eq!(request(&mut bench, 11, 0, ranges).0, 0);
    assert_eq!(disk.log(), ["discard 512 1024", "discard 3584 512"]);
    let ranges = segments(&bench, &[(1, 2, 0), (3, 1, 1)]);
    assert_eq!(request(&mut bench, 13, 0, ranges).0, 0);
    assert_eq!(disk.log(), ["zero 512 1024 Kept", "zero 1536 512 Freed"]);
}

#[test]
fn ranges_outside_the_disk_are_errors() {
    let (mut bench, disk) = set_up();
    for range in [
        (8, 1, 0),
        (0, 9, 0),
        (u64::MAX, 1, 0),
        (0, u32::MAX, 0),
        (0, (1 << 17) + 1, 0),
    ] {
        for kind in [11, 13] {
            let ranges = segments(&bench, &[range]);
            assert_eq!(request(&mut bench, kind, 0, ranges).0, 1, "{range:?}");
        }
    }
    assert!(disk.log().is_empty());
}

#[test]
fn unknown_flags_are_unsupported() {
    let (mut bench, disk) = set_up();
    for (kind, flags) in [(11, 1), (11, 2), (13, 2), (13, 3), (13, 1 << 31)] {
        let ranges = segments(&bench, &[(0, 1, flags)]);
        assert_eq!(request(&mut bench, kind, 0, ranges).0, 2, "{kind} {flags}");
    }
    assert!(disk.log().is_empty());
}

#[test]
fn ranges_that_are_none_or_too_many_or_cut_are_errors() {
    let (mut bench, disk) = set_up();
    for length in [0, 8, 17, 16 * 17, 1 << 20] {
        let data = Some(Piece::readable(0x2000, length));
        assert_eq!(request(&mut bench, 11, 0, data).0, 1, "{length}");
    }
    assert!(disk.log().is_empty());
}

#[test]
fn unknown_requests_are_unsupported() {
    let (mut bench, _) = set_up();
    for kind in [2, 3, 5, 9, 14, 0x8000_0000, u32::MAX] {
        assert_eq!(request(&mut bench, kind, 0, None).0, 2, "{kind}");
    }
}

#[test]
fn a_request_without_a_whole_header_is_an_error() {
    let (mut bench, _) = set_up();
    for length in [0, 1, 15] {
        bench.fill(0x1100, &[0xff]);
        let pieces = [Piece::readable(0x1000, length), Piece::writable(0x1100, 1)];
        assert_eq!(bench.request(0, &pieces), Some(1));
        assert_eq!(bench.bytes::<1>(0x1100), [1]);
    }
}

#[test]
fn a_request_without_room_for_its_status_stops_the_device() {
    let (mut bench, disk) = set_up();
    let pieces = [Piece::readable(0x1000, 16), Piece::readable(0x2000, 512)];
    assert_eq!(bench.request(0, &pieces), None);
    assert_eq!(bench.status(), 0x4f);
    assert!(disk.log().is_empty());
}

#[test]
fn a_storage_that_fails_is_the_guests_to_handle() {
    let (mut bench, disk) = set_up();
    let data = [
        (0, Some(Piece::writable(0x2000, 512))),
        (1, Some(Piece::readable(0x2000, 512))),
        (4, None),
        (11, segments(&bench, &[(0, 1, 0)])),
        (13, segments(&bench, &[(0, 1, 0)])),
    ];
    disk.0.lock().unwrap().failing = Some(ErrorKind::StorageFull);
    for (kind, data) in data {
        assert_eq!(request(&mut bench, kind, 0, data).0, 1, "{kind}");
    }
    assert_eq!(bench.status(), 0xf);
    disk.0.lock().unwrap().failing = None;
    let data = Some(Piece::writable(0x2000, 512));
    assert_eq!(request(&mut bench, 0, 0, data).0, 0);
}

#[test]
fn blocks_of_4_kib_are_told() {
    let (mut bench, disk) = set_up();
    disk.0.lock().unwrap().block_size = 4096;
    assert_eq!(bench.read(0x114), 4096);
    // A physical block is one of them, and a discard is best aligned to eight sectors.
    assert_eq!((bench.read(0x118), bench.read(0x12c)), (1 << 16, 8));
}

#[test]
fn a_failed_read_claims_no_data() {
    let (mut bench, disk) = set_up();
    let data = Some(Piece::writable(0x2000, 512));
    disk.0.lock().unwrap().failing = Some(ErrorKind::TimedOut);
    assert_eq!(request(&mut bench, 0, 0, data), (1, Some(0)));
    assert_eq!(request(&mut bench, 99, 0, data), (2, Some(0)));
    let data = Some(Piece::readable(0x2000, 512));
    assert_eq!(request(&mut bench, 1, 0, data), (1, Some(1)));
}

/// A request whose turns end after each step; the status, what came back, and how many it took.
fn in_turns(bench: &mut Bench, kind: u32, data: Option<Piece>) -> (u8, u32, usize) {
    bench.mmio.set_turn(std::time::Duration::ZERO);
    let (_, mut used) = request(bench, kind, 0, data);
    let mut turns = 1;
    while used.is_none() {
        assert!(bench.rung(), "it goes on by itself");
        bench.mmio.serve(Cause::Doorbell);
        used = bench.take_used(0).map(|(_, written)| written);
        turns += 1;
    }
    (bench.bytes::<1>(0x1100)[0], used.unwrap(), turns)
}

fn large() -> (Bench, Disk) {
    let disk = Disk::of(0x8000, Access::ReadWrite);
    (Bench::new(Box::new(Block::new(disk.clone()))), disk)
}

#[test]
fn a_long_read_goes_on_in_the_next_turn_where_it_was() {
    let (mut bench, disk) = large();
    let data = Some(Piece::writable(0x10_0000, 0x28_0000));
    assert_eq!(in_turns(&mut bench, 0, data), (0, 0x28_0001, 3));
    assert_eq!(
        disk.log(),
        [
            "read 0 1048576",
            "read 1048576 1048576",
            "read 2097152 524288"
        ]
    );
    for sector in [0_u64, 0x7ff, 0x800, 0x1000, 0x13ff] {
        assert_eq!(bench.bytes::<1>(0x10_0000 + sector * 512), [sector as u8]);
    }
}

#[test]
fn a_long_write_goes_on_in_the_next_turn_where_it_was() {
    let (mut bench, disk) = large();
    bench.fill(0x10_0000, &[0xee; 0x20_0200]);
    let data = Some(Piece::readable(0x10_0000, 0x20_0200));
    assert_eq!(in_turns(&mut bench, 1, data), (0, 1, 3));
    let bytes = [0, 0x1f_ffff, 0x20_01ff, 0x20_0200].map(|at| disk.byte(at));
    assert_eq!(bytes, [0xee, 0xee, 0xee, 1]);
}

#[test]
fn long_ranges_go_on_in_the_next_turn_where_they_were() {
    for (kind, name) in [(11, "discard"), (13, "zero")] {
        let (mut bench, disk) = large();
        let ranges = segments(&bench, &[(0, 0x2800, 0), (8, 8, 0)]);
        assert_eq!(in_turns(&mut bench, kind, ranges), (0, 1, 2));
        let log = disk.log();
        let places = ["0 4194304", "4194304 1048576", "4096 4096"];
        for (entry, place) in log.iter().zip(places) {
            assert!(entry.starts_with(&format!("{name} {place}")), "{entry}");
        }
        assert_eq!(log.len(), 3);
    }
}

#[test]
fn a_reset_forgets_a_request_that_has_begun() {
    let (mut bench, disk) = large();
    bench.mmio.set_turn(std::time::Duration::ZERO);
    let data = Some(Piece::writable(0x10_0000, 0x20_0000));
    assert_eq!(request(&mut bench, 0, 0, data).1, None);
    bench.set_up(u64::MAX);
    disk.log();
    assert_eq!(request(&mut bench, 0, 0, data).1, None);
    assert_eq!(disk.log(), ["read 0 1048576"]);
}
