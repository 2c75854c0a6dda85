//! An image that can panic: the check that finds nothing here is blind.
#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "the linker looks for the entry by its name")]

use vambrace_image as _;

/// Indexes an array with a number that nobody has checked.
// SAFETY: no other function of the image has this name.
#[unsafe(no_mangle)]
extern "C" fn _start(index: usize) -> u64 {
    core::hint::black_box([1, 2, 3])[index]
}
