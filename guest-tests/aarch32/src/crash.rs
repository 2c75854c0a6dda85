//! Crashes: an exception or a panic on any CPU, told in one line, ends the run with code 126.

use core::{fmt, panic::PanicInfo};

use crate::{
    arch::{registers, vectors},
    console, cpus, exit,
};

/// An exception as the CPU describes it.
#[derive(Debug)]
pub(crate) struct Exception {
    pub(crate) kind: &'static str,
    /// LR of the mode it was taken to.
    pub(crate) link: u32,
    /// Fault status and fault address, of an abort.
    pub(crate) fault: Option<(u32, u32)>,
}

/// Reports an exception and ends the machine. On the crash stack.
pub(crate) fn exception(exception: &Exception) -> ! {
    let Exception { kind, link, fault } = exception;
    match fault {
        Some((status, address)) => end(format_args!(
            "kind={kind} lr={link:#x} fsr={status:#x} far={address:#x}"
        )),
        None => end(format_args!("kind={kind} lr={link:#x}")),
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let depth = registers::crash_depth() + 1;
    registers::set_crash_depth(depth);
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

fn end(what: fmt::Arguments<'_>) -> ! {
    console::write_crash_line(format_args!("crash: cpu={} {what}", cpus::index()));
    exit::end_crashed()
}
