//! Does to every device of the machine what no driver does.
//!
//! It reads and writes any register in any width with any value, and offers chains that loop, overlap,
//! leave RAM and are indirect within indirect.
//!
//! `seed=N` and `rounds=N` in the bootargs choose another story. The interrupt controller is KVM's,
//! and left alone. What a device may write to lies apart from this program; pages that a balloon is
//! given are none of its own.
#![no_std]
#![no_main]

use core::sync::atomic::{Ordering, fence};

use vambrace_guest_tests::{
    arch::{
        device_tree,
        memory::{doubleword, word},
    },
    claim, console, cpus, exit,
    expect::Proof,
    line,
    mmio::{self, Width},
};

claim! {
    "A machine survives whatever is done to its devices.";
    vcpus: 1, ends: "off";
    prove
}

fn prove() -> Proof {
    let tree = cpus::current().entry_state().x[0];
    let seed = device_tree::argument(tree, "seed=").unwrap_or(1);
    let rounds = device_tree::argument(tree, "rounds=").unwrap_or(2000);
    let mut chance = Chance(seed | 1);
    line!("seed {seed}, {rounds} rounds");
    let mut slots = 0;
    for slot in SLOTS {
        let kind = mmio::read(slot + DEVICE_ID, Width::Word);
        if kind != 0 {
            slots += 1;
            (0..rounds / 8).for_each(|_| serve_badly(slot, kind, &mut chance));
        }
    }
    for _ in 0..rounds {
        (0..DEVICES.len()).for_each(|device| touch(DEVICES[device], 0x1000, &mut chance));
        (0..slots).for_each(|slot| touch(FIRST_SLOT + slot * SLOT, SLOT, &mut chance));
    }
    console::initialise();
    line!("");
    line!("{slots} virtio devices, and the console is alive");
    exit::end_by_system_off(Ok(()))
}

/// One access somewhere.
fn touch(base: usize, size: usize, chance: &mut Chance) {
    let width = Width::ALL[chance.below(4) as usize];
    let address = base + chance.below(size as u64) as usize;
    if chance.below(2) == 0 {
        // What it reads is of no interest.
        let _ = mmio::read(address, width);
    } else {
        mmio::write(address, width, chance.value());
    }
}

/// Sets a device up as it wants, fills its rings with nonsense, and rings.
fn serve_badly(slot: usize, kind: u64, chance: &mut Chance) {
    let register = |offset: usize, value: u64| mmio::write(slot + offset, Width::Word, value);
    // Pages that a balloon finds in random bytes could be this program's.
    let area = match kind {
        BALLOON => AREA + 0x100_0000,
        _ => AREA,
    };
    for status in [0, 1, 3] {
        register(STATUS, status);
    }
    for half in [0, 1] {
        register(DEVICE_FEATURES_SEL, half);
        let offered = mmio::read(slot + DEVICE_FEATURES, Width::Word);
        register(DRIVER_FEATURES_SEL, half);
        register(DRIVER_FEATURES, offered);
    }
    register(STATUS, 0xb);
    for queue in 0..3 {
        let rings = area + queue * 0x1000;
        register(QUEUE_SEL, queue);
        register(QUEUE_SIZE, QUEUE);
        for (offset, address) in [(0x80, rings), (0x90, rings + 0x200), (0xa0, rings + 0x400)] {
            register(offset, address);
            register(offset + 4, 0);
        }
        register(QUEUE_READY, 1);
    }
    register(STATUS, 0xf);
    for _ in 0..4 {
        let queue = chance.below(3);
        fill_rings(area, area + queue * 0x1000, chance);
        register(NOTIFY, queue);
        register(INTERRUPT_ACK, 3);
    }
    if chance.below(4) == 0 {
        touch(slot, SLOT, chance);
    }
}

/// Descriptors, an indirect table of the same kind, and heads.
fn fill_rings(area: u64, rings: u64, chance: &mut Chance) {
    for table in [rings, area + INDIRECT] {
        for index in 0..QUEUE {
            let descriptor = table + index * 16;
            doubleword(descriptor).store(address(area, chance), Ordering::Relaxed);
            word(descriptor + 8).store(length(chance), Ordering::Relaxed);
            // NEXT, WRITE, INDIRECT; and the next one, which may be itself, or none that is there.
            let flags = [0, 1, 2, 3, 1, 3, 4, 5][chance.below(8) as usize];
            let next = chance.below(QUEUE + 1) as u32;
            word(descriptor + 12).store(flags | next << 16, Ordering::Relaxed);
        }
    }
    for entry in (0..QUEUE).step_by(2) {
        let heads = chance.below(QUEUE + 1) | chance.below(QUEUE) << 16;
        word(rings + 0x204 + entry * 2).store(heads as u32, Ordering::Relaxed);
    }
    // The index moves by what a ring can hold, or by more.
    let made = u64::from(word(rings + 0x200).load(Ordering::Relaxed) >> 16);
    let more = [1, 2, 4, 8, 8, 8, 8, 9][chance.below(8) as usize];
    let index = made.wrapping_add(more) & 0xffff;
    word(rings + 0x200).store((index << 16) as u32, Ordering::Release);
    fence(Ordering::SeqCst);
}

/// Mostly memory that is there for it; else a table, the end of RAM, a device, or nowhere.
fn address(area: u64, chance: &mut Chance) -> u64 {
    match chance.below(12) {
        0 => area + INDIRECT,
        1 => 0x4800_0000 - 8,
        2 => 0x6000_0000 - 8,
        3 => 0x0900_0000,
        4 => u64::MAX - chance.below(16),
        5 => chance.value() | 1 << 40,
        _ => area + BUFFERS + chance.below(16) * 0x800,
    }
}

fn length(chance: &mut Chance) -> u32 {
    let lengths = [
        0,
        1,
        8,
        16,
        64,
        128,
        512,
        1024,
        4096,
        4096,
        0x1_0000,
        u32::MAX,
    ];
    lengths[chance.below(lengths.len() as u64) as usize]
}

/// Marsaglia's xorshift.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }

    /// Few bits, many, all, or none.
    fn value(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(16),
            1 => 1 << self.below(64),
            2 => u64::MAX,
            _ => self.next(),
        }
    }
}

/// The console, the clock, and the power button.
const DEVICES: [usize; 3] = [0x0900_0000, 0x0901_0000, 0x0903_0000];
const FIRST_SLOT: usize = 0x0a00_0000;
const SLOT: usize = 0x200;
const SLOTS: [usize; 32] = {
    let mut slots = [FIRST_SLOT; 32];
    let mut index = 1;
    while index < 32 {
        slots[index] = slots[index - 1] + SLOT;
        index += 1;
    }
    slots
};

// Registers of a transport (virtio 1.3, 4.2.2).
const DEVICE_ID: usize = 0x08;
const DEVICE_FEATURES: usize = 0x10;
const DEVICE_FEATURES_SEL: usize = 0x14;
const DRIVER_FEATURES: usize = 0x20;
const DRIVER_FEATURES_SEL: usize = 0x24;
const QUEUE_SEL: usize = 0x30;
const QUEUE_SIZE: usize = 0x38;
const QUEUE_READY: usize = 0x44;
const NOTIFY: usize = 0x50;
const INTERRUPT_ACK: usize = 0x64;
const STATUS: usize = 0x70;

/// Of descriptors.
const QUEUE: u64 = 8;
const BALLOON: u64 = 5;
/// Rings, an indirect table behind them, buffers behind that; a balloon's are apart.
const AREA: u64 = 0x4200_0000;
const INDIRECT: u64 = 0x8000;
const BUFFERS: u64 = 0x1_0000;
