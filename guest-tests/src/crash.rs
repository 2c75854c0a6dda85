//! Crashes: an exception or a panic on any CPU, told in one line, ends the run with code 126.

use core::{fmt, panic::PanicInfo};

use aarch64_cpu::registers::TPIDR_EL1;
use tock_registers::interfaces::{Readable as _, Writeable as _};

use crate::{arch::vectors, console, cpus, exit};

/// The kind of an exception, by its vector.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Sync,
    Irq,
    Fiq,
    SError,
}

/// An exception as the CPU describes it.
#[derive(Debug)]
pub(crate) struct Exception {
    pub(crate) kind: Kind,
    pub(crate) esr: u64,
    pub(crate) elr: u64,
    pub(crate) far: u64,
}

/// Reports an exception and ends the machine. On the crash stack.
pub(crate) fn exception(exception: &Exception) -> ! {
    end(format_args!(
        "kind={} esr={:#x} elr={:#x} far={:#x}",
        exception.kind, exception.esr, exception.elr, exception.far
    ))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let depth = TPIDR_EL1.get() + 1;
    TPIDR_EL1.set(depth);
    if depth > 1 {
        vectors::leave();
    }
    match info.location() {
        Some(location) => end(format_args!(
            "panic at {}:{}: {}",
            location.file(),
            location.line(),
            info.message()
        )),
        None => end(format_args!("panic: {}", info.message())),
    }
}

/// Whether this CPU has crashed, and is the one that prints now.
pub(crate) fn here() -> bool {
    TPIDR_EL1.get() != 0
}

fn end(what: fmt::Arguments<'_>) -> ! {
    console::write_crash_line(format_args!("crash: cpu={} {what}", cpus::index()));
    exit::end_crashed()
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Sync => "sync",
            Self::Irq => "irq",
            Self::Fiq => "fiq",
            Self::SError => "serror",
        })
    }
}
