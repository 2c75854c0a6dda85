//! A slot of the board that nobody has taken.

use virtio_bindings::virtio_mmio as register;

use super::{MAGIC, VENDOR, VERSION, control};
use crate::address::Width;
use crate::devices::MmioDevice;
use crate::sys::Level;

/// A slot of the transport without a device (§4.2.3.1: DeviceID 0 is to be passed over).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vacant;

impl MmioDevice for Vacant {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        match control(offset, width) {
            Some(register::VIRTIO_MMIO_MAGIC_VALUE) => MAGIC.into(),
            Some(register::VIRTIO_MMIO_VERSION) => VERSION.into(),
            Some(register::VIRTIO_MMIO_VENDOR_ID) => VENDOR.into(),
            _ => 0,
        }
    }

    fn write(&mut self, _: u64, _: Width, _: u64) {}

    fn line(&self) -> Level {
        Level::Low
    }

    fn reset(&mut self) {}
}
