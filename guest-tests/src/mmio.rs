//! Any address of the board's devices, in any width, for programs that know no driver.
#![expect(unsafe_code, reason = "the registers are where the program says")]

use core::{num::NonZero, ptr::NonNull};

use safe_mmio::{UniqueMmioPointer, fields::ReadPureWrite};

/// How wide an access is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// A byte.
    Byte,
    /// Two.
    Halfword,
    /// Four.
    Word,
    /// Eight.
    Doubleword,
}

impl Width {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Byte, Self::Halfword, Self::Word, Self::Doubleword];

    /// In bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Halfword => 2,
            Self::Word => 4,
            Self::Doubleword => 8,
        }
    }
}

/// Reads at an address of a device's, rounded down to the width.
///
/// # Panics
///
/// If it is no device's.
#[must_use]
pub fn read(address: usize, width: Width) -> u64 {
    match width {
        Width::Byte => register::<u8>(address).read().into(),
        Width::Halfword => register::<u16>(address).read().into(),
        Width::Word => register::<u32>(address).read().into(),
        Width::Doubleword => register::<u64>(address).read(),
    }
}

/// Writes the lowest bits of a value there.
///
/// # Panics
///
/// As [`read`].
pub fn write(address: usize, width: Width, value: u64) {
    match width {
        Width::Byte => register::<u8>(address).write(value as u8),
        Width::Halfword => register::<u16>(address).write(value as u16),
        Width::Word => register::<u32>(address).write(value as u32),
        Width::Doubleword => register::<u64>(address).write(value),
    }
}

fn register<T>(address: usize) -> UniqueMmioPointer<'static, ReadPureWrite<T>> {
    let aligned = address & !(size_of::<T>() - 1);
    assert!(DEVICES.contains(&aligned), "no device lies at {address:#x}");
    let address = NonZero::new(aligned).map_or(NonNull::dangling(), NonNull::without_provenance);
    // SAFETY: The identity map has device memory there, the address is aligned, and each pointer is
    // gone before the next one is made.
    unsafe { UniqueMmioPointer::new(address) }
}

/// From the UART to the last virtio transport: below is the interrupt controller, above nothing.
const DEVICES: core::ops::Range<usize> = 0x0900_0000..0x0a00_4000;
