//! A card at a link made of lists.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::testing::{Bench, Piece};
use super::*;
use crate::devices::{Doorbell, Driven as _};

/// A link whose ends are lists.
#[derive(Debug, Clone)]
struct Wire {
    state: Arc<Mutex<Ends>>,
    bell: Doorbell,
}

#[derive(Debug, Default)]
struct Ends {
    incoming: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
    /// An errno.
    failing: Option<i32>,
    accepted: Option<u64>,
}

impl Wire {
    fn ends(&self) -> std::sync::MutexGuard<'_, Ends> {
        self.state.lock().unwrap()
    }

    fn check(&self) -> io::Result<()> {
        match self.ends().failing {
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(()),
        }
    }
}

impl Link for Wire {
    /// Checksums and IPv4's segments, both ways.
    fn features(&self) -> u64 {
        0x883
    }

    fn accept(&mut self, features: u64) -> io::Result<()> {
        self.ends().accepted = Some(features);
        Ok(())
    }

    fn receive(&mut self, frame: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        let next = self.ends().incoming.pop_front();
        let next = next.ok_or(io::ErrorKind::WouldBlock)?;
        frame[..next.len()].copy_from_slice(&next);
        Ok(next.len())
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.check()?;
        self.ends().sent.push(frame.to_vec());
        Ok(())
    }

    fn events(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd as _;
        self.bell.as_fd()
    }
}

fn card(features: u64) -> (Bench, Wire) {
    let wire = Wire {
        state: Arc::default(),
        bell: Doorbell::new().unwrap(),
    };
    let address = MacAddress([0x52, 0x54, 0, 1, 2, 3]);
    let mut bench = Bench::untouched(Box::new(Network::new(wire.clone(), address)));
    bench.set_up(features);
    bench.mmio.serve(Cause::Doorbell);
    (bench, wire)
}

fn merged() -> (Bench, Wire) {
    card(u64::MAX)
}

fn whole() -> (Bench, Wire) {
    card(!(1 << 15))
}

/// A header of zeroes and `length` bytes that count up.
fn frame(length: usize) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend((0..length).map(|at| at as u8));
    frame
}

/// Makes buffers of these lengths available, each a chain; buffer n lies at (n + 1) * 0x1000.
fn buffers(bench: &mut Bench, lengths: &[u32]) {
    for (index, length) in (0..).zip(lengths) {
        let place = (u64::from(index) + 1) * 0x1000;
        bench.describe(0, index, Piece::writable(place, *length), None);
        bench.make_available(0, index);
    }
}

fn arrive(bench: &mut Bench, wire: &Wire, frames: impl IntoIterator<Item = Vec<u8>>) {
    wire.ends().incoming.extend(frames);
    bench.mmio.serve(Cause::Host);
}

#[test]
fn the_configuration_has_the_address_and_a_link_that_is_up() {
    let (mut bench, wire) = merged();
    assert_eq!(
        (bench.read(0x100), bench.read(0x104)),
        (0x0100_5452, 0x0001_0302)
    );
    assert_eq!(wire.ends().accepted, Some(0x883));
    let features = Network::new(wire, MacAddress([0; 6])).features();
    assert_eq!(features, 1 << 5 | 1 << 15 | 1 << 16 | 0x883);
}

#[test]
fn a_frame_that_is_sent_reaches_the_link_whole() {
    let (mut bench, wire) = merged();
    let sent = frame(100);
    bench.fill(0x1000, &sent);
    let pieces = [Piece::readable(0x1000, 12), Piece::readable(0x100c, 100)];
    assert_eq!(bench.request(1, &pieces), Some(0));
    assert_eq!(wire.ends().sent, [sent]);
}

#[test]
fn frames_without_a_header_or_without_end_are_dropped() {
    let (mut bench, wire) = merged();
    for length in [0, 11, 12 + 14 + 65_536, 0x30_0000] {
        assert_eq!(
            bench.request(1, &[Piece::readable(0x1000, length)]),
            Some(0)
        );
    }
    assert!(wire.ends().sent.is_empty());
    assert_eq!(bench.status(), 0xf);
}

#[test]
fn a_frame_that_arrives_fills_one_buffer_and_says_so() {
    for (mut bench, wire) in [merged(), whole()] {
        buffers(&mut bench, &[2000, 2000]);
        arrive(&mut bench, &wire, [frame(100)]);
        assert_eq!(bench.take_used(0), Some((0, 112)));
        assert_eq!(bench.take_used(0), None);
        assert_eq!(
            bench.bytes::<14>(0x1000),
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1]
        );
        assert!(bench.interrupted());
    }
}

#[test]
fn a_long_frame_is_spread_over_buffers_that_merge() {
    let (mut bench, wire) = merged();
    buffers(&mut bench, &[100, 100, 100, 100]);
    arrive(&mut bench, &wire, [frame(250)]);
    assert_eq!(bench.take_used(0), Some((0, 100)));
    assert_eq!(bench.take_used(0), Some((1, 100)));
    assert_eq!(bench.take_used(0), Some((2, 62)));
    assert_eq!(bench.take_used(0), None);
    assert_eq!(bench.bytes::<2>(0x100a), [3, 0]);
    assert_eq!(bench.bytes::<1>(0x2000), [88]);
    arrive(&mut bench, &wire, [frame(10)]);
    assert_eq!(bench.take_used(0), Some((3, 22)));
}

#[test]
fn a_frame_waits_until_the_driver_has_buffers_for_all_of_it() {
    let (mut bench, wire) = merged();
    buffers(&mut bench, &[100]);
    arrive(&mut bench, &wire, [frame(150), frame(1)]);
    assert_eq!(bench.take_used(0), None);
    bench.describe(0, 1, Piece::writable(0x2000, 100), None);
    bench.make_available(0, 1);
    bench.describe(0, 2, Piece::writable(0x3000, 100), None);
    bench.make_available(0, 2);
    bench.mmio.serve(Cause::Doorbell);
    assert_eq!(bench.take_used(0), Some((0, 100)));
    assert_eq!(bench.take_used(0), Some((1, 62)));
    assert_eq!(bench.take_used(0), Some((2, 13)));
}

#[test]
fn a_frame_that_fits_no_buffer_is_dropped_and_the_next_one_arrives() {
    let (mut bench, wire) = whole();
    buffers(&mut bench, &[100]);
    arrive(&mut bench, &wire, [frame(1000), frame(4), frame(5)]);
    assert_eq!(bench.take_used(0), Some((0, 16)));
    assert_eq!(bench.take_used(0), None);
}

#[test]
fn buffers_that_the_device_cannot_write_hold_nothing() {
    let (mut bench, wire) = whole();
    bench.describe(0, 0, Piece::readable(0x1000, 2000), None);
    bench.make_available(0, 0);
    arrive(&mut bench, &wire, [frame(4)]);
    assert_eq!((bench.take_used(0), bench.status()), (None, 0xf));
}

#[test]
fn a_flood_of_frames_ends_with_the_turn() {
    let (mut bench, wire) = whole();
    buffers(&mut bench, &[14]);
    arrive(&mut bench, &wire, (0..1000).map(|_| frame(100)));
    assert_eq!(wire.ends().incoming.len(), 744);
    assert!(bench.rung());
}

#[test]
fn a_link_without_room_loses_the_frame_and_nothing_else() {
    for errno in [libc::EAGAIN, libc::EINVAL, libc::ENOMEM, libc::EIO] {
        let (mut bench, wire) = merged();
        wire.ends().failing = Some(errno);
        assert_eq!(bench.request(1, &[Piece::readable(0x1000, 60)]), Some(0));
        assert_eq!(bench.read(0x104), 0x0001_0302);
        wire.ends().failing = None;
        assert_eq!(bench.request(1, &[Piece::readable(0x1000, 60)]), Some(0));
        assert_eq!(wire.ends().sent.len(), 1);
    }
}

#[test]
fn a_link_that_fails_to_receive_is_asked_again_when_it_has_another_frame() {
    let (mut bench, wire) = whole();
    buffers(&mut bench, &[2000, 2000]);
    wire.ends().failing = Some(libc::ENOMEM);
    arrive(&mut bench, &wire, [frame(1)]);
    assert_eq!((bench.take_used(0), bench.rung()), (None, false));
    wire.ends().failing = None;
    arrive(&mut bench, &wire, [frame(2)]);
    assert_eq!(bench.take_used(0), Some((0, 13)));
    assert_eq!(bench.take_used(0), Some((1, 14)));
    assert_eq!(bench.read(0x104), 0x0001_0302);
}

#[test]
fn a_link_that_is_gone_is_down_and_the_driver_is_told() {
    for errno in [libc::EBADF, libc::EBADFD, libc::ENODEV] {
        let (mut bench, wire) = merged();
        wire.ends().failing = Some(errno);
        bench.mmio.serve(Cause::Host);
        assert_eq!((bench.read(0x104), bench.read(0x60)), (0x0000_0302, 2));
        for _ in 0..3 {
            assert_eq!(bench.request(1, &[Piece::readable(0x1000, 60)]), Some(0));
        }
        assert_eq!(bench.status(), 0xf);
    }
}

#[test]
fn a_frame_in_many_buffers_arrives_in_a_turn_that_has_no_time() {
    let (mut bench, wire) = merged();
    bench.mmio.set_turn(Duration::ZERO);
    buffers(&mut bench, &[100, 100, 100]);
    arrive(&mut bench, &wire, [frame(250)]);
    assert_eq!(bench.take_used(0), Some((0, 100)));
    assert_eq!(bench.take_used(0), Some((1, 100)));
    assert_eq!(bench.take_used(0), Some((2, 62)));
}

#[test]
fn a_frame_arrives_in_every_turn_however_much_is_sent() {
    for first in 0..2 {
        let (mut bench, wire) = merged();
        for _ in 0..first {
            bench.mmio.serve(Cause::Doorbell);
        }
        // 16 MiB, as much as one turn has.
        for index in 0..8 {
            let next = (index < 7).then_some(index + 1);
            bench.describe(1, index, Piece::readable(0x10_0000, 0x20_0000), next);
        }
        bench.make_available(1, 0);
        buffers(&mut bench, &[100, 100, 100]);
        arrive(&mut bench, &wire, [frame(250)]);
        assert_eq!(bench.take_used(1), Some((0, 0)));
        assert_eq!(bench.take_used(0), Some((0, 100)));
    }
}

#[test]
fn features_that_need_others_are_not_accepted_without_them() {
    let (mut bench, _) = merged();
    // GUEST_TSO4 without GUEST_CSUM, HOST_TSO4 without CSUM; then each with what it needs.
    for (features, status) in [(0x80, 0x3), (0x800, 0x3), (0x82, 0xb), (0x801, 0xb)] {
        for status in [0, 1, 3] {
            bench.write(0x70, status);
        }
        for (half, features) in [(1, 1), (0, features)] {
            bench.write(0x24, half);
            bench.write(0x20, features);
        }
        bench.write(0x70, 0xb);
        assert_eq!(bench.status(), status, "{features:#x}");
    }
}

#[test]
fn what_the_driver_has_not_accepted_never_reaches_it() {
    let with = |flags, segments| {
        let mut frame = frame(4);
        (frame[0], frame[1]) = (flags, segments);
        frame
    };
    let frames = || {
        [
            with(1, 0),
            with(0, 1),
            with(0, 4),
            with(0, 0x81),
            with(0, 3),
            with(2, 0),
        ]
    };
    // A driver without offloads, such as a boot loader's, after one with all of them.
    let (mut bench, wire) = merged();
    bench.set_up(1 << 32 | 1 << 15);
    buffers(&mut bench, &[100; 6]);
    arrive(&mut bench, &wire, frames());
    assert_eq!(wire.ends().accepted, Some(0));
    assert_eq!(bench.take_used(0), Some((0, 16)));
    assert_eq!(bench.take_used(0), None);
    assert_eq!(bench.bytes::<2>(0x1000), [0, 0]);
    // One that takes checksums and IPv4's segments.
    let (mut bench, wire) = merged();
    buffers(&mut bench, &[100; 6]);
    arrive(&mut bench, &wire, frames());
    for (head, header) in [(0, [1, 0]), (1, [0, 1]), (2, [2, 0])] {
        assert_eq!(bench.take_used(0), Some((head, 16)));
        let place = (u64::from(head) + 1) * 0x1000;
        assert_eq!(bench.bytes::<2>(place), header);
    }
    assert_eq!(bench.take_used(0), None);
}

#[test]
fn a_reset_drops_the_frame_that_waits() {
    let (mut bench, wire) = merged();
    arrive(&mut bench, &wire, [frame(1)]);
    bench.set_up(u64::MAX);
    buffers(&mut bench, &[100]);
    bench.mmio.serve(Cause::Doorbell);
    assert_eq!(bench.take_used(0), None);
}
