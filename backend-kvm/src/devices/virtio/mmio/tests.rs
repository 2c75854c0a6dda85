//! The transport against drivers that follow the specification, and drivers that do not.

use std::cell::Cell;
use std::convert::Infallible;

use proptest::prelude::*;
use virtio_queue::QueueT as _;

use super::super::testing::{Bench, Piece};
use super::super::{Kind, Queues, read_space};
use super::*;
use crate::devices::{InterruptLines, Slot};

/// Takes every chain of queue 0 and gives it back with its writable length, up to a limit.
#[derive(Debug, Default)]
struct Sink {
    chains: usize,
    resets: usize,
    activated: Option<u64>,
    written: Vec<(u64, Vec<u8>)>,
    config_changes: u32,
}

impl VirtioDevice for Sink {
    fn kind(&self) -> Kind {
        Kind::Console
    }

    fn features(&self) -> u64 {
        0b101
    }

    fn queue_sizes(&self) -> &'static [u16] {
        &[256, 16]
    }

    fn read_config(&self, offset: u64, bytes: &mut [u8]) {
        read_space(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], offset, bytes);
    }

    fn write_config(&mut self, offset: u64, bytes: &[u8]) {
        self.written.push((offset, bytes.to_vec()));
        self.config_changes = 1;
    }

    fn activate(&mut self, features: u64) {
        self.activated = Some(features);
    }

    fn serve(&mut self, _: Cause, queues: &mut Queues<'_>) -> Result<(), Malformed> {
        if self.config_changes != 0 {
            self.config_changes = 0;
            queues.config_changed();
        }
        for queue in [0, 1] {
            while let Some(chain) = queues.pop(queue)? {
                self.chains += 1;
                let written = u32::try_from(chain.writable.length()).unwrap_or(u32::MAX);
                queues.complete(queue, chain.head, written)?;
            }
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.resets += 1;
    }
}

fn untouched() -> Bench {
    Bench::untouched(Box::new(Sink::default()))
}

fn ready() -> Bench {
    Bench::new(Box::new(Sink::default()))
}

/// A device without the event index.
fn plain() -> Bench {
    let mut bench = untouched();
    bench.set_up(!(1 << 29));
    bench
}

fn serve(bench: &mut Bench) {
    bench.mmio.serve(Cause::Doorbell);
}

#[test]
fn a_driver_finds_a_modern_device_of_its_kind() {
    let mut bench = untouched();
    for (offset, value) in [
        (0x00, 0x7472_6976),
        (0x04, 2),
        (0x08, 3),
        (0x0c, 0x424d_4156),
        (0x34, 256),
        (0x44, 0),
        (0x60, 0),
        (0x70, 0),
        (0xb0, 0xffff_ffff),
        (0xb4, 0xffff_ffff),
        (0xb8, 0xffff_ffff),
        (0xbc, 0xffff_ffff),
        (0xc0, 0),
        (0xfc, 0),
    ] {
        assert_eq!(bench.read(offset), value, "{offset:#x}");
    }
}

#[test]
fn a_vacant_slot_is_a_transport_without_a_device() {
    let mut vacant = Vacant;
    let read = |vacant: &mut Vacant, offset| vacant.read(offset, Width::Word);
    assert_eq!(read(&mut vacant, 0), 0x7472_6976);
    assert_eq!(read(&mut vacant, 4), 2);
    vacant.write(0x70, Width::Word, 1);
    for offset in [8, 0x10, 0x34, 0x70, 0xfc, 0x100, u64::MAX] {
        assert_eq!(read(&mut vacant, offset), 0, "{offset:#x}");
    }
    assert_eq!(vacant.line(), Level::Low);
}

#[test]
fn features_are_those_of_device_rings_and_version_1() {
    let mut bench = untouched();
    let mut halves = Vec::new();
    for select in [0, 1, 2, u32::MAX] {
        bench.write(0x14, select);
        halves.push(bench.read(0x10));
    }
    assert_eq!(halves, [0x3000_0005, 1, 0, 0]);
}

#[test]
fn features_outside_the_offer_are_not_ok() {
    for (select, value) in [(0, 2), (1, 0x11), (2, 1), (u32::MAX, 1)] {
        let mut bench = untouched();
        bench.write(0x24, 1);
        bench.write(0x20, 1);
        bench.write(0x24, select);
        bench.write(0x20, value);
        bench.write(0x70, 0xb);
        assert_eq!(bench.status(), 3, "{select}: {value:#x}");
    }
}

#[test]
fn a_driver_without_version_1_is_refused() {
    let mut bench = untouched();
    bench.write(0x20, 1);
    bench.write(0x70, 0xb);
    assert_eq!(bench.status(), 3);
    bench.write(0x70, 0xf);
    assert_eq!(bench.status(), 3);
}

#[test]
fn features_are_settled_once_they_are_ok() {
    let mut bench = untouched();
    bench.write(0x24, 1);
    bench.write(0x20, 1);
    bench.write(0x70, 0xb);
    bench.write(0x24, 0);
    bench.write(0x20, 2);
    bench.write(0x70, 0xf);
    assert_eq!(bench.status(), 0xf);
}

#[test]
fn status_bits_only_come_until_a_reset() {
    let mut bench = ready();
    bench.write(0x70, 1);
    assert_eq!(bench.status(), 0xf);
    bench.write(0x70, 0xffff_ff7f);
    assert_eq!(bench.status(), 0xf);
    bench.write(0x70, 0x80);
    assert_eq!(bench.status(), 0x8f);
    bench.write(0x70, 0);
    assert_eq!(bench.status(), 0);
}

#[test]
fn a_reset_forgets_queues_features_and_interrupts() {
    let mut bench = ready();
    bench.request(0, &[Piece::writable(0x1000, 8)]);
    assert!(bench.interrupted());
    bench.write(0x30, 1);
    bench.write(0x70, 0);
    assert!(!bench.interrupted());
    for (select, offset) in [(0, 0x44), (1, 0x44), (0, 0x60), (0, 0x70)] {
        bench.write(0x30, select);
        assert_eq!(bench.read(offset), 0);
    }
    bench.write(0x70, 0xb);
    assert_eq!(bench.status(), 3);
}

#[test]
fn a_device_works_again_after_a_reset() {
    let mut bench = ready();
    for _ in 0..3 {
        assert_eq!(bench.request(0, &[Piece::writable(0x1000, 8)]), Some(8));
        bench.set_up(u64::MAX);
    }
}

#[test]
fn chains_come_back_and_the_driver_hears_of_it() {
    let mut bench = plain();
    assert_eq!(bench.request(0, &[Piece::writable(0x1000, 8)]), Some(8));
    assert_eq!(bench.read(0x60), 1);
    assert!(bench.interrupted());
    bench.write(0x64, 1);
    assert!(!bench.interrupted());
}

#[test]
fn acknowledging_one_interrupt_leaves_the_other() {
    let mut bench = plain();
    bench.write(0x100, 1);
    bench.request(0, &[Piece::writable(0x1000, 8)]);
    assert_eq!(bench.read(0x60), 3);
    bench.write(0x64, 2);
    assert_eq!(bench.read(0x60), 1);
    bench.write(0x64, u32::MAX);
    assert_eq!(bench.read(0x60), 0);
}

#[test]
fn a_driver_that_wants_no_interrupts_gets_none() {
    let mut bench = plain();
    bench.set_flags(0, 1);
    assert_eq!(bench.request(0, &[Piece::writable(0x1000, 8)]), Some(8));
    assert!(!bench.interrupted());
}

#[test]
fn the_event_index_says_when_the_driver_wants_to_hear() {
    let mut bench = ready();
    // used_event, behind the available ring's eight entries: after the third chain.
    bench.fill(0x100 + 4 + 16, &2_u16.to_le_bytes());
    for expected in [false, false, true] {
        bench.request(0, &[Piece::writable(0x1000, 8)]);
        assert_eq!(bench.interrupted(), expected);
    }
    // avail_event, behind the used ring's: the driver is to ring for the fourth.
    assert_eq!(bench.bytes::<2>(0x200 + 4 + 64), 3_u16.to_le_bytes());
}

#[test]
fn nothing_is_served_before_driver_ok() {
    let mut bench = untouched();
    bench.write(0x24, 1);
    bench.write(0x20, 1);
    bench.write(0x70, 0xb);
    bench.set_up_queue(0);
    assert_eq!(bench.request(0, &[Piece::writable(0x1000, 8)]), None);
    bench.write(0x70, 0xf);
    assert!(bench.rung());
    serve(&mut bench);
    assert_eq!(bench.take_used(0), Some((0, 8)));
}

#[test]
fn nothing_is_served_after_the_driver_has_failed() {
    let mut bench = ready();
    bench.write(0x70, 0x8f);
    assert_eq!(bench.request(0, &[Piece::writable(0x1000, 8)]), None);
}

#[test]
fn a_queue_that_is_disabled_is_not_served() {
    let mut bench = ready();
    bench.write(0x30, 0);
    bench.write(0x44, 0);
    assert_eq!(bench.request(0, &[Piece::writable(0x1000, 8)]), None);
    assert_eq!(bench.status(), 0xf);
}

#[test]
fn rings_that_cannot_be_are_not_ready_and_the_device_needs_a_reset() {
    let ram_end = 0x4040_0000_u64;
    for (register, address) in [
        (0x80, 0x4000_0008),
        (0x80, ram_end - 0x70),
        (0x80, 0x3fff_fff0),
        (0x80, u64::MAX - 15),
        (0x90, 0x4000_0001),
        (0x90, ram_end - 20),
        (0x90, 0),
        (0xa0, 0x4000_0002),
        (0xa0, ram_end - 64),
        (0xa0, 0xffff_ffff_0000_0000),
    ] {
        let mut bench = ready();
        bench.write(0x44, 0);
        bench.write(register, address as u32);
        bench.write(register + 4, (address >> 32) as u32);
        bench.write(0x44, 1);
        assert_eq!(bench.read(0x44), 0, "{register:#x}: {address:#x}");
        assert_eq!(bench.status(), 0x4f, "{register:#x}: {address:#x}");
        assert_eq!(bench.read(0x60), 2);
    }
}

#[test]
fn a_queue_has_a_power_of_two_of_entries_up_to_its_maximum() {
    for (size, ready) in [
        (0, 0),
        (1, 1),
        (3, 0),
        (16, 1),
        (32, 0),
        (0x1_0010, 0),
        (u32::MAX, 0),
    ] {
        let mut bench = untouched();
        bench.set_up_queue(1);
        bench.write(0x44, 0);
        bench.write(0x38, size);
        bench.write(0x44, 1);
        assert_eq!(bench.read(0x44), ready, "{size}");
    }
}

#[test]
fn before_driver_ok_a_crooked_queue_interrupts_nobody() {
    let mut bench = untouched();
    bench.write(0x44, 1);
    assert_eq!(bench.status(), 0x40);
    assert!(!bench.interrupted());
}

#[test]
fn settings_of_a_ready_queue_stay() {
    let mut bench = ready();
    bench.write(0x30, 0);
    for register in [0x38, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4] {
        bench.write(register, 0x1234_5678);
    }
    assert_eq!(bench.request(0, &[Piece::writable(0x1000, 8)]), Some(8));
}

#[test]
fn queues_that_are_not_there_have_no_size_and_take_nothing() {
    let mut bench = ready();
    for queue in [2, 0xffff, u32::MAX] {
        bench.write(0x30, queue);
        for register in [0x38, 0x44, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0x50] {
            bench.write(register, 1);
        }
        assert_eq!((bench.read(0x34), bench.read(0x44)), (0, 0));
    }
    assert_eq!(bench.status(), 0xf);
}

/// The device stops, says so, and works again after a reset.
fn assert_stops(mut bench: Bench, what: &str) {
    serve(&mut bench);
    assert_eq!(bench.status(), 0x4f, "{what}");
    assert_eq!(bench.read(0x60) & 2, 2, "{what}");
    assert!(bench.interrupted(), "{what}");
    assert_eq!(bench.request(0, &[Piece::writable(0x1000, 8)]), None);
    bench.set_up(u64::MAX);
    assert_eq!(bench.request(0, &[Piece::writable(0x1000, 8)]), Some(8));
}

#[test]
fn a_chain_that_loops_stops_the_device() {
    let mut bench = ready();
    bench.describe(0, 0, Piece::writable(0x1000, 8), Some(1));
    bench.describe(0, 1, Piece::writable(0x1000, 8), Some(0));
    bench.make_available(0, 0);
    assert_stops(bench, "two that name each other");
    let mut bench = ready();
    bench.describe(0, 5, Piece::writable(0x1000, 8), Some(5));
    bench.make_available(0, 5);
    assert_stops(bench, "one that names itself");
}

#[test]
fn a_chain_that_leaves_the_table_stops_the_device() {
    for next in [8, 0x100, u16::MAX] {
        let mut bench = ready();
        bench.describe(0, 0, Piece::writable(0x1000, 8), Some(next));
        bench.make_available(0, 0);
        assert_stops(bench, "next");
        let mut bench = ready();
        bench.make_available(0, next);
        assert_stops(bench, "head");
    }
}

#[test]
fn a_buffer_that_is_not_all_ram_stops_the_device() {
    for (offset, length) in [
        (0x40_0000, 1),
        (0x3f_ffff, 2),
        (0x1000, u32::MAX),
        (u64::MAX - 0x4000_0000, 1),
        (u64::MAX - 0x3fff_ffff, 2),
        (0x1_0000_0000, 8),
    ] {
        for piece in [
            Piece::readable(offset, length),
            Piece::writable(offset, length),
        ] {
            let mut bench = ready();
            bench.offer(0, &[piece]);
            assert_stops(bench, &format!("{piece:x?}"));
        }
    }
}

#[test]
fn a_readable_buffer_after_a_writable_one_stops_the_device() {
    let mut bench = ready();
    bench.offer(0, &[Piece::writable(0x1000, 8), Piece::readable(0x2000, 8)]);
    assert_stops(bench, "order");
}

#[test]
fn buffers_may_overlap_each_other_and_the_rings() {
    let mut bench = ready();
    let pieces = [
        Piece::readable(0, 0x400),
        Piece::writable(0x1000, 0x100),
        Piece::writable(0x1080, 0x100),
    ];
    assert_eq!(bench.request(0, &pieces), Some(0x200));
}

#[test]
fn an_indirect_table_is_followed() {
    let mut bench = ready();
    bench.describe_indirect(0x3000, 0, Piece::writable(0x1000, 8), Some(1));
    bench.describe_indirect(0x3000, 1, Piece::writable(0x1100, 4), None);
    assert_eq!(bench.request(0, &[Piece::indirect(0x3000, 2)]), Some(12));
}

#[test]
fn an_indirect_table_may_follow_direct_descriptors() {
    let mut bench = ready();
    bench.describe_indirect(0x3000, 0, Piece::writable(0x1000, 8), None);
    let pieces = [Piece::readable(0x2000, 8), Piece::indirect(0x3000, 1)];
    assert_eq!(bench.request(0, &pieces), Some(8));
}

#[test]
fn indirect_within_indirect_stops_the_device() {
    let mut bench = ready();
    bench.describe_indirect(0x3000, 0, Piece::indirect(0x3100, 1), None);
    bench.describe_indirect(0x3100, 0, Piece::writable(0x1000, 8), None);
    bench.offer(0, &[Piece::indirect(0x3000, 1)]);
    assert_stops(bench, "at once");
    let mut bench = ready();
    bench.describe_indirect(0x3000, 0, Piece::writable(0x1000, 8), Some(1));
    bench.describe_indirect(0x3000, 1, Piece::indirect(0x3000, 2), None);
    bench.offer(0, &[Piece::indirect(0x3000, 2)]);
    assert_stops(bench, "later");
}

#[test]
fn an_indirect_table_that_cannot_be_stops_the_device() {
    let mut crooked = Piece::writable(0x1000, 8);
    for (offset, entries) in [(0x3000, 0), (0x40_0000, 1), (u64::MAX - 0x4000_0000, 1)] {
        let mut bench = ready();
        bench.offer(0, &[Piece::indirect(offset, entries)]);
        assert_stops(bench, &format!("{entries} at {offset:#x}"));
    }
    // Loops within itself, and never ends.
    let mut bench = ready();
    bench.describe_indirect(0x3000, 0, crooked, Some(0));
    bench.offer(0, &[Piece::indirect(0x3000, 0xffff)]);
    assert_stops(bench, "loop");
    // Longer than the longest queue.
    let mut bench = ready();
    for index in 0..257 {
        crooked = Piece::writable(0x1_0000 + u64::from(index) * 16, 8);
        bench.describe_indirect(0x3000, index, crooked, (index < 256).then_some(index + 1));
    }
    bench.offer(0, &[Piece::indirect(0x3000, 257)]);
    assert_stops(bench, "257 where 256 is the most");
}

#[test]
fn an_indirect_table_may_be_longer_than_the_queue_that_the_driver_made() {
    let mut bench = ready();
    for index in 0..256 {
        let piece = Piece::writable(0x1_0000 + u64::from(index) * 16, 8);
        bench.describe_indirect(0x3000, index, piece, (index < 255).then_some(index + 1));
    }
    assert_eq!(
        bench.request(0, &[Piece::indirect(0x3000, 256)]),
        Some(2048)
    );
}

#[test]
fn a_ring_that_claims_more_than_it_holds_stops_the_device() {
    for index in [9, 0x8000, u16::MAX] {
        let bench = ready();
        bench.set_available(0, index);
        assert_stops(bench, &format!("{index:#x}"));
    }
}

#[test]
fn one_queues_malformed_chain_stops_the_other_queue_too() {
    let mut bench = ready();
    bench.make_available(1, 100);
    assert_stops(bench, "queue 1");
}

#[test]
fn what_came_back_before_a_malformed_chain_is_heard_of() {
    let mut bench = plain();
    bench.offer(0, &[Piece::writable(0x1000, 8)]);
    bench.make_available(1, 100);
    serve(&mut bench);
    assert_eq!(bench.take_used(0), Some((0, 8)));
    assert_eq!((bench.status(), bench.read(0x60)), (0x4f, 3));
}

/// How a guest has configured the interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trigger {
    Edge,
    Level,
}

/// What a GIC remembers of one interrupt, as KVM's does: an edge is latched whenever the line is
/// set high, be it high already, until the guest takes it; a level is the line.
struct Gic {
    trigger: Trigger,
    line: Cell<Level>,
    latched: Cell<bool>,
}

impl Gic {
    fn pending(&self) -> bool {
        match self.trigger {
            Trigger::Edge => self.latched.get(),
            Trigger::Level => self.line.get() == Level::High,
        }
    }
}

impl InterruptLines for Gic {
    type Error = Infallible;

    fn set(&self, intid: u32, level: Level) -> Result<(), Infallible> {
        assert_eq!(intid, 48);
        self.line.set(level);
        if level == Level::High {
            self.latched.set(true);
        }
        Ok(())
    }
}

/// A guest's driver, which only learns from its interrupt controller that there is something.
struct Interrupted {
    slot: Slot<Bench>,
    gic: Gic,
}

impl Interrupted {
    fn new(trigger: Trigger) -> Self {
        let gic = Gic {
            trigger,
            line: Cell::new(Level::Low),
            latched: Cell::new(false),
        };
        Self {
            slot: Slot::new(plain(), 48),
            gic,
        }
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut Bench) -> R) -> R {
        let Ok(result) = self.slot.with(&self.gic, act);
        result
    }

    fn complete(&mut self) {
        self.with(|bench| bench.request(0, &[Piece::writable(0x1000, 8)]));
    }

    fn change_configuration(&mut self) {
        self.with(|bench| {
            bench.write(0x100, 1);
            serve(bench);
        });
    }

    /// Takes the interrupt, and acknowledges what it reads, as far as that is in `mask`.
    fn handle(&mut self, mask: u32) -> u32 {
        self.gic.latched.set(false);
        let seen = self.with(|bench| bench.read(0x60));
        self.with(|bench| bench.write(0x64, seen & mask));
        seen
    }
}

#[test]
fn a_bit_that_comes_while_the_line_is_high_is_heard_of_however_the_interrupt_is_configured() {
    for trigger in [Trigger::Edge, Trigger::Level] {
        let mut guest = Interrupted::new(trigger);
        guest.complete();
        guest.gic.latched.set(false);
        // The handler has read 1; before it acknowledges that, the configuration changes.
        guest.change_configuration();
        guest.with(|bench| bench.write(0x64, 1));
        assert!(guest.gic.pending(), "{trigger:?}");
        assert_eq!(guest.handle(3), 2);
        guest.complete();
        assert!(guest.gic.pending(), "{trigger:?}");
    }
}

#[test]
fn an_edge_that_was_lost_comes_again_with_the_next_notification() {
    let mut guest = Interrupted::new(Trigger::Edge);
    guest.complete();
    // As when a guest clears what is pending, or configures the edge only now.
    guest.gic.latched.set(false);
    guest.complete();
    assert!(guest.gic.pending());
}

proptest! {
    #[test]
    fn while_the_device_has_something_to_say_the_interrupt_is_pending(
        edge in any::<bool>(),
        steps in prop::collection::vec(0..6_u8, 0..60),
    ) {
        let trigger = if edge { Trigger::Edge } else { Trigger::Level };
        let mut guest = Interrupted::new(trigger);
        for step in steps {
            match step {
                0 | 1 => guest.complete(),
                2 => guest.change_configuration(),
                3 => guest.with(|bench| bench.set_up(!(1 << 29))),
                mask => drop(guest.handle(u32::from(mask) - 3)),
            }
            let says = guest.with(|bench| bench.read(0x60)) != 0;
            prop_assert!(guest.gic.pending() || !says);
            if trigger == Trigger::Level {
                prop_assert_eq!(guest.gic.pending(), says);
            }
        }
    }
}

#[test]
fn a_turn_ends_and_the_rest_waits_for_the_next() {
    let mut bench = untouched();
    bench.set_up(!(1 << 29));
    bench.write(0x30, 0);
    bench.write(0x44, 0);
    bench.write(0x38, 256);
    bench.write(0x90, 0x4001_0000);
    bench.write(0x80, 0x4002_0000);
    bench.write(0xa0, 0x4003_0000);
    bench.write(0x44, 1);
    for turn in 0..3_u16 {
        // A whole ring of the same chain, and one more as soon as the turn has begun.
        bench.fill(0x1_0002, &(turn * 256 + 256).to_le_bytes());
        serve(&mut bench);
        assert_eq!(bench.bytes::<2>(0x3_0002), (turn * 256 + 256).to_le_bytes());
        assert!(bench.rung(), "nobody knows yet that it was the last");
    }
    serve(&mut bench);
    assert!(!bench.rung());
}

#[test]
fn a_turn_ends_after_16_mib_whatever_the_chains_are() {
    let mut bench = plain();
    // Seven chains of 4 MiB but a page each.
    bench.describe(0, 0, Piece::writable(0x1000, 0x3f_f000), None);
    for _ in 0..7 {
        bench.make_available(0, 0);
    }
    serve(&mut bench);
    let mut taken = 0;
    while bench.take_used(0).is_some() {
        taken += 1;
    }
    assert_eq!(taken, 5);
    assert!(bench.rung());
    serve(&mut bench);
    assert!(bench.take_used(0).is_some() && bench.take_used(0).is_some());
}

#[test]
fn a_turn_that_has_taken_its_time_ends_with_the_chain_that_it_has_begun() {
    let mut bench = plain();
    bench.mmio.set_turn(Duration::ZERO);
    bench.describe(0, 0, Piece::writable(0x1000, 8), None);
    for _ in 0..3 {
        bench.make_available(0, 0);
    }
    for _ in 0..3 {
        std::thread::sleep(Duration::from_nanos(1));
        serve(&mut bench);
        assert!(bench.take_used(0).is_some() && bench.interrupted());
        assert!(bench.rung());
        bench.write(0x64, 1);
    }
    assert_eq!(bench.take_used(0), None);
}

#[test]
fn rings_of_doorbells_add_up_to_one_turn() {
    let mut bench = ready();
    for _ in 0..1000 {
        bench.write(0x50, 0);
        bench.write(0x50, u32::MAX);
    }
    assert!(bench.rung());
    assert!(!bench.rung());
}

#[test]
fn a_changed_configuration_is_a_new_generation_and_an_interrupt() {
    let mut bench = ready();
    bench.write(0x104, 0xabcd);
    serve(&mut bench);
    assert_eq!((bench.read(0xfc), bench.read(0x60)), (1, 2));
    bench.write(0x70, 0);
    assert_eq!(bench.read(0xfc), 1);
}

#[test]
fn the_configuration_space_is_read_in_any_width_at_any_offset() {
    let mut bench = untouched();
    let mut read = |offset, width| bench.mmio.read(offset, width);
    assert_eq!(read(0x100, Width::Byte), 1);
    assert_eq!(read(0x101, Width::Halfword), 0x0302);
    assert_eq!(read(0x103, Width::Word), 0x0706_0504);
    assert_eq!(read(0x100, Width::Doubleword), 0x0807_0605_0403_0201);
    assert_eq!(read(0x108, Width::Doubleword), 0x0a09);
    assert_eq!(read(0x1fc, Width::Word), 0);
    assert_eq!(read(u64::MAX, Width::Doubleword), 0);
}

#[test]
fn control_registers_are_words() {
    let mut bench = ready();
    for (offset, width) in [
        (0x70, Width::Byte),
        (0x70, Width::Halfword),
        (0x70, Width::Doubleword),
        (0x71, Width::Word),
        (0x6e, Width::Word),
        (0x72, Width::Halfword),
    ] {
        assert_eq!(bench.mmio.read(offset, width), 0);
        bench.mmio.write(offset, width, 0);
    }
    assert_eq!(bench.status(), 0xf);
}

#[test]
fn a_device_without_ram_makes_no_queue() {
    let doorbell = Doorbell::new().unwrap();
    let mut mmio = VirtioMmio::new(Box::new(Sink::default()), doorbell);
    mmio.write(0x38, Width::Word, 8);
    mmio.write(0x44, Width::Word, 1);
    assert_eq!(mmio.read(0x44, Width::Word), 0);
    mmio.serve(Cause::Host);
}

#[derive(Debug, Clone)]
enum Step {
    Read(u64, Width),
    Write(u64, Width, u64),
    Memory(u64, Vec<u8>),
    SetUp,
    Serve(Cause),
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    let width = prop::sample::select(vec![
        Width::Byte,
        Width::Halfword,
        Width::Word,
        Width::Doubleword,
    ]);
    let offset = prop_oneof![
        8 => (0..0x50_u64).prop_map(|word| word * 4),
        1 => 0..0x200_u64,
        1 => any::<u64>(),
    ];
    let value = prop_oneof![
        4 => 0..0x10_u64,
        2 => (0..0x1000_u64).prop_map(|offset| 0x4000_0000 + offset * 16),
        1 => any::<u64>(),
    ];
    let memory = prop::collection::vec(
        prop_oneof![2 => Just(0_u8), 2 => 0..8_u8, 1 => Just(0x40), 1 => any::<u8>()],
        1..64,
    );
    prop_oneof![
        2 => (offset.clone(), width.clone()).prop_map(|(offset, width)| Step::Read(offset, width)),
        6 => (offset, width, value).prop_map(|(o, w, v)| Step::Write(o, w, v)),
        6 => (0..0x900_u64, memory).prop_map(|(at, bytes)| Step::Memory(at, bytes)),
        1 => Just(Step::SetUp),
        4 => prop::sample::select(vec![Cause::Doorbell, Cause::Host]).prop_map(Step::Serve),
        1 => Just(Step::Reset),
    ]
}

proptest! {
    #[test]
    fn any_access_in_any_order_over_any_ram_is_survived(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut bench = untouched();
        for step in steps {
            match step {
                Step::Read(offset, width) => {
                    let value = bench.mmio.read(offset, width);
                    prop_assert_eq!(value, width.truncate(value));
                }
                Step::Write(offset, width, value) => bench.mmio.write(offset, width, value),
                Step::Memory(at, bytes) => bench.fill(at, &bytes),
                Step::SetUp => {
                    bench.rung();
                    bench.set_up(u64::MAX);
                }
                Step::Serve(cause) => bench.mmio.serve(cause),
                Step::Reset => bench.mmio.reset(),
            }
            prop_assert_eq!(bench.interrupted(), bench.mmio.interrupt != 0);
            // What is served has rings in RAM.
            let engine = bench.mmio.engine.as_ref().unwrap();
            for queue in engine.queues.iter().flatten() {
                prop_assert!(queue.is_valid(bench.memory.mapping()));
            }
        }
    }
}
