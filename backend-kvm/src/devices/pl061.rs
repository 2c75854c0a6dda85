//! PL061 GPIO (DDI 0190): eight pins, one of which is the machine's power button.
//!
//! As on QEMU's board the button is pin 3, which is high while it is pressed. A guest with a driver
//! for such buttons (gpio-keys) turns itself off. It looks at the pin some time after the edge, so
//! the button is held until the guest has looked, and a tenth of a second more; a guest that does not
//! look, for ten seconds. A time alone would do for no guest whose host is busy.
//!
//! Registers are words, of which the low byte counts.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use log::warn;
use rustix::io;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::words::WordRegisters;
use super::{Cause, Doorbell, Driven, MmioDevice, words};
use crate::address::Width;
use crate::sys::Level;

/// A PL061 with whatever is connected to its inputs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pl061 {
    inputs: u8,
    outputs: u8,
    direction: u8,
    level_sensitive: u8,
    both_edges: u8,
    event: u8,
    mask: u8,
    /// Edges that were seen and not cleared.
    edges: u8,
    alternate: u8,
}

impl Pl061 {
    /// A PL061 after reset, with all inputs low.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Drives pin `pin` (0 to 7) from outside; there are no others.
    pub fn drive(&mut self, pin: u8, level: Level) {
        let bit = 1_u8.checked_shl(pin.into()).unwrap_or(0);
        let inputs = match level {
            Level::High => self.inputs | bit,
            Level::Low => self.inputs & !bit,
        };
        let changed = (inputs ^ self.inputs) & !self.direction & !self.level_sensitive;
        let wanted = self.both_edges | !(inputs ^ self.event);
        self.edges |= changed & wanted;
        self.inputs = inputs;
    }

    /// GPIORIS: edges that were seen, levels that are there now.
    fn raw(&self) -> u8 {
        let levels = !(self.inputs ^ self.event) & self.level_sensitive & !self.direction;
        self.edges & !self.level_sensitive | levels
    }

    fn read_register(&self, offset: u64) -> u8 {
        match offset {
            DATA_FIRST..=DATA_LAST => {
                let data = self.outputs & self.direction | self.inputs & !self.direction;
                data & mask_of(offset)
            }
            DIR => self.direction,
            IS => self.level_sensitive,
            IBE => self.both_edges,
            IEV => self.event,
            IE => self.mask,
            RIS => self.raw(),
            MIS => self.raw() & self.mask,
            AFSEL => self.alternate,
            PERIPH_ID..=LAST => IDENTIFICATION[(offset - PERIPH_ID) as usize / 4],
            _ => 0,
        }
    }

    fn write_register(&mut self, offset: u64, value: u8) {
        match offset {
            DATA_FIRST..=DATA_LAST => {
                let mask = mask_of(offset) & self.direction;
                self.outputs = self.outputs & !mask | value & mask;
            }
            DIR => self.direction = value,
            IS => self.level_sensitive = value,
            IBE => self.both_edges = value,
            IEV => self.event = value,
            IE => self.mask = value,
            IC => self.edges &= !value,
            AFSEL => self.alternate = value,
            _ => {}
        }
    }
}

impl WordRegisters for Pl061 {
    fn read_word(&mut self, offset: u64) -> u32 {
        self.read_register(offset).into()
    }

    fn write_word(&mut self, offset: u64, value: u32) {
        let [byte, ..] = value.to_le_bytes();
        self.write_register(offset, byte);
    }
}

impl MmioDevice for Pl061 {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        words::read(self, offset, width)
    }

    fn write(&mut self, offset: u64, width: Width, value: u64) {
        words::write(self, offset, width, value);
    }

    fn line(&self) -> Level {
        match self.raw() & self.mask {
            0 => Level::Low,
            _ => Level::High,
        }
    }

    /// What is connected to its inputs is still there.
    fn reset(&mut self) {
        *self = Self {
            inputs: self.inputs,
            ..Self::default()
        };
    }
}

/// A PL061 with the power button.
#[derive(Debug)]
pub struct ButtonGpio {
    gpio: Pl061,
    pressed: Arc<AtomicBool>,
    /// Expires when the button is to be let go.
    release: OwnedFd,
    /// Is it held, and has the guest not looked?
    is_unseen: bool,
}

/// Presses the machine's power button, from any thread. Clones are the same button.
#[derive(Debug, Clone)]
pub struct PowerButton {
    pressed: Arc<AtomicBool>,
    doorbell: Doorbell,
}

impl PowerButton {
    /// Presses it until the guest has seen it. A machine that does not run feels nothing.
    pub fn press(&self) {
        self.pressed.store(true, Ordering::SeqCst);
        self.doorbell.ring();
    }
}

impl ButtonGpio {
    /// A PL061 and the button that drives its pin 3; `doorbell` is rung when it is pressed.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub fn new(doorbell: Doorbell) -> io::Result<(Self, PowerButton)> {
        let pressed = Arc::<AtomicBool>::default();
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let gpio = Self {
            gpio: Pl061::new(),
            pressed: Arc::clone(&pressed),
            release: timerfd_create(TimerfdClockId::Monotonic, flags)?,
            is_unseen: false,
        };
        Ok((gpio, PowerButton { pressed, doorbell }))
    }

    fn hold(&mut self) {
        self.gpio.drive(BUTTON, Level::High);
        self.is_unseen = true;
        self.release_after(UNSEEN);
    }

    fn release_after(&mut self, time: Timespec) {
        let when = Itimerspec {
            it_interval: Timespec::default(),
            it_value: time,
        };
        if let Err(errno) = timerfd_settime(&self.release, TimerfdTimerFlags::empty(), &when) {
            warn!(
                "the power button is pressed for no time at all, which a guest may not notice: \
                 this host cannot set a timer: {errno}"
            );
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        self.is_unseen = false;
        self.gpio.drive(BUTTON, Level::Low);
    }

    /// Does an access to this register look at the button's pin?
    fn looks(offset: u64) -> bool {
        (DATA_FIRST..=DATA_LAST).contains(&offset) && mask_of(offset) & 1 << BUTTON != 0
    }
}

impl MmioDevice for ButtonGpio {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        let value = self.gpio.read(offset, width);
        if self.is_unseen && Self::looks(offset) {
            self.is_unseen = false;
            self.release_after(SEEN);
        }
        value
    }

    fn write(&mut self, offset: u64, width: Width, value: u64) {
        self.gpio.write(offset, width, value);
    }

    fn line(&self) -> Level {
        self.gpio.line()
    }

    /// Nobody presses it any more: a machine that boots again is not to be turned off at once.
    fn reset(&mut self) {
        self.pressed.store(false, Ordering::SeqCst);
        self.let_go();
        self.gpio.reset();
    }
}

impl Driven for ButtonGpio {
    fn serve(&mut self, cause: Cause) {
        if self.pressed.swap(false, Ordering::SeqCst) {
            self.hold();
        } else if cause == Cause::Host {
            self.let_go();
        }
    }

    fn host_events(&self) -> Option<BorrowedFd<'_>> {
        Some(self.release.as_fd())
    }
}

/// GPIODATA: bits 9:2 of its address say which pins an access is about.
fn mask_of(offset: u64) -> u8 {
    (offset >> 2 & 0xff) as u8
}

/// The pin of the power button.
const BUTTON: u8 = 3;
/// How long it is held once the guest has looked: drivers may look twice before they believe it.
const SEEN: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};
/// How long at most.
const UNSEEN: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

// Offsets, named as in table 3-1 without the prefix GPIO.
const DATA_FIRST: u64 = 0x000;
const DATA_LAST: u64 = 0x3ff;
const DIR: u64 = 0x400;
const IS: u64 = 0x404;
const IBE: u64 = 0x408;
const IEV: u64 = 0x40c;
const IE: u64 = 0x410;
const RIS: u64 = 0x414;
const MIS: u64 = 0x418;
const IC: u64 = 0x41c;
const AFSEL: u64 = 0x420;
const PERIPH_ID: u64 = 0xfe0;
const LAST: u64 = 0xfff;

/// GPIOPeriphID0–3 (part 0x061, designer 0x41) and GPIOPCellID0–3.
const IDENTIFICATION: [u8; 8] = [0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    fn write(gpio: &mut impl MmioDevice, offset: u64, value: u64) {
        gpio.write(offset, Width::Word, value);
    }

    fn read(gpio: &mut impl MmioDevice, offset: u64) -> u64 {
        gpio.read(offset, Width::Word)
    }

    #[test]
    fn registers_after_reset_are_zero_and_it_is_a_pl061() {
        let mut gpio = Pl061::new();
        for offset in (0x400..=0x420).step_by(4) {
            assert_eq!(read(&mut gpio, offset), 0);
        }
        let bytes: Vec<_> = (0..8)
            .map(|index| read(&mut gpio, 0xfe0 + index * 4))
            .collect();
        assert_eq!(bytes, [0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
    }

    #[test]
    fn the_address_says_which_pins_are_meant() {
        let mut gpio = Pl061::new();
        write(&mut gpio, 0x400, 0x0f);
        write(&mut gpio, 0x3fc, 0xff);
        assert_eq!(read(&mut gpio, 0x3fc), 0x0f);
        write(&mut gpio, 0x5 << 2, 0);
        assert_eq!(read(&mut gpio, 0x3fc), 0x0a);
        assert_eq!(read(&mut gpio, 0x2 << 2), 0x02);
        gpio.drive(7, Level::High);
        gpio.drive(0, Level::High);
        assert_eq!(read(&mut gpio, 0x3fc), 0x8a);
    }

    #[test]
    fn edges_are_kept_until_they_are_cleared() {
        for (both, event, rising, falling) in [(0, 8, 8, 0), (0, 0, 0, 8), (8, 0, 8, 8)] {
            let mut gpio = Pl061::new();
            for (offset, value) in [(0x408, both), (0x40c, event), (0x410, 8)] {
                write(&mut gpio, offset, value);
            }
            gpio.drive(3, Level::High);
            assert_eq!(read(&mut gpio, 0x418), rising);
            write(&mut gpio, 0x41c, 0xff);
            assert_eq!((read(&mut gpio, 0x414), gpio.line()), (0, Level::Low));
            gpio.drive(3, Level::High);
            assert_eq!(read(&mut gpio, 0x414), 0, "no change, no edge");
            gpio.drive(3, Level::Low);
            assert_eq!(read(&mut gpio, 0x418), falling);
        }
    }

    #[test]
    fn levels_are_there_while_they_last() {
        let mut gpio = Pl061::new();
        for (offset, value) in [(0x404, 8), (0x40c, 8), (0x410, 8)] {
            write(&mut gpio, offset, value);
        }
        gpio.drive(3, Level::High);
        write(&mut gpio, 0x41c, 8);
        assert_eq!(gpio.line(), Level::High);
        gpio.drive(3, Level::Low);
        assert_eq!(gpio.line(), Level::Low);
        write(&mut gpio, 0x40c, 0);
        assert_eq!(gpio.line(), Level::High);
    }

    #[test]
    fn masked_pins_and_outputs_interrupt_nobody() {
        let mut gpio = Pl061::new();
        write(&mut gpio, 0x40c, 8);
        gpio.drive(3, Level::High);
        assert_eq!((read(&mut gpio, 0x414), gpio.line()), (8, Level::Low));
        let mut gpio = Pl061::new();
        for (offset, value) in [(0x400, 8), (0x40c, 8), (0x410, 8)] {
            write(&mut gpio, offset, value);
        }
        gpio.drive(3, Level::High);
        assert_eq!(gpio.line(), Level::Low);
    }

    #[test]
    fn there_is_no_ninth_pin() {
        let mut gpio = Pl061::new();
        gpio.drive(8, Level::High);
        gpio.drive(255, Level::High);
        assert_eq!(gpio, Pl061::new());
    }

    /// As gpio-keys sets it up: pin 3, both edges.
    fn button() -> (ButtonGpio, PowerButton, Doorbell) {
        let doorbell = Doorbell::new().unwrap();
        let (mut gpio, button) = ButtonGpio::new(doorbell.clone()).unwrap();
        write(&mut gpio, 0x408, 8);
        write(&mut gpio, 0x410, 8);
        (gpio, button, doorbell)
    }

    #[test]
    fn a_button_that_is_pressed_goes_high_and_low_again() {
        let (mut gpio, button, doorbell) = button();
        button.press();
        assert!(doorbell.take());
        gpio.serve(Cause::Doorbell);
        assert_eq!((gpio.line(), read(&mut gpio, 0x8 << 2)), (Level::High, 8));
        write(&mut gpio, 0x41c, 8);
        gpio.serve(Cause::Doorbell);
        assert_eq!(read(&mut gpio, 0x8 << 2), 8, "it is held");
        wait_for_timer(&gpio, None);
        gpio.serve(Cause::Host);
        assert_eq!((gpio.line(), read(&mut gpio, 0x8 << 2)), (Level::High, 0));
    }

    /// How many timers expired, within a limit if there is one.
    fn wait_for_timer(gpio: &ButtonGpio, limit: Option<&Timespec>) -> usize {
        let events = gpio.host_events().unwrap();
        poll(&mut [PollFd::new(&events, PollFlags::IN)], limit).unwrap()
    }

    #[test]
    fn a_button_is_held_until_the_guest_has_looked() {
        let (mut gpio, button, _) = button();
        button.press();
        gpio.serve(Cause::Doorbell);
        // Not looks at the button: what came, and other pins.
        assert_eq!((read(&mut gpio, 0x418), read(&mut gpio, 0x7 << 2)), (8, 0));
        let longer_than_a_press = Timespec {
            tv_sec: 0,
            tv_nsec: 300_000_000,
        };
        assert_eq!(wait_for_timer(&gpio, Some(&longer_than_a_press)), 0);
        assert_eq!(read(&mut gpio, 0x8 << 2), 8);
        assert_eq!(wait_for_timer(&gpio, None), 1);
    }

    #[test]
    fn a_button_that_nothing_would_let_go_is_not_held() {
        let (mut gpio, button, _) = button();
        gpio.release = std::fs::File::open("/dev/null").unwrap().into();
        button.press();
        gpio.serve(Cause::Doorbell);
        assert_eq!(read(&mut gpio, 0x8 << 2), 0);
    }

    #[test]
    fn a_reset_lets_the_button_go() {
        let (mut gpio, button, _) = button();
        button.press();
        gpio.serve(Cause::Doorbell);
        button.press();
        gpio.reset();
        gpio.serve(Cause::Doorbell);
        assert_eq!((gpio.line(), read(&mut gpio, 0x8 << 2)), (Level::Low, 0));
    }

    proptest! {
        #[test]
        fn any_access_in_any_order_is_survived(
            steps in prop::collection::vec(
                (0..3_u8, prop_oneof![0..0x430_u64, any::<u64>()], 0..4_u32, any::<u64>()),
                0..100,
            ),
        ) {
            let mut gpio = Pl061::new();
            for (what, offset, width, value) in steps {
                let width = Width::from_bytes(1 << width).unwrap();
                match what {
                    0 => prop_assert_eq!(gpio.read(offset, width) & 0xffff_ff00_ffff_ff00, 0),
                    1 => gpio.write(offset, width, value),
                    _ => gpio.drive((value & 0xf) as u8, Level::High),
                }
                prop_assert_eq!(gpio.line() == Level::High, gpio.raw() & gpio.mask != 0);
            }
        }
    }
}
