//! The machine's PL011 (Arm DDI0183) at 0x0900_0000, polled.
//!
//! Lines are written by the boot CPU alone, except for a crash's, which may happen on any CPU. So a
//! line is written under a lock; a crash takes the lock by force and keeps it.
#![expect(unsafe_code, reason = "the UART is a fixed address")]

use core::{
    fmt::{self, Write as _},
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};

use safe_mmio::{
    UniqueMmioPointer, field, field_shared,
    fields::{ReadPure, ReadPureWrite, ReadWrite},
};

use crate::cpus;

#[repr(C)]
struct Pl011 {
    data: ReadWrite<u32>,
    receive_status: ReadPureWrite<u32>,
    reserved_08: [u32; 4],
    flags: ReadPure<u32>,
    reserved_1c: [u32; 4],
    line_control: ReadPureWrite<u32>,
    control: ReadPureWrite<u32>,
    fifo_level: ReadPureWrite<u32>,
    mask: ReadPureWrite<u32>,
}

/// One line, held until it is complete.
struct Line {
    uart: UniqueMmioPointer<'static, Pl011>,
    /// Bytes that the transmit FIFO is known to take.
    room: u32,
}

/// Writes a line and its end.
pub fn write_line(line: fmt::Arguments<'_>) {
    if lock() == Lock::Dead {
        cpus::rest_for_ever();
    }
    Line::begin().finish(line);
    // Fails when a crash has taken the console for ever, as it should.
    let _ = OWNER.compare_exchange(
        cpus::index() + 1,
        FREE,
        Ordering::Release,
        Ordering::Relaxed,
    );
}

/// Writes a crash's line. The console belongs to the crashed CPU from here on; another CPU's
/// unfinished line is ended first.
pub(crate) fn write_crash_line(line: fmt::Arguments<'_>) {
    let mine = CRASHED | cpus::index();
    let taken = OWNER.fetch_update(Ordering::AcqRel, Ordering::Acquire, |owner| {
        (owner & CRASHED == 0 || owner == mine).then_some(mine)
    });
    let Ok(owner) = taken else {
        cpus::rest_for_ever(); // another CPU is reporting its own crash
    };
    let mut out = Line::begin();
    if owner != FREE && owner & CRASHED == 0 {
        out.put(b'\n');
    }
    out.finish(line);
}

/// The next byte of input, if there is one.
pub fn read_byte() -> Option<u8> {
    let mut uart = Line::begin().uart;
    let empty = field_shared!(uart, flags).read() & RECEIVE_EMPTY != 0;
    (!empty).then(|| field!(uart, data).read().to_le_bytes()[0])
}

/// Has the UART signal its interrupt, for the room that it has for more output.
pub fn signal() {
    let mut uart = Line::begin().uart;
    field!(uart, mask).write(TRANSMIT_INTERRUPT);
}

/// Ends that.
pub fn stop_signalling() {
    let mut uart = Line::begin().uart;
    field!(uart, mask).write(0);
}

/// Switches the UART on: eight bits, FIFOs, both directions.
pub fn initialise() {
    let mut uart = Line::begin().uart;
    field!(uart, control).write(0);
    field!(uart, line_control).write(EIGHT_BITS | FIFOS);
    field!(uart, control).write(ENABLE | TRANSMIT | RECEIVE);
}

impl Line {
    fn begin() -> Self {
        let address = NonNull::without_provenance(ADDRESS);
        // SAFETY: The machine has a PL011 at this address, mapped as device memory. A line is begun
        // only with the lock held; input is read and the UART is set up by the boot CPU alone.
        let uart = unsafe { UniqueMmioPointer::new(address) };
        Self { uart, room: 0 }
    }

    fn finish(mut self, line: fmt::Arguments<'_>) {
        // `put` cannot fail, and neither do the integers and strings of a line.
        let _ = self.write_fmt(line);
        self.put(b'\n');
    }

    /// One byte. An access to the UART leaves the virtual machine, so an empty FIFO is filled without
    /// asking again for each byte.
    fn put(&mut self, byte: u8) {
        if crashed_elsewhere() {
            cpus::rest_for_ever(); // the rest of this line would garble the crash's
        }
        // Bounded: a UART that never drains must not keep a crash from ending the machine.
        for _ in 0..SPINS_PER_BYTE {
            if self.room > 0 {
                break;
            }
            self.room = match field_shared!(self.uart, flags).read() {
                flags if flags & TRANSMIT_EMPTY != 0 => FIFO_DEPTH,
                flags if flags & TRANSMIT_FULL == 0 => 1,
                _ => 0,
            };
        }
        self.room = self.room.saturating_sub(1);
        field!(self.uart, data).write(u32::from(byte));
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.put(byte);
        }
        Ok(())
    }
}

#[derive(PartialEq, Eq)]
enum Lock {
    Taken,
    /// A crash on another CPU owns the console until the machine ends.
    Dead,
}

fn lock() -> Lock {
    let me = cpus::index() + 1;
    loop {
        match OWNER.compare_exchange_weak(FREE, me, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return Lock::Taken,
            Err(owner) if owner == CRASHED | cpus::index() => return Lock::Taken,
            Err(owner) if owner & CRASHED != 0 => return Lock::Dead,
            Err(_) => core::hint::spin_loop(),
        }
    }
}

/// Whether another CPU has taken the console for its crash.
fn crashed_elsewhere() -> bool {
    let owner = OWNER.load(Ordering::Acquire);
    owner & CRASHED != 0 && owner != CRASHED | cpus::index()
}

const ADDRESS: core::num::NonZero<usize> = core::num::NonZero::new(0x0900_0000).unwrap();

/// UARTFR.
const RECEIVE_EMPTY: u32 = 1 << 4;
const TRANSMIT_FULL: u32 = 1 << 5;
const TRANSMIT_EMPTY: u32 = 1 << 7;
/// UARTLCR_H.
const FIFOS: u32 = 1 << 4;
const EIGHT_BITS: u32 = 3 << 5;
/// UARTCR.
const ENABLE: u32 = 1 << 0;
const TRANSMIT: u32 = 1 << 8;
const RECEIVE: u32 = 1 << 9;
/// UARTIMSC.
const TRANSMIT_INTERRUPT: u32 = 1 << 5;

/// The smallest that any PL011 has (DDI0183, chapter 2).
const FIFO_DEPTH: u32 = 16;

const SPINS_PER_BYTE: u32 = 1_000_000;

/// Whose line it is: nobody's, CPU n's (n + 1), or a crashed CPU's.
static OWNER: AtomicU32 = AtomicU32::new(FREE);
const FREE: u32 = 0;
const CRASHED: u32 = 1 << 31;
