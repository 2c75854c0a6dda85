//! A GICv3's ITS, which makes an LPI of a message: its tables and its queue of commands.
//!
//! A message is a device's number and an event's; MAPD, MAPC and MAPTI say which LPI at which CPU it
//! becomes, and INT is the message itself. All tables and the queue lie in RAM, 64 KiB aligned, as the
//! largest page of a table wants. IHI0069, chapters 5 and 12.19.
#![expect(unsafe_code, reason = "the interrupt controller is at fixed addresses")]

use core::{
    mem::offset_of,
    num::NonZero,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use aarch64_cpu::asm::barrier;
use safe_mmio::{UniqueMmioPointer, field, field_shared, fields::ReadPureWrite};

use crate::{
    cpus::{self, wait_until},
    expect::{self, Proof},
    wakeup,
};

/// The first LPI.
pub const LPI: u64 = 8192;

/// The ITS's control frame, as far as it is used.
#[repr(C)]
struct Control {
    control: ReadPureWrite<u32>,
    implementer: ReadPureWrite<u32>,
    kind: ReadPureWrite<u64>,
    reserved_0010: [u64; 14],
    queue: ReadPureWrite<u64>,
    writer: ReadPureWrite<u64>,
    reader: ReadPureWrite<u64>,
    reserved_0098: [u64; 13],
    tables: [ReadPureWrite<u64>; 8],
}

const _: () = assert!(offset_of!(Control, tables) == 0x100);

/// A redistributor's page for LPIs.
#[repr(C)]
struct Redistributor {
    control: ReadPureWrite<u32>,
    implementer: ReadPureWrite<u32>,
    kind: ReadPureWrite<u64>,
    reserved_0010: [u64; 12],
    configuration: ReadPureWrite<u64>,
    pending: ReadPureWrite<u64>,
}

const _: () = assert!(offset_of!(Redistributor, pending) == 0x78);

/// One table, or what there is of it.
#[repr(C, align(0x10000))]
struct Page([AtomicU64; 8192]);

impl Page {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; 8192])
    }

    fn address(&self) -> u64 {
        (&raw const *self).addr() as u64
    }
}

/// The ITS of this machine, switched on. There is one at a time, the boot CPU's.
#[derive(Debug)]
pub struct Its {
    /// How many commands have been written.
    commands: u64,
}

impl Its {
    /// Gives the ITS its tables and an empty queue, and switches it on.
    #[must_use]
    pub fn begin() -> Self {
        let mut its = control();
        let mut tables = field!(its, tables);
        for table in 0..8 {
            let Some(mut register) = tables.get(table) else {
                continue;
            };
            let page = match register.read() >> 56 & 7 {
                DEVICES => &DEVICE_TABLE,
                COLLECTIONS => &COLLECTION_TABLE,
                _ => continue,
            };
            register.write(VALID | CACHED_TABLE | page.address() | PAGES_OF_64_KIB);
        }
        field!(its, queue).write(VALID | CACHED_TABLE | QUEUE.address());
        field!(its, writer).write(0);
        field!(its, control).write(1);
        Self { commands: 0 }
    }

    /// MAPD: device 0 has two events.
    ///
    /// # Errors
    ///
    /// If the ITS does not take the command.
    pub fn map_device(&mut self) -> Proof {
        self.command([0x08, 0, VALID | EVENTS.address(), 0])
    }

    /// MAPC: collection `index` is CPU `index`'s.
    ///
    /// # Errors
    ///
    /// If the ITS does not take the command.
    pub fn map_collection(&mut self, index: u64) -> Proof {
        let kind = field_shared!(control(), kind).read();
        let frames = REDISTRIBUTORS + index * REDISTRIBUTOR_SIZE;
        let target = match kind >> 19 & 1 {
            0 => field_shared!(redistributor(index), kind).read() >> 8 & 0xffff,
            _ => frames >> 16,
        };
        self.command([0x09, 0, VALID | target << 16 | index, 0])
    }

    /// MAPTI: event 0 of device 0 is the first LPI, in collection 0.
    ///
    /// # Errors
    ///
    /// If the ITS does not take the command.
    pub fn map_event(&mut self) -> Proof {
        self.command([0x0a, LPI << 32, 0, 0])
    }

    /// MOVI: event 0 of device 0 belongs to this collection.
    ///
    /// # Errors
    ///
    /// If the ITS does not take the command.
    pub fn move_event(&mut self, collection: u64) -> Proof {
        self.command([0x01, 0, collection, 0])
    }

    /// INT: event 0 of device 0 happens.
    ///
    /// # Errors
    ///
    /// If the ITS does not take the command.
    pub fn happen(&mut self) -> Proof {
        self.command([0x03, 0, 0, 0])
    }

    fn command(&mut self, words: [u64; 4]) -> Proof {
        // The queue of 4 KiB has room for 128; no claim makes as many.
        let first = self.commands as usize * 4;
        for (place, word) in QUEUE.0.iter().skip(first).zip(words) {
            place.store(word, Ordering::Relaxed);
        }
        barrier::dsb(barrier::SY);
        self.commands += 1;
        let end = self.commands * 32;
        let mut its = control();
        field!(its, writer).write(end);
        wait_until("GITS_CREADR at the end of the queue", || {
            field_shared!(its, reader).read() == end
        })
    }
}

/// Lets LPIs reach this CPU, 0 or 1. On the boot CPU before the other.
///
/// # Errors
///
/// If the redistributor does not wake up.
pub fn receive_lpis() -> Proof {
    wakeup::route_sgi_0()?;
    let index = u64::from(cpus::index());
    let pending = match index {
        0 => &PENDING_OF_CPU_0,
        _ => &PENDING_OF_CPU_1,
    };
    // Enabled, of middling priority.
    CONFIGURATION.0[0].store(0xa1, Ordering::Relaxed);
    barrier::dsb(barrier::SY);
    let mut frames = redistributor(index);
    field!(frames, configuration).write(CONFIGURATION.address() | CACHED | INTERRUPT_BITS);
    field!(frames, pending).write(PENDING_IS_ZERO | pending.address() | CACHED);
    field!(frames, control).write(ENABLE_LPIS);
    Ok(())
}

/// Whether the ITS and the boot CPU's redistributor are as a reset leaves them.
///
/// # Errors
///
/// Naming what is otherwise.
pub fn expect_reset() -> Proof {
    let its = control();
    let enabled = field_shared!(its, control).read() & 1;
    expect::equal("GITS_CTLR.Enabled", enabled.into(), 0)?;
    let valid = field_shared!(its, queue).read() >> 63;
    expect::equal("GITS_CBASER.Valid", valid, 0)?;
    expect::equal("GITS_CWRITER", field_shared!(its, writer).read(), 0)?;
    expect::equal("GITS_CREADR", field_shared!(its, reader).read(), 0)?;
    let tables = field_shared!(its, tables);
    for table in (0..8).filter_map(|table| tables.get(table)) {
        expect::equal("GITS_BASER.Valid", table.read() >> 63, 0)?;
    }
    let lpis = field_shared!(redistributor(0), control).read() & ENABLE_LPIS;
    expect::equal("GICR_CTLR.EnableLPIs", lpis.into(), 0)
}

fn control() -> UniqueMmioPointer<'static, Control> {
    device(CONTROL)
}

fn redistributor(index: u64) -> UniqueMmioPointer<'static, Redistributor> {
    device((REDISTRIBUTORS + index * REDISTRIBUTOR_SIZE) as usize)
}

fn device<T>(address: usize) -> UniqueMmioPointer<'static, T> {
    let address = NonZero::new(address).map_or(NonNull::dangling(), NonNull::without_provenance);
    // SAFETY: A claim that uses this needs a GICv3 with an ITS at the addresses below, mapped as device
    // memory. The ITS is the boot CPU's, a redistributor its own CPU's but for a register that never
    // changes, and each pointer is gone before the next one to the same page is made.
    unsafe { UniqueMmioPointer::new(address) }
}

static DEVICE_TABLE: Page = Page::new();
static COLLECTION_TABLE: Page = Page::new();
static EVENTS: Page = Page::new();
static QUEUE: Page = Page::new();
static CONFIGURATION: Page = Page::new();
static PENDING_OF_CPU_0: Page = Page::new();
static PENDING_OF_CPU_1: Page = Page::new();

const CONTROL: usize = 0x0808_0000;
const REDISTRIBUTORS: u64 = 0x080A_0000;
const REDISTRIBUTOR_SIZE: u64 = 0x2_0000;

/// GITS_BASER.Type.
const DEVICES: u64 = 1;
const COLLECTIONS: u64 = 4;
/// GITS_BASER and GITS_CBASER: valid; write-back and allocating, inner shareable.
const VALID: u64 = 1 << 63;
const CACHED_TABLE: u64 = 7 << 59 | 1 << 10;
/// GITS_BASER.Page_Size, with one page.
const PAGES_OF_64_KIB: u64 = 2 << 8;
/// GICR_PROPBASER and GICR_PENDBASER: the same.
const CACHED: u64 = 7 << 7 | 1 << 10;
/// GICR_PROPBASER.IDbits: interrupts have 14 bits.
const INTERRUPT_BITS: u64 = 13;
/// GICR_PENDBASER.PTZ.
const PENDING_IS_ZERO: u64 = 1 << 62;
/// GICR_CTLR.
const ENABLE_LPIS: u32 = 1 << 0;
