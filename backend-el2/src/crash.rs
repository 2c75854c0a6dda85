//! The end of the machine: how the guest ended it, or why this program could not go on.
//!
//! The last line says which, in one form for programs and people; then the board is turned off by
//! its own firmware. QEMU's semihosting could carry a code out of the machine, but it would obey a
//! guest's HLT as well, which EL2 cannot trap.

use core::fmt;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::arch::{board, cpu};
use crate::console;

/// How a machine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// SYSTEM_OFF, or SYSTEM_OFF2.
    Off,
    /// SYSTEM_RESET2 with a vendor type, which carries this code.
    Code(u32),
    /// A reset more than were allowed.
    Reset,
    /// The guest did what nobody can answer.
    Crashed,
    /// This program could not go on.
    Error,
}

/// Tells how the machine ended, after so many reboots and firmware calls, and turns it off.
pub(crate) fn end(end: End, resets: u32, calls: u64) -> ! {
    have_the_last_word();
    tell(end, resets, calls)
}

/// One CPU ends the machine: another that wants to, or an exception on the way, waits for ever.
fn have_the_last_word() {
    if ENDED.swap(true, Ordering::AcqRel) {
        cpu::halt();
    }
}

fn tell(end: End, resets: u32, calls: u64) -> ! {
    console::write_last_line(format_args!("end: {end} resets={resets} calls={calls}"));
    board::system_off()
}

/// Tells why there is no machine, and turns the board off.
pub(crate) fn fail(reason: fmt::Arguments<'_>) -> ! {
    have_the_last_word();
    console::write_last_line(format_args!("error: {reason}"));
    tell(End::Error, 0, 0)
}

/// An exception at EL2 itself.
pub(crate) fn exception(kind: u64, esr: u64, elr: u64, far: u64) -> ! {
    let cpu = cpu::index();
    fail(format_args!(
        "CPU {cpu}: exception {kind} at EL2: esr={esr:#x} elr={elr:#x} far={far:#x}"
    ))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let cpu = cpu::index();
    match info.location() {
        Some(at) => fail(format_args!(
            "CPU {cpu}: panic at {}:{}: {}",
            at.file(),
            at.line(),
            info.message()
        )),
        None => fail(format_args!("CPU {cpu}: panic: {}", info.message())),
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Code(code) => write!(f, "code={code}"),
            Self::Reset => f.write_str("reset"),
            Self::Crashed => f.write_str("crashed"),
            Self::Error => f.write_str("error"),
        }
    }
}

static ENDED: AtomicBool = AtomicBool::new(false);
