//! PL031 real-time clock (DDI 0224, revision r1p3), with its alarm.
//!
//! It counts seconds since 1970: the host's clock, and however far the guest has set it away from
//! that. It is always enabled, as on QEMU. The alarm is raised when the counter reaches the match
//! register after one of the two was written; a match register that lies behind is one turn of 32
//! bits ahead. Where the host's clock is set, the alarm moves along with it.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use log::warn;
use rustix::io::{self, Errno};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

use super::words::WordRegisters;
use super::{Cause, Driven, MmioDevice, words};
use crate::address::Width;
use crate::sys::Level;

/// A PL031 that counts with `C`.
#[derive(Debug)]
pub struct Pl031<C> {
    clock: C,
    /// How far the guest's clock is ahead of the host's.
    ahead: u32,
    match_value: u32,
    load: u32,
    /// When the alarm comes, in the host's seconds.
    alarm: Option<u64>,
    mask: u32,
    raw: u32,
}

/// A clock that can wake somebody.
pub trait WallClock: fmt::Debug {
    /// Seconds since 1970.
    fn now(&self) -> u64;

    /// Makes [`events`](WallClock::events) readable at this second, or when the clock is set;
    /// never with `None`.
    fn wake_at(&mut self, second: Option<u64>);

    /// What becomes readable.
    fn events(&self) -> Option<BorrowedFd<'_>>;
}

/// The host's own.
#[derive(Debug)]
pub struct SystemClock {
    timer: OwnedFd,
    /// That it cannot wake was told; once is enough.
    reported: bool,
}

impl SystemClock {
    /// The host's clock, that wakes nobody yet.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self {
            timer: timerfd_create(TimerfdClockId::Realtime, flags)?,
            reported: false,
        })
    }
}

impl WallClock for SystemClock {
    fn now(&self) -> u64 {
        u64::try_from(clock_gettime(ClockId::Realtime).tv_sec).unwrap_or(0)
    }

    fn wake_at(&mut self, second: Option<u64>) {
        let second = second.map_or(0, |second| i64::try_from(second).unwrap_or(i64::MAX));
        let at = |tv_sec| Timespec { tv_sec, tv_nsec: 0 };
        let when = Itimerspec {
            it_interval: at(0),
            it_value: at(second),
        };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        // ECANCELED tells that the clock was set before: the timer is armed all the same.
        match timerfd_settime(&self.timer, flags, &when) {
            Ok(_) | Err(Errno::CANCELED) => {}
            Err(_) if self.reported => {}
            Err(errno) => {
                self.reported = true;
                warn!(
                    "the alarm of a guest's clock will not come: this host cannot set a timer: \
                     {errno}; the clock goes on, and this is not reported again"
                );
            }
        }
    }

    fn events(&self) -> Option<BorrowedFd<'_>> {
        Some(self.timer.as_fd())
    }
}

impl<C: WallClock> Pl031<C> {
    /// A PL031 that shows this clock's time.
    pub fn new(clock: C) -> Self {
        Self {
            clock,
            ahead: 0,
            match_value: 0,
            load: 0,
            alarm: None,
            mask: 0,
            raw: 0,
        }
    }

    /// The counter; it wraps in 2106.
    fn count(&self) -> u32 {
        low(self.clock.now()).wrapping_add(self.ahead)
    }

    /// The counter or the match register is another: when will they meet?
    fn arm(&mut self) {
        let left = self.match_value.wrapping_sub(self.count());
        self.alarm = Some(self.clock.now().saturating_add(left.into()));
        self.settle();
    }

    /// Raises the alarm if it is time, and has itself woken if it is not yet.
    fn settle(&mut self) {
        if self.alarm.is_some_and(|alarm| alarm <= self.clock.now()) {
            self.alarm = None;
            self.raw = 1;
        }
        self.clock.wake_at(self.alarm);
    }
}

impl<C: WallClock> WordRegisters for Pl031<C> {
    fn read_word(&mut self, offset: u64) -> u32 {
        match offset {
            DR => self.count(),
            MR => self.match_value,
            LR => self.load,
            CR => 1,
            IMSC => self.mask,
            RIS => self.raw,
            MIS => self.raw & self.mask,
            PERIPH_ID..=LAST => IDENTIFICATION[(offset - PERIPH_ID) as usize / 4],
            _ => 0,
        }
    }

    fn write_word(&mut self, offset: u64, value: u32) {
        match offset {
            MR => {
                self.match_value = value;
                self.arm();
            }
            LR => {
                self.load = value;
                self.ahead = value.wrapping_sub(low(self.clock.now()));
                self.arm();
            }
            IMSC => self.mask = value & 1,
            ICR => self.raw &= !value,
            _ => {}
        }
    }
}

impl<C: WallClock> MmioDevice for Pl031<C> {
    fn read(&mut self, offset: u64, width: Width) -> u64 {
        words::read(self, offset, width)
    }

    fn write(&mut self, offset: u64, width: Width, value: u64) {
        words::write(self, offset, width, value);
    }

    fn line(&self) -> Level {
        match self.raw & self.mask {
            0 => Level::Low,
            _ => Level::High,
        }
    }

    fn reset(&mut self) {
        self.ahead = 0;
        self.match_value = 0;
        self.load = 0;
        self.alarm = None;
        self.mask = 0;
        self.raw = 0;
        self.clock.wake_at(None);
    }
}

impl<C: WallClock> Driven for Pl031<C> {
    fn serve(&mut self, _: Cause) {
        if self.alarm.is_some() {
            self.settle();
        }
    }

    fn host_events(&self) -> Option<BorrowedFd<'_>> {
        self.clock.events()
    }
}

fn low(value: u64) -> u32 {
    (value & 0xffff_ffff) as u32
}

// Offsets, named as in table 3-1 without the prefix RTC.
const DR: u64 = 0x00;
const MR: u64 = 0x04;
const LR: u64 = 0x08;
const CR: u64 = 0x0c;
const IMSC: u64 = 0x10;
const RIS: u64 = 0x14;
const MIS: u64 = 0x18;
const ICR: u64 = 0x1c;
const PERIPH_ID: u64 = 0xfe0;
const LAST: u64 = 0xfff;

/// RTCPeriphID0–3 (part 0x031, designer 0x41) and RTCPCellID0–3.
const IDENTIFICATION: [u32; 8] = [0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1];

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::*;

    /// A clock that stands still until it is set; and the second at which it was to wake.
    #[derive(Debug, Clone)]
    struct Hands(Arc<Mutex<(u64, Option<u64>)>>);

    impl WallClock for Hands {
        fn now(&self) -> u64 {
            self.0.lock().unwrap().0
        }

        fn wake_at(&mut self, second: Option<u64>) {
            self.0.lock().unwrap().1 = second;
        }

        fn events(&self) -> Option<BorrowedFd<'_>> {
            None
        }
    }

    impl Hands {
        fn wake(&self) -> Option<u64> {
            self.0.lock().unwrap().1
        }

        fn set(&self, now: u64) {
            self.0.lock().unwrap().0 = now;
        }
    }

    fn at(now: u64) -> (Pl031<Hands>, Hands) {
        let hands = Hands(Arc::new(Mutex::new((now, None))));
        (Pl031::new(hands.clone()), hands)
    }

    fn read(clock: &mut Pl031<Hands>, offset: u64) -> u64 {
        clock.read(offset, Width::Word)
    }

    fn write(clock: &mut Pl031<Hands>, offset: u64, value: u64) {
        clock.write(offset, Width::Word, value);
    }

    #[test]
    fn it_shows_the_hosts_time_until_it_is_set() {
        let (mut clock, hands) = at(1_700_000_000);
        assert_eq!(read(&mut clock, 0), 1_700_000_000);
        write(&mut clock, 8, 1000);
        hands.set(1_700_000_005);
        assert_eq!((read(&mut clock, 0), read(&mut clock, 8)), (1005, 1000));
        clock.reset();
        assert_eq!(read(&mut clock, 0), 1_700_000_005);
    }

    #[test]
    fn the_counter_wraps_at_32_bits() {
        let (mut clock, hands) = at(0xffff_ffff);
        assert_eq!(read(&mut clock, 0), 0xffff_ffff);
        hands.set(0x1_0000_0002);
        assert_eq!(read(&mut clock, 0), 2);
    }

    #[test]
    fn the_alarm_comes_when_the_counter_matches() {
        let (mut clock, hands) = at(100);
        write(&mut clock, 0x10, 1);
        write(&mut clock, 4, 130);
        assert_eq!(hands.wake(), Some(130));
        hands.set(129);
        clock.serve(Cause::Host);
        assert_eq!((clock.line(), hands.wake()), (Level::Low, Some(130)));
        hands.set(130);
        clock.serve(Cause::Host);
        assert_eq!((clock.line(), hands.wake()), (Level::High, None));
        assert_eq!((read(&mut clock, 0x14), read(&mut clock, 0x18)), (1, 1));
        write(&mut clock, 0x1c, 1);
        assert_eq!(clock.line(), Level::Low);
        clock.serve(Cause::Host);
        assert_eq!(read(&mut clock, 0x14), 0);
    }

    #[test]
    fn an_alarm_that_is_masked_is_raw_only() {
        let (mut clock, hands) = at(100);
        write(&mut clock, 4, 101);
        hands.set(105);
        clock.serve(Cause::Host);
        assert_eq!((read(&mut clock, 0x14), read(&mut clock, 0x18)), (1, 0));
        assert_eq!(clock.line(), Level::Low);
        write(&mut clock, 0x10, 1);
        assert_eq!(clock.line(), Level::High);
    }

    #[test]
    fn a_driver_may_write_no_more_than_the_byte_that_a_register_has() {
        let (mut clock, hands) = at(100);
        clock.write(4, Width::Word, 101);
        clock.write(0x10, Width::Byte, 1);
        hands.set(101);
        clock.serve(Cause::Host);
        assert_eq!(clock.read(0x14, Width::Byte), 1);
        assert_eq!(clock.line(), Level::High);
        clock.write(0x1c, Width::Byte, 1);
        assert_eq!(clock.line(), Level::Low);
    }

    #[test]
    fn an_alarm_for_this_second_comes_at_once() {
        let (mut clock, _) = at(100);
        write(&mut clock, 4, 100);
        assert_eq!(read(&mut clock, 0x14), 1);
    }

    #[test]
    fn an_alarm_for_the_past_is_a_turn_ahead() {
        let (mut clock, hands) = at(100);
        write(&mut clock, 4, 99);
        assert_eq!(read(&mut clock, 0x14), 0);
        assert_eq!(hands.wake(), Some(100 + 0xffff_ffff));
    }

    #[test]
    fn setting_the_clock_moves_the_alarm() {
        let (mut clock, hands) = at(100);
        write(&mut clock, 4, 5010);
        write(&mut clock, 8, 5000);
        assert_eq!(hands.wake(), Some(110));
    }

    #[test]
    fn a_host_whose_clock_jumps_past_the_alarm_raises_it() {
        let (mut clock, hands) = at(100);
        write(&mut clock, 4, 200);
        hands.set(1_000_000);
        clock.serve(Cause::Host);
        assert_eq!(read(&mut clock, 0x14), 1);
    }

    #[test]
    fn a_reset_forgets_the_alarm() {
        let (mut clock, hands) = at(100);
        write(&mut clock, 0x10, 1);
        write(&mut clock, 4, 100);
        write(&mut clock, 4, 150);
        clock.reset();
        assert_eq!((clock.line(), hands.wake()), (Level::Low, None));
        hands.set(150);
        clock.serve(Cause::Host);
        assert_eq!(read(&mut clock, 0x14), 0);
    }

    #[test]
    fn the_identification_is_a_pl031() {
        let (mut clock, _) = at(0);
        let bytes: Vec<_> = (0..8)
            .map(|index| read(&mut clock, 0xfe0 + index * 4))
            .collect();
        assert_eq!(bytes, [0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
        assert_eq!(read(&mut clock, 0xc), 1);
    }

    #[test]
    fn the_hosts_clock_wakes_at_its_second() {
        let mut clock = SystemClock::new().unwrap();
        let now = clock.now();
        assert!(now > 1_700_000_000);
        clock.wake_at(Some(now - 1));
        let mut expirations = [0; 8];
        let events = clock.events().unwrap();
        assert_eq!(io::read(events, &mut expirations), Ok(8));
        clock.wake_at(Some(now + 1000));
        let events = clock.events().unwrap();
        assert_eq!(io::read(events, &mut expirations), Err(Errno::AGAIN));
        clock.wake_at(None);
    }

    #[test]
    fn a_timer_that_cannot_be_set_is_told_of_and_the_clock_goes_on() {
        let mut clock = SystemClock {
            timer: std::fs::File::open("/dev/null").unwrap().into(),
            reported: false,
        };
        clock.wake_at(Some(1));
        assert!(clock.reported);
        clock.wake_at(Some(2));
        assert!(clock.now() > 1_700_000_000);
    }

    proptest! {
        #[test]
        fn any_access_in_any_order_is_survived(
            steps in prop::collection::vec(
                (0..4_u8, prop_oneof![0..0x24_u64, any::<u64>()], 0..4_u32, any::<u64>()),
                0..100,
            ),
        ) {
            let (mut clock, hands) = at(100);
            for (what, offset, width, value) in steps {
                let width = Width::from_bytes(1 << width).unwrap();
                match what {
                    0 => {
                        let value = clock.read(offset, width);
                        prop_assert_eq!(value, width.truncate(value));
                    }
                    1 => clock.write(offset, width, value),
                    2 => hands.set(value),
                    _ => clock.serve(Cause::Host),
                }
                prop_assert_eq!(clock.line() == Level::High, clock.raw & clock.mask != 0);
            }
        }
    }
}
