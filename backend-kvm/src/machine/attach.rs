//! What a machine can be given beside its console, and where that lies on the board.
//!
//! Devices take the board's virtio slots from the lowest address up, in the order in which they
//! are added: the guest finds its first disk first.

use rustix::io::Errno;
use vambrace_core::memory::Ipa;
use virtio_bindings::virtio_mmio::VIRTIO_MMIO_QUEUE_NOTIFY;

use super::Devices;
use crate::address::Region;
use crate::devices::virtio::{Vacant, VirtioDevice, VirtioMmio};
use crate::devices::{ButtonGpio, Doorbell, Driven, Pl031, PowerButton, Slot, SystemClock};
use crate::fdt::{Device, DeviceKind};
use crate::layout::{
    PL031, PL031_SPI, PL061, PL061_SPI, VIRTIO_MMIO_SPI, VIRTIO_SLOTS, spi, virtio_slot,
};

/// Why a machine cannot have a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// The board has no slot left.
    #[error("cannot give the machine another virtio device: its board has {VIRTIO_SLOTS} slots")]
    NoSlot,
    /// The board has one place for it, and that is taken.
    #[error("cannot give the machine a second {0}")]
    Twice(&'static str),
    /// The host has no descriptor left.
    #[error(
        "cannot give the machine another device: {0}; raise this host's limit on open files \
         (ulimit -n)"
    )]
    Descriptor(Errno),
}

impl Devices {
    /// Gives the machine a virtio device, in the next slot.
    ///
    /// # Errors
    /// [`AttachError`].
    pub fn add_virtio(&mut self, device: Box<dyn VirtioDevice + Send>) -> Result<(), AttachError> {
        let (index, region) = self.next_slot()?;
        let name = device.kind().name();
        let doorbell = Doorbell::new().map_err(AttachError::Descriptor)?;
        let mmio = VirtioMmio::new(device, doorbell.clone());
        let slot = Slot::shared(mmio, spi(VIRTIO_MMIO_SPI + index));
        let notify = Ipa::new(region.base().value() + u64::from(VIRTIO_MMIO_QUEUE_NOTIFY));
        self.worker
            .add(name, slot.clone(), doorbell, Some(notify))
            .map_err(AttachError::Descriptor)?;
        self.bus
            .attach(name, region, slot)
            .expect("the layout's devices do not overlap");
        self.describe_slot(index, region);
        Ok(())
    }

    /// Describes a virtio device in the next slot without having one, for a tree that no guest
    /// reads: what a device would need of the host is not opened.
    ///
    /// # Errors
    /// [`AttachError::NoSlot`].
    pub fn describe_virtio(&mut self) -> Result<(), AttachError> {
        let (index, region) = self.next_slot()?;
        self.describe_slot(index, region);
        Ok(())
    }

    fn next_slot(&self) -> Result<(u32, Region), AttachError> {
        let index = self.virtio_slots;
        let region = virtio_slot(index).ok_or(AttachError::NoSlot)?;
        Ok((index, region))
    }

    fn describe_slot(&mut self, index: u32, region: Region) {
        self.described.push(Device {
            kind: DeviceKind::VirtioMmio,
            region,
            spi: VIRTIO_MMIO_SPI + index,
        });
        self.virtio_slots += 1;
    }

    /// Gives the machine a real-time clock with the host's time and an alarm.
    ///
    /// # Errors
    /// [`AttachError::Descriptor`]; [`AttachError::Twice`] if it has one.
    pub fn add_real_time_clock(&mut self) -> Result<(), AttachError> {
        let clock = SystemClock::new().map_err(AttachError::Descriptor)?;
        let doorbell = Doorbell::new().map_err(AttachError::Descriptor)?;
        self.add_driven("PL031", Pl031::new(clock), doorbell, clock_node())
    }

    /// Gives the machine a power button, at a PL061.
    ///
    /// # Errors
    /// [`AttachError::Descriptor`]; [`AttachError::Twice`] if it has one.
    pub fn add_power_button(&mut self) -> Result<PowerButton, AttachError> {
        let doorbell = Doorbell::new().map_err(AttachError::Descriptor)?;
        let made = ButtonGpio::new(doorbell.clone());
        let (gpio, button) = made.map_err(AttachError::Descriptor)?;
        self.add_driven("PL061", gpio, doorbell, button_node())?;
        Ok(button)
    }

    /// Puts a device that has no doorbell register where its node says.
    fn add_driven(
        &mut self,
        name: &'static str,
        device: impl Driven + Send + 'static,
        doorbell: Doorbell,
        node: Device,
    ) -> Result<(), AttachError> {
        let slot = Slot::shared(device, spi(node.spi));
        self.bus
            .attach(name, node.region, slot.clone())
            .map_err(|_| AttachError::Twice(name))?;
        self.worker
            .add(name, slot, doorbell, None)
            .map_err(AttachError::Descriptor)?;
        self.described.push(node);
        Ok(())
    }

    /// Makes the slots that are left transports without devices, as programs that look through
    /// all of the board's expect them. No device can be added any more.
    pub fn add_vacant_slots(&mut self) {
        while let Some(region) = virtio_slot(self.virtio_slots) {
            let slot = Slot::shared(Vacant, spi(VIRTIO_MMIO_SPI + self.virtio_slots));
            self.bus
                .attach("vacant virtio slot", region, slot)
                .expect("the layout's devices do not overlap");
            self.virtio_slots += 1;
        }
    }
}

const fn clock_node() -> Device {
    Device {
        kind: DeviceKind::Pl031,
        region: PL031,
        spi: PL031_SPI,
    }
}

const fn button_node() -> Device {
    Device {
        kind: DeviceKind::Pl061,
        region: PL061,
        spi: PL061_SPI,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::Unclaimed;
    use crate::devices::virtio::{Entropy, SystemRandom};

    fn devices() -> Devices {
        Devices::new(Box::new(std::io::sink()), 0, Unclaimed::ZeroAndIgnored)
    }

    fn entropy() -> Box<dyn VirtioDevice + Send> {
        Box::new(Entropy::new(SystemRandom))
    }

    #[test]
    fn slots_are_the_boards_from_the_lowest_up() {
        let mut devices = devices();
        devices.add_virtio(entropy()).unwrap();
        devices.add_virtio(entropy()).unwrap();
        let described: Vec<_> = devices
            .described()
            .iter()
            .map(|device| (device.region.base().value(), device.spi))
            .collect();
        assert_eq!(described, [(0x0a00_0000, 16), (0x0a00_0200, 17)]);
    }

    #[test]
    fn a_device_that_is_only_described_looks_like_one_that_is_there() {
        let (mut real, mut described) = (devices(), devices());
        real.add_virtio(entropy()).unwrap();
        described.describe_virtio().unwrap();
        assert_eq!(real.described(), described.described());
        assert_eq!(described.worker.registers().count(), 0);
    }

    #[test]
    fn a_board_has_one_clock_and_one_button() {
        let mut devices = devices();
        devices.add_real_time_clock().unwrap();
        devices.add_power_button().unwrap().press();
        let described: Vec<_> = devices
            .described()
            .iter()
            .map(|device| (device.region.base().value(), device.spi))
            .collect();
        assert_eq!(described, [(0x0901_0000, 2), (0x0903_0000, 7)]);
        let refused = devices.add_real_time_clock();
        assert_eq!(refused, Err(AttachError::Twice("PL031")));
        assert!(devices.add_power_button().is_err());
    }

    #[test]
    fn the_33rd_device_has_no_slot() {
        let mut devices = devices();
        for _ in 0..32 {
            devices.add_virtio(entropy()).unwrap();
        }
        let refused = devices.add_virtio(entropy());
        assert_eq!(refused, Err(AttachError::NoSlot));
        assert_eq!(devices.described().len(), 32);
    }

    #[test]
    fn vacant_slots_fill_the_board_and_are_not_described() {
        let mut devices = devices();
        devices.add_virtio(entropy()).unwrap();
        devices.add_vacant_slots();
        assert_eq!(devices.described().len(), 1);
        assert_eq!(devices.add_virtio(entropy()), Err(AttachError::NoSlot));
    }
}
