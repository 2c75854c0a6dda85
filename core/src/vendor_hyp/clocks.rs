//! The host's wall clock and the guest's counters, read at one instant.

/// One reading, all of it of the same instant: that is its whole worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// CLOCK_REALTIME of the host, in nanoseconds since 1970.
    pub wall_clock: u64,
    /// CNTVCT_EL0 as the guest reads it.
    pub virtual_counter: u64,
    /// CNTPCT_EL0 as the guest reads it.
    pub physical_counter: u64,
}

/// Which counter a guest asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counter {
    /// CNTVCT_EL0.
    Virtual,
    /// CNTPCT_EL0.
    Physical,
}

impl Clocks {
    /// x0 to x3: the wall clock's upper and lower word, the counter's upper and lower word.
    pub(super) const fn registers(self, counter: Counter) -> [u64; 4] {
        let cycles = match counter {
            Counter::Virtual => self.virtual_counter,
            Counter::Physical => self.physical_counter,
        };
        [
            self.wall_clock >> 32,
            self.wall_clock & 0xffff_ffff,
            cycles >> 32,
            cycles & 0xffff_ffff,
        ]
    }
}
