//! A driver for one virtio queue on the board's MMIO transport, polled (VIRTIO 1.2 §4.2, §2.7).
//!
//! Rings and buffers lie in free RAM from [`RINGS`] on: 8 descriptors, the available ring 0x100
//! behind them, the used ring 0x200. Interrupts are looked at in the distributor and never taken.
#![expect(unsafe_code, reason = "the transport is at fixed addresses")]

use core::{
    num::NonZero,
    ptr::NonNull,
    sync::atomic::{Ordering, fence},
};

use safe_mmio::{UniqueMmioPointer, fields::ReadPureWrite};

use crate::{
    arch::memory::{doubleword, word},
    cpus::wait_until,
    expect::{self, Proof},
};

/// A device and what its driver remembers.
#[derive(Debug)]
pub struct Device {
    base: usize,
    spi: u32,
    made: u32,
}

/// A buffer in RAM.
#[derive(Debug, Clone, Copy)]
pub struct Buffer {
    /// Its address.
    pub address: u64,
    /// Its length in bytes.
    pub length: u32,
    /// Who writes to it.
    pub writer: Writer,
}

/// Who writes to a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// The driver.
    Driver,
    /// The device.
    Device,
}

impl Device {
    /// The device in a slot of the board (0 to 31), if it is of this kind.
    ///
    /// # Errors
    ///
    /// If it is another, or none.
    pub fn find(slot: u32, kind: u32) -> Result<Self, expect::Failure> {
        let device = Self {
            base: SLOTS + slot as usize * SLOT_SIZE,
            spi: FIRST_SPI + slot,
            made: 0,
        };
        expect::equal("MagicValue", device.read(0x00).into(), 0x7472_6976)?;
        expect::equal("Version", device.read(0x04).into(), 2)?;
        expect::equal("DeviceID", device.read(0x08).into(), kind.into())?;
        Ok(device)
    }

    /// Resets the device, accepts VERSION_1 and these features, makes queue 0 ready (§3.1.1).
    ///
    /// # Errors
    ///
    /// If the device refuses any of it.
    pub fn set_up(&mut self, features: u32) -> Proof {
        self.write(0x70, 0);
        expect::equal("Status after a reset", self.read(0x70).into(), 0)?;
        self.write(0x70, 3);
        for (half, accepted) in [(0, features), (1, 1)] {
            self.write(0x24, half);
            self.write(0x20, accepted);
        }
        self.write(0x70, 0xb);
        expect::equal("Status with FEATURES_OK", self.read(0x70).into(), 0xb)?;
        for offset in (0..0x400).step_by(8) {
            doubleword(RINGS + offset).store(0, Ordering::Relaxed);
        }
        self.made = 0;
        self.write(0x30, 0);
        self.write(0x38, 8);
        for (register, offset) in [(0x80, 0), (0x90, 0x100), (0xa0, 0x200)] {
            self.write(register, RINGS as u32 + offset);
            self.write(register + 4, 0);
        }
        self.write(0x44, 1);
        expect::equal("QueueReady", self.read(0x44).into(), 1)?;
        configure_level(self.spi + 32);
        self.write(0x70, 0xf);
        expect::equal("Status with DRIVER_OK", self.read(0x70).into(), 0xf)
    }

    /// Offers a chain of buffers and waits until it comes back, with an interrupt, which is taken
    /// back; how many bytes the device wrote.
    ///
    /// # Errors
    ///
    /// If it does not come back, or without an interrupt.
    pub fn request(&mut self, buffers: &[Buffer]) -> Result<u32, expect::Failure> {
        self.offer(buffers);
        self.write(0x50, 0);
        let made = self.made;
        wait_until("used buffer", || {
            word(RINGS + 0x200).load(Ordering::Acquire) >> 16 == made & 0xffff
        })?;
        wait_until("InterruptStatus", || self.read(0x60) == 1)?;
        expect::equal("interrupt pending", self.pending().into(), 1)?;
        self.write(0x64, 1);
        expect::equal("interrupt pending after its end", self.pending().into(), 0)?;
        let entry = RINGS + 0x204 + u64::from((made - 1) % 8) * 8;
        Ok(word(entry + 4).load(Ordering::Relaxed))
    }

    /// Offers a chain of buffers, and does not ring.
    pub fn offer(&mut self, buffers: &[Buffer]) {
        for (index, buffer) in (0_u64..).zip(buffers) {
            let more = u32::from(index as usize + 1 < buffers.len());
            let flags = more | u32::from(buffer.writer == Writer::Device) << 1;
            let next = (index as u32 + 1) << 16;
            let descriptor = RINGS + index * 16;
            doubleword(descriptor).store(buffer.address, Ordering::Relaxed);
            word(descriptor + 8).store(buffer.length, Ordering::Relaxed);
            word(descriptor + 12).store(flags | next, Ordering::Relaxed);
        }
        // Every entry of the ring is 0: each chain begins at descriptor 0.
        self.made += 1;
        word(RINGS + 0x100).store(self.made << 16, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Reads a register.
    #[must_use]
    pub fn read(&self, offset: usize) -> u32 {
        register(self.base + offset).read()
    }

    /// Writes a register.
    pub fn write(&self, offset: usize, value: u32) {
        register(self.base + offset).write(value);
    }

    /// Is the device's interrupt pending in the distributor (GICD_ISPENDR)?
    fn pending(&self) -> bool {
        is_pending(self.spi + 32)
    }
}

/// Makes an interrupt a level in the distributor (GICD_ICFGR), so that it is pending for as long as
/// its line is high.
pub(crate) fn configure_level(interrupt: u32) {
    let mut configuration = register(DISTRIBUTOR + 0xc00 + interrupt as usize / 16 * 4);
    let edge = 2 << (interrupt % 16 * 2);
    let others = configuration.read() & !edge;
    configuration.write(others);
}

/// Is this interrupt pending in the distributor (GICD_ISPENDR)?
pub(crate) fn is_pending(interrupt: u32) -> bool {
    let bits = register(DISTRIBUTOR + 0x200 + interrupt as usize / 32 * 4).read();
    bits >> (interrupt % 32) & 1 == 1
}

pub(crate) fn register(address: usize) -> UniqueMmioPointer<'static, ReadPureWrite<u32>> {
    let address = NonZero::new(address).map_or(NonNull::dangling(), NonNull::without_provenance);
    // SAFETY: The board's devices and its distributor lie there, mapped as device memory, and
    // each pointer is gone before the next one is made.
    unsafe { UniqueMmioPointer::new(address) }
}

/// Where rings lie; buffers from 0x1000 behind on are the program's.
pub const RINGS: u64 = 0x4200_0000;
const SLOTS: usize = 0x0A00_0000;
const SLOT_SIZE: usize = 0x200;
const FIRST_SPI: u32 = 16;
const DISTRIBUTOR: usize = 0x0800_0000;
