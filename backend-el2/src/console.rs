//! What this program says, line by line, on a PL011.
//!
//! If the board has a second PL011 it is ours and the guest never sees it: then nobody can forge a
//! line, and the last one, which tells how the machine ended, can be relied on. Else the guest's is
//! shared, and every line has a prefix that tells it apart for a person.

use core::fmt::{self, Write as _};
use core::sync::atomic::{AtomicU64, Ordering};

use log::{LevelFilter, Log, Metadata, Record};
use spin::mutex::SpinMutex;

use crate::arch::devices;
use crate::layout::UART;

/// Takes the board's highest PL011 into use; the guest's until it is known.
pub(crate) fn begin(uart: Option<u64>) {
    let address = uart.unwrap_or(UART.start());
    ADDRESS.store(address, Ordering::Relaxed);
    devices::switch_uart_on(address);
    // It is set once.
    let _ = log::set_logger(&Console);
    log::set_max_level(LevelFilter::Info);
}

/// Writes a line whatever holds the lock: its holder may be what crashed.
pub(crate) fn write_last_line(line: fmt::Arguments<'_>) {
    // Waits a moment, so that a line of another CPU is not cut where it need not be.
    let lock = (0..PATIENCE).find_map(|_| LOCK.try_lock());
    write(line);
    drop(lock);
}

struct Console;

impl Log for Console {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let _lock = LOCK.lock();
        let level = match record.level() {
            log::Level::Error => "error: ",
            log::Level::Warn => "warning: ",
            log::Level::Info | log::Level::Debug | log::Level::Trace => "",
        };
        write(format_args!("{level}{}", record.args()));
    }

    fn flush(&self) {}
}

struct Line(u64);

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            devices::put(self.0, byte);
        }
        Ok(())
    }
}

fn write(line: fmt::Arguments<'_>) {
    // A line cannot fail, and neither do the integers and strings in it.
    let _ = writeln!(Line(ADDRESS.load(Ordering::Relaxed)), "{PREFIX}{line}");
}

/// What every line begins with.
const PREFIX: &str = "vambrace-el2: ";
const PATIENCE: u32 = 1_000_000;

static ADDRESS: AtomicU64 = AtomicU64::new(UART.start());
static LOCK: SpinMutex<()> = SpinMutex::new(());
