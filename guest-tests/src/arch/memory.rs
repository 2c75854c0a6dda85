//! RAM by its address, for claims about memory that belongs to no variable.
#![expect(unsafe_code, reason = "the memory is where the claim says")]

use core::{
    ptr,
    sync::atomic::{AtomicU32, AtomicU64},
};

/// First byte of the RAM that the image and its stacks leave alone (`linker/guest.ld`).
pub const FREE: u64 = 0x4080_0000;

/// The doubleword at an address in free RAM, or in what the firmware has put beside RAM.
///
/// # Panics
///
/// If the address is not aligned, or among the image's own.
#[must_use]
pub fn doubleword(address: u64) -> &'static AtomicU64 {
    check(address, 8);
    let place = ptr::with_exposed_provenance::<AtomicU64>(address as usize);
    // SAFETY: The address is aligned and mapped, outside the image and its stacks, so that nothing
    // but atomics of this function and the firmware goes there; any content is a valid value.
    unsafe { &*place }
}

/// The word at such an address.
///
/// # Panics
///
/// As [`doubleword`].
#[must_use]
pub fn word(address: u64) -> &'static AtomicU32 {
    check(address, 4);
    let place = ptr::with_exposed_provenance::<AtomicU32>(address as usize);
    // SAFETY: As above.
    unsafe { &*place }
}

fn check(address: u64, alignment: u64) {
    let mapped = (FIRST_MAPPED..IMAGE).contains(&address) || (FREE..END).contains(&address);
    assert!(
        mapped && address.is_multiple_of(alignment),
        "no memory for claims at {address:#x}"
    );
}

/// The identity map (`translation`) without the image, and without its alias.
const FIRST_MAPPED: u64 = 0x20_0000;
const IMAGE: u64 = 0x4020_0000;
const END: u64 = 0x8000_0000;
