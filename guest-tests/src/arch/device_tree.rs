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

/// The decimal number behind a word of the bootargs (`seed=`), where the tree at an address has it.
#[must_use]
pub fn argument(address: u64, word: &str) -> Option<u64> {
    if magic(address) != MAGIC {
        return None;
    }
    let size = u64::from(magic(address + 4)).min(RAM_END - address) as usize;
    let tree = ptr::with_exposed_provenance::<u8>(address as usize);
    // SAFETY: The tree ends within RAM, which is mapped for reading; nobody writes there.
    let tree = unsafe { core::slice::from_raw_parts(tree, size) };
    let found = tree
        .windows(word.len())
        .position(|part| part == word.as_bytes())?;
    let digits = tree[found + word.len()..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |number: u64, digit| {
        number.wrapping_mul(10).wrapping_add((digit - b'0').into())
    }))
}

/// Devicetree Specification 5.2.
const MAGIC: u32 = 0xD00D_FEED;
const RAM: u64 = 0x4000_0000;
const RAM_END: u64 = 0x4020_0000;
