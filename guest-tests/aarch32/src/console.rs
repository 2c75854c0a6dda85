//! The machine's PL011 (Arm DDI0183), polled.
//!
//! Lines are written by the boot CPU alone, except for a crash's, which may happen on any CPU and keeps
//! the console for ever.

use core::{
    fmt::{self, Write as _},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use crate::{
    arch::registers::{read_uart, write_uart},
    cpus,
};

/// Writes a line and its end.
pub fn write_line(line: fmt::Arguments<'_>) {
    // The writer cannot fail, and neither do the integers and strings of a line.
    let _ = writeln!(Uart { room: 0 }, "{line}");
}

/// Writes a crash's line. The console belongs to the crashed CPU from here on; another CPU's
/// unfinished line is ended first.
pub(crate) fn write_crash_line(line: fmt::Arguments<'_>) {
    let mine = cpus::index() + 1;
    if let Err(owner) = CRASHED.compare_exchange(0, mine, Ordering::AcqRel, Ordering::Acquire)
        && owner != mine
    {
        cpus::rest_for_ever(); // another CPU is reporting its own crash
    }
    if UNFINISHED.load(Ordering::Acquire) {
        write_line(format_args!(""));
    }
    write_line(line);
}

/// Switches the UART on: eight bits, FIFOs, transmission.
pub(crate) fn initialise() {
    write_uart(CONTROL, 0);
    write_uart(LINE_CONTROL, EIGHT_BITS | FIFOS);
    write_uart(CONTROL, ENABLE | TRANSMIT);
}

struct Uart {
    /// Bytes that the transmit FIFO is known to take.
    room: u32,
}

impl fmt::Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.put(byte);
        }
        Ok(())
    }
}

impl Uart {
    /// One byte. An access to the UART leaves the virtual machine, so an empty FIFO is filled without
    /// asking again for each byte.
    fn put(&mut self, byte: u8) {
        let crashed = CRASHED.load(Ordering::Acquire);
        if crashed != 0 && crashed != cpus::index() + 1 {
            cpus::rest_for_ever(); // the rest of this line would garble the crash's
        }
        // Bounded: a UART that never drains must not keep a crash from ending the machine.
        for _ in 0..SPINS_PER_BYTE {
            if self.room > 0 {
                break;
            }
            self.room = match read_uart(FLAGS) {
                flags if flags & TRANSMIT_EMPTY != 0 => FIFO_DEPTH,
                flags if flags & TRANSMIT_FULL == 0 => 1,
                _ => 0,
            };
        }
        self.room = self.room.saturating_sub(1);
        UNFINISHED.store(byte != b'\n', Ordering::Release);
        write_uart(DATA, byte.into());
    }
}

/// Offsets: UARTDR, UARTFR, UARTLCR_H, UARTCR.
const DATA: u32 = 0x00;
const FLAGS: u32 = 0x18;
const LINE_CONTROL: u32 = 0x2C;
const CONTROL: u32 = 0x30;

/// UARTFR.
const TRANSMIT_FULL: u32 = 1 << 5;
const TRANSMIT_EMPTY: u32 = 1 << 7;
/// UARTLCR_H.
const FIFOS: u32 = 1 << 4;
const EIGHT_BITS: u32 = 3 << 5;
/// UARTCR.
const ENABLE: u32 = 1 << 0;
const TRANSMIT: u32 = 1 << 8;

/// The smallest that any PL011 has (DDI0183, chapter 2).
const FIFO_DEPTH: u32 = 16;

const SPINS_PER_BYTE: u32 = 1_000_000;

/// The CPU that has crashed, plus one.
static CRASHED: AtomicU32 = AtomicU32::new(0);
static UNFINISHED: AtomicBool = AtomicBool::new(false);
