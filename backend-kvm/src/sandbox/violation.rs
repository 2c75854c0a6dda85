//! What becomes of a system call that the filter refuses: SIGSYS, told in a line, and the end.
//!
//! Without a word such an end would look like a crash. The handler uses nothing that a signal may not:
//! a buffer on its stack, write(2) and exit_group(2).
#![expect(
    unsafe_code,
    reason = "a signal handler reads what the kernel gives it"
)]

use std::ffi::{c_int, c_void};
use std::io::Write as _;
use std::sync::OnceLock;

/// Has SIGSYS told, and the process ended after `before_the_end`.
pub(super) fn watch(before_the_end: fn()) {
    BEFORE_THE_END.get_or_init(|| before_the_end);
    // SAFETY: zeroes are a valid sigaction: no flags, and no signal masked.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = told as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the action is whole, and its handler is async-signal-safe. SIGSYS can be handled, so the
    // call does not fail.
    unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) };
}

extern "C" fn told(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    if let Some(before_the_end) = BEFORE_THE_END.get() {
        before_the_end();
    }
    // SAFETY: the kernel gives a handler of SA_SIGINFO a siginfo of its signal.
    let call = unsafe { number(info) };
    let mut buffer = [0; 160];
    let mut rest = &mut buffer[..];
    // What does not fit is cut.
    let _ = writeln!(
        rest,
        "vambrace: error: the sandbox refused system call {call}; --sandbox=off runs without it"
    );
    let length = 160 - rest.len();
    // SAFETY: the buffer has so many bytes.
    unsafe { libc::write(libc::STDERR_FILENO, buffer.as_ptr().cast(), length) };
    // SAFETY: it ends the process and runs nothing of it.
    unsafe { libc::_exit(OWN_ERROR) };
}

/// The number of the refused call.
///
/// # Safety
/// `info` is a SIGSYS's.
unsafe fn number(info: *const libc::siginfo_t) -> c_int {
    // SAFETY: `struct siginfo` has 128 bytes, and of a SIGSYS the call's number lies here.
    unsafe { info.wrapping_byte_add(NUMBER).cast::<c_int>().read() }
}

/// si_syscall: behind signo, errno, code, four bytes of padding, and si_call_addr.
const NUMBER: usize = 24;
/// As of every error of ours.
const OWN_ERROR: c_int = 125;

static BEFORE_THE_END: OnceLock<fn()> = OnceLock::new();
