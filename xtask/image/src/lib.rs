//! What the two images share: where every panic ends.
//!
//! The linker keeps what can be reached. If a panic can be, the handler is, and with it the one
//! function here that has a name no optimisation takes away.
#![no_std]
#![expect(
    unsafe_code,
    reason = "a symbol's name outlives inlining only if it is exported"
)]

use core::panic::PanicInfo;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    panic_was_reachable()
}

/// The trace of a panic in the image's symbols.
// SAFETY: no other function of the image has this name.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn panic_was_reachable() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
