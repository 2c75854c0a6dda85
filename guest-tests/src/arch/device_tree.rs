//! The device tree that the monitor hands over, looked at and no more.
#![expect(unsafe_code, reason = "the device tree is where x0 says")]

use core::ptr;

/// The first word of a device tree at an address, in the host's order; 0 where RAM cannot be.
#[must_use]
pub fn magic(address: u64) -> u32 {
    if !(RAM..RAM_END).contains(&address) || !address.is_multiple_of(4) {
        return 0;
    }
    let word = ptr::with_exposed_provenance::<u32>(address as usize);
    // SAFETY: The address is aligned and in RAM, which is mapped for reading; nobody writes there.
    u32::from_be(unsafe { word.read() })
}

const RAM: u64 = 0x4000_0000;
const RAM_END: u64 = 0x4020_0000;
