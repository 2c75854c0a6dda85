//! Emulated devices, and the bus a guest reaches them by.
//!
//! A device is a pure part: it holds registers, answers reads and writes of any value, offset and
//! width in any order, and says at which level its interrupt line is. It knows no KVM, no thread
//! and no file. A [`Slot`] joins it to its line, the [`Bus`] to its addresses:
//!
//! ```text
//! MMIO exit ──▶ Bus ──▶ Slot (locked) ──▶ device ──▶ value
//!                         └─ line changed? ──▶ InterruptLines (KVM_IRQ_LINE)
//! ```
//!
//! Some devices are driven by the host too: the [`Worker`]'s threads serve them when their
//! [`Doorbell`] rings or the host has something. What of that can take long is done while nobody
//! holds the lock ([`Driven::begin_turn`]); an access that needs what the turn is using waits until
//! it has ended, and any other, as an interrupt handler's, does not.
//!
//! A change of the line is carried out while the slot is locked. Two vCPUs that raise and lower
//! the same line therefore reach the GIC in the order in which they reached the device. A device
//! that has another reason to interrupt while its line is high has the GIC told again: KVM takes
//! that as another edge if the guest configured one, and as nothing new if it configured a level.

mod bus;
mod doorbell;
mod pl011;
mod pl031;
mod pl061;
mod place;
pub mod virtio;
mod words;
mod worker;

use std::sync::Arc;

pub use bus::{Bus, BusError, Served, Unclaimed};
pub use doorbell::Doorbell;
pub use pl011::{Pl011, Transmit};
pub use pl031::{Pl031, SystemClock, WallClock};
pub use pl061::{ButtonGpio, Pl061, PowerButton};
pub use place::{Place, lock};
pub use worker::{Cause, Driven, ServedBy, Trouble, Turn, Worker, WorkerError};

use crate::address::Width;
use crate::sys::Level;

/// A device with registers in the guest's address space.
pub trait MmioDevice {
    /// A read of the bytes from `offset` on. Bits above `width` are ignored.
    fn read(&mut self, offset: u64, width: Width) -> u64;

    /// A write of the low bytes of `value` to `offset`.
    fn write(&mut self, offset: u64, width: Width, value: u64);

    /// The level of its interrupt line now.
    fn line(&self) -> Level;

    /// Has there been a reason to interrupt since this was last asked? The GIC hears of it even if
    /// the line is high already.
    fn take_event(&mut self) -> bool {
        false
    }

    /// Must this access wait until the turn that is under way has ended? A turn that is waited
    /// for ends as soon as it can.
    fn must_wait(&self, _: Access) -> bool {
        false
    }

    /// Makes it as it was when the machine was switched on.
    fn reset(&mut self);
}

/// An access that a guest is about to make, by its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A read.
    Read(u64),
    /// A write.
    Write(u64),
}

/// Where interrupt lines end: the GIC.
pub trait InterruptLines {
    /// Why a line could not be set.
    type Error;

    /// Sets the line of the interrupt with this INTID.
    ///
    /// # Errors
    /// When the GIC cannot be told.
    fn set(&self, intid: u32, level: Level) -> Result<(), Self::Error>;
}

/// A device joined to its interrupt line.
#[derive(Debug)]
pub struct Slot<D: ?Sized> {
    intid: u32,
    reported: Level,
    /// The GIC has not taken what it was last told.
    owed: bool,
    device: D,
}

/// A slot that vCPU threads and the device's own back end share.
pub type Shared<D> = Arc<Place<D>>;

impl<D> Slot<D> {
    /// Joins a device to the line with this INTID, low so far.
    pub fn new(device: D, intid: u32) -> Self {
        Self {
            intid,
            reported: Level::Low,
            owed: false,
            device,
        }
    }

    /// The same, ready to be shared.
    pub fn shared(device: D, intid: u32) -> Shared<D> {
        Arc::new(Place::new(Self::new(device, intid)))
    }

    /// The device, for what cannot change its line.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// The device, for changes that do not concern its line.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }
}

impl<D: MmioDevice + ?Sized> Slot<D> {
    /// Does something with the device and tells the GIC of its line, if there is anything new.
    ///
    /// # Errors
    /// What `lines` says; it is told again the next time.
    pub fn with<R, L: InterruptLines>(
        &mut self,
        lines: &L,
        act: impl FnOnce(&mut D) -> R,
    ) -> Result<R, L::Error> {
        let result = act(&mut self.device);
        let (event, level) = (self.device.take_event(), self.device.line());
        self.owed |= level != self.reported || event && level == Level::High;
        if self.owed {
            lines.set(self.intid, level)?;
            self.reported = level;
            self.owed = false;
        }
        Ok(result)
    }

    /// Resets the device. The line is taken as low, not set: a rebooted machine has a new GIC.
    pub fn reset(&mut self) {
        self.device.reset();
        self.reported = Level::Low;
        self.owed = false;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;

    use super::*;

    /// Its line is as it was last written; writing 2 is another event at a high line.
    struct Bell(Level, bool);

    impl MmioDevice for Bell {
        fn read(&mut self, _: u64, _: Width) -> u64 {
            0
        }

        fn write(&mut self, _: u64, _: Width, value: u64) {
            self.0 = if value == 0 { Level::Low } else { Level::High };
            self.1 = value == 2;
        }

        fn line(&self) -> Level {
            self.0
        }

        fn take_event(&mut self) -> bool {
            std::mem::take(&mut self.1)
        }

        fn reset(&mut self) {
            self.0 = Level::Low;
        }
    }

    #[derive(Default)]
    struct Recorded(RefCell<Vec<(u32, Level)>>);

    impl InterruptLines for Recorded {
        type Error = Infallible;

        fn set(&self, intid: u32, level: Level) -> Result<(), Infallible> {
            self.0.borrow_mut().push((intid, level));
            Ok(())
        }
    }

    struct Broken;

    impl InterruptLines for Broken {
        type Error = &'static str;

        fn set(&self, _: u32, _: Level) -> Result<(), &'static str> {
            Err("no GIC")
        }
    }

    fn silent() -> Slot<Bell> {
        Slot::new(Bell(Level::Low, false), 33)
    }

    fn ring(slot: &mut Slot<Bell>, lines: &Recorded, value: u64) {
        let Ok(()) = slot.with(lines, |bell| bell.write(0, Width::Word, value));
    }

    #[test]
    fn a_line_is_set_only_when_it_changes() {
        let (mut slot, lines) = (silent(), Recorded::default());
        for value in [0, 1, 1, 0, 0, 1] {
            ring(&mut slot, &lines, value);
        }
        assert_eq!(
            lines.0.into_inner(),
            [(33, Level::High), (33, Level::Low), (33, Level::High)]
        );
    }

    #[test]
    fn an_event_at_a_high_line_is_told_once_more() {
        let (mut slot, lines) = (silent(), Recorded::default());
        for value in [1, 2, 1, 2, 0] {
            ring(&mut slot, &lines, value);
        }
        let told = [Level::High, Level::High, Level::High, Level::Low];
        assert_eq!(lines.0.into_inner(), told.map(|level| (33, level)));
    }

    #[test]
    fn what_the_gic_did_not_take_is_told_again() {
        let (mut slot, lines) = (silent(), Recorded::default());
        for value in [1, 2] {
            let refused = slot.with(&Broken, |bell| bell.write(0, Width::Word, value));
            assert_eq!(refused, Err("no GIC"));
            ring(&mut slot, &lines, 1);
        }
        assert_eq!(lines.0.into_inner(), [(33, Level::High); 2]);
    }

    #[test]
    fn after_a_reset_the_line_is_low_and_rises_again() {
        let (mut slot, lines) = (silent(), Recorded::default());
        ring(&mut slot, &lines, 1);
        slot.reset();
        ring(&mut slot, &lines, 1);
        assert_eq!(lines.0.into_inner(), [(33, Level::High), (33, Level::High)]);
    }
}
