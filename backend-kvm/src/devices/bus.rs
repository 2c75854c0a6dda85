//! The MMIO bus: which device an address belongs to.
//!
//! An access belongs to a device only if all of its bytes do. What no device claims reads as 0 and
//! ignores writes, and the page is reported once, so that neither a driver that probes nor a guest
//! that floods fills the log; or it is an external abort, if the machine is strict.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use log::warn;
use vambrace_core::memory::Ipa;

use super::{Access, InterruptLines, MmioDevice, Place, Shared, lock};
use crate::address::{Region, Width};

/// The devices of a machine by their addresses.
pub struct Bus {
    /// Sorted by base; no two overlap.
    entries: Vec<Entry>,
    unclaimed: Unclaimed,
    /// Pages reported so far.
    reported: Mutex<BTreeSet<u64>>,
}

struct Entry {
    name: &'static str,
    region: Region,
    slot: Shared<dyn MmioDevice + Send>,
}

/// What an access to an address without a device does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclaimed {
    /// Reads are 0, writes are ignored, each page is reported once.
    ZeroAndIgnored,
    /// The guest gets a synchronous external abort.
    ExternalAbort,
}

/// What came of an access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Served<T> {
    /// It took place.
    Done(T),
    /// The caller injects a synchronous external abort.
    ExternalAbort,
}

/// Why a device cannot be attached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// Its addresses belong to another.
    #[error("cannot attach {name} at {region}: {taken} lies there, at {taken_region}")]
    Overlap {
        /// The new device.
        name: &'static str,
        /// Its addresses.
        region: Region,
        /// The device that has some of them.
        taken: &'static str,
        /// That one's addresses.
        taken_region: Region,
    },
    /// It has no addresses.
    #[error("cannot attach {name}: its region is empty")]
    Empty {
        /// The device.
        name: &'static str,
    },
}

impl Bus {
    /// A bus without devices.
    #[must_use]
    pub fn new(unclaimed: Unclaimed) -> Self {
        Self {
            entries: Vec::new(),
            unclaimed,
            reported: Mutex::default(),
        }
    }

    /// Gives a device its addresses.
    ///
    /// # Errors
    /// [`BusError`] if they are empty or another's.
    pub fn attach(
        &mut self,
        name: &'static str,
        region: Region,
        slot: Shared<dyn MmioDevice + Send>,
    ) -> Result<(), BusError> {
        if region.size() == 0 {
            return Err(BusError::Empty { name });
        }
        let index = self
            .entries
            .partition_point(|entry| entry.region.base() < region.base());
        let neighbours =
            &self.entries[index.saturating_sub(1)..(index + 1).min(self.entries.len())];
        if let Some(taken) = neighbours
            .iter()
            .find(|entry| entry.region.overlaps(region))
        {
            let (taken, taken_region) = (taken.name, taken.region);
            return Err(BusError::Overlap {
                name,
                region,
                taken,
                taken_region,
            });
        }
        self.entries.insert(index, Entry { name, region, slot });
        Ok(())
    }

    /// A read by the guest; the value has no bits above `width`.
    ///
    /// # Errors
    /// What `lines` says if the device's interrupt line changed and could not be set.
    pub fn read<L: InterruptLines>(
        &self,
        address: Ipa,
        width: Width,
        lines: &L,
    ) -> Result<Served<u64>, L::Error> {
        let Some((slot, offset)) = self.find(address, width) else {
            return Ok(self.refuse(address, width, "read").map_done(|()| 0));
        };
        let access = Access::Read(offset);
        let value = slot.access(access, lines, |device| device.read(offset, width))?;
        Ok(Served::Done(width.truncate(value.unwrap_or(0))))
    }

    /// A write by the guest; bits of `value` above `width` do not count.
    ///
    /// # Errors
    /// What `lines` says if the device's interrupt line changed and could not be set.
    pub fn write<L: InterruptLines>(
        &self,
        address: Ipa,
        width: Width,
        value: u64,
        lines: &L,
    ) -> Result<Served<()>, L::Error> {
        let Some((slot, offset)) = self.find(address, width) else {
            return Ok(self.refuse(address, width, "wrote"));
        };
        let value = width.truncate(value);
        slot.access(Access::Write(offset), lines, |device| {
            device.write(offset, width, value);
        })?;
        Ok(Served::Done(()))
    }

    /// Resets every device, for a machine that boots again with a new GIC.
    pub fn reset(&self) {
        for entry in &self.entries {
            lock(&entry.slot).reset();
        }
        self.reported
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    #[inline]
    fn find(&self, address: Ipa, width: Width) -> Option<(&Place<dyn MmioDevice + Send>, u64)> {
        let after = self
            .entries
            .partition_point(|entry| entry.region.base() <= address);
        let entry = &self.entries[after.checked_sub(1)?];
        let offset = entry.region.offset_of(address)?;
        let whole = entry.region.contains(Region::new(address, width.bytes())?);
        whole.then_some((&*entry.slot, offset))
    }

    #[cold]
    fn refuse(&self, address: Ipa, width: Width, verb: &str) -> Served<()> {
        if self.unclaimed == Unclaimed::ExternalAbort {
            return Served::ExternalAbort;
        }
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.len() < REPORTED_PAGES && reported.insert(address.value() >> 12) {
            let bytes = width.bytes();
            warn!(
                "the guest {verb} {bytes} bytes at {address}, where no device is: reads are 0, \
                 writes are ignored, and this page is not reported again"
            );
            if reported.len() == REPORTED_PAGES {
                warn!("accesses to {REPORTED_PAGES} pages without a device: no more are reported");
            }
        }
        Served::Done(())
    }
}

impl<T> Served<T> {
    pub(crate) fn map_done<U>(self, map: impl FnOnce(T) -> U) -> Served<U> {
        match self {
            Self::Done(value) => Served::Done(map(value)),
            Self::ExternalAbort => Served::ExternalAbort,
        }
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let devices = self.entries.iter().map(|entry| (entry.name, entry.region));
        f.debug_map().entries(devices).finish()
    }
}

/// How many pages without a device are reported before the rest is passed over in silence.
const REPORTED_PAGES: usize = 64;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::devices::Slot;
    use crate::sys::Level;

    /// Answers each read with its offset, and remembers the last write.
    #[derive(Debug, Default)]
    struct Echo(Option<(u64, Width, u64)>);

    impl MmioDevice for Echo {
        fn read(&mut self, offset: u64, _: Width) -> u64 {
            0xffff_ffff_ffff_0000 | offset
        }

        fn write(&mut self, offset: u64, width: Width, value: u64) {
            self.0 = Some((offset, width, value));
        }

        fn line(&self) -> Level {
            Level::Low
        }

        fn reset(&mut self) {
            self.0 = None;
        }
    }

    struct NoLines;

    impl InterruptLines for NoLines {
        type Error = Infallible;

        fn set(&self, _: u32, _: Level) -> Result<(), Infallible> {
            Ok(())
        }
    }

    fn region(base: u64, size: u64) -> Region {
        Region::fixed(base, size)
    }

    fn bus(unclaimed: Unclaimed) -> (Bus, Shared<Echo>) {
        let mut bus = Bus::new(unclaimed);
        let echo = Slot::shared(Echo::default(), 33);
        bus.attach(
            "high",
            region(0x3000, 0x1000),
            Slot::shared(Echo::default(), 34),
        )
        .unwrap();
        bus.attach("low", region(0x1000, 0x1000), echo.clone())
            .unwrap();
        (bus, echo)
    }

    fn read(bus: &Bus, address: u64, width: Width) -> Served<u64> {
        let Ok(served) = bus.read(Ipa::new(address), width, &NoLines);
        served
    }

    fn write(bus: &Bus, address: u64, width: Width, value: u64) -> Served<()> {
        let Ok(served) = bus.write(Ipa::new(address), width, value, &NoLines);
        served
    }

    #[test]
    fn an_access_reaches_the_device_at_its_offset() {
        let (bus, echo) = bus(Unclaimed::ZeroAndIgnored);
        assert_eq!(read(&bus, 0x1ffc, Width::Word), Served::Done(0xffff_0ffc));
        assert_eq!(
            read(&bus, 0x3008, Width::Doubleword),
            Served::Done(0xffff_ffff_ffff_0008)
        );
        assert_eq!(write(&bus, 0x1010, Width::Byte, 0x1234), Served::Done(()));
        assert_eq!(lock(&echo).device().0, Some((0x10, Width::Byte, 0x34)));
    }

    #[test]
    fn what_nobody_claims_is_0_and_ignored() {
        let (bus, _) = bus(Unclaimed::ZeroAndIgnored);
        for address in [0, 0xfff, 0x2000, 0x4000, u64::MAX] {
            assert_eq!(read(&bus, address, Width::Byte), Served::Done(0));
            assert_eq!(write(&bus, address, Width::Byte, 1), Served::Done(()));
        }
    }

    #[test]
    fn an_access_that_crosses_the_end_of_a_device_is_nobodys() {
        let (bus, _) = bus(Unclaimed::ZeroAndIgnored);
        assert_eq!(read(&bus, 0x1ffd, Width::Word), Served::Done(0));
        assert_eq!(read(&bus, 0x0fff, Width::Word), Served::Done(0));
        assert_eq!(read(&bus, u64::MAX, Width::Doubleword), Served::Done(0));
    }

    #[test]
    fn a_strict_machine_aborts_what_nobody_claims() {
        let (bus, _) = bus(Unclaimed::ExternalAbort);
        assert_eq!(read(&bus, 0x2000, Width::Word), Served::ExternalAbort);
        assert_eq!(write(&bus, 0x2000, Width::Word, 0), Served::ExternalAbort);
        assert_eq!(read(&bus, 0x1000, Width::Word), Served::Done(0xffff_0000));
    }

    #[test]
    fn each_page_is_reported_once_and_the_reports_are_bounded() {
        let (bus, _) = bus(Unclaimed::ZeroAndIgnored);
        for page in 0x10..0x1_0000 {
            let _ = read(&bus, page << 12, Width::Byte);
            let _ = read(&bus, page << 12 | 8, Width::Byte);
        }
        assert_eq!(bus.reported.lock().unwrap().len(), 64);
    }

    #[test]
    fn overlapping_devices_are_refused_by_name() {
        let (mut bus, _) = bus(Unclaimed::ZeroAndIgnored);
        for (base, size, taken) in [
            (0x1fff, 1, "low"),
            (0x0, 0x1001, "low"),
            (0x2000, 0x1001, "high"),
            (0x0, 0x8000, "low"),
        ] {
            let slot = Slot::shared(Echo::default(), 35);
            let error = bus.attach("new", region(base, size), slot).unwrap_err();
            assert!(
                error.to_string().contains(&format!("{taken} lies there")),
                "{error}"
            );
        }
        assert!(
            bus.attach(
                "new",
                region(0x2000, 0x1000),
                Slot::shared(Echo::default(), 35)
            )
            .is_ok()
        );
    }

    #[test]
    fn a_device_without_addresses_is_refused() {
        let (mut bus, _) = bus(Unclaimed::ZeroAndIgnored);
        let error = bus.attach("none", region(0x8000, 0), Slot::shared(Echo::default(), 35));
        assert_eq!(error, Err(BusError::Empty { name: "none" }));
    }

    #[test]
    fn a_reset_reaches_every_device() {
        let (bus, echo) = bus(Unclaimed::ZeroAndIgnored);
        let _ = write(&bus, 0x1010, Width::Byte, 0x12);
        bus.reset();
        assert_eq!(lock(&echo).device().0, None);
    }
}
