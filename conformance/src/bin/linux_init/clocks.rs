//! The host's clock, and random numbers: what drivers of Linux find behind the firmware.

use std::fs::File;
use std::io::Read as _;
use std::thread;
use std::time::Duration;

use rustix::fd::AsFd as _;
use rustix::time::{ClockId, DynamicClockId, Timespec, clock_gettime, clock_gettime_dynamic};

use crate::{read, say};

/// Holds the host's clock, by PTP, against this machine's own for so many seconds.
pub(crate) fn compare(seconds: u64) -> Result<(), String> {
    let name = read("/sys/class/ptp/ptp0/clock_name")?;
    let clock = File::open("/dev/ptp0").map_err(|error| format!("open /dev/ptp0: {error}"))?;
    let before = difference(&clock)?;
    thread::sleep(Duration::from_secs(seconds));
    let drift = difference(&clock)?.abs_diff(before) / 1000;
    say(&format!(
        "clock={} {} in {seconds} s: {drift} us",
        name.trim(),
        if drift <= DRIFT { "agrees" } else { "drifts" }
    ));
    Ok(())
}

/// Host's time less this machine's, in nanoseconds: the quickest of many readings tells it best.
fn difference(clock: &File) -> Result<i128, String> {
    let own = || nanoseconds(clock_gettime(ClockId::MonotonicRaw));
    let mut best = None;
    for _ in 0..READINGS {
        let before = own();
        let host = clock_gettime_dynamic(DynamicClockId::Dynamic(clock.as_fd()));
        let host = host.map_err(|error| format!("read /dev/ptp0: {error}"))?;
        let after = own();
        let reading = (
            after - before,
            nanoseconds(host) - i128::midpoint(before, after),
        );
        best = best.min(Some(reading)).or(Some(reading));
    }
    Ok(best.map_or(0, |(_, difference)| difference))
}

fn nanoseconds(time: Timespec) -> i128 {
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

/// Reads so many bytes from the hardware's random number generator, and again: they differ.
pub(crate) fn random(bytes: usize) -> Result<(), String> {
    let source = read("/sys/class/misc/hw_random/rng_current")?;
    let failed = |error: std::io::Error| format!("read /dev/hwrng: {error}");
    let mut device = File::open("/dev/hwrng").map_err(failed)?;
    let mut draw = || {
        let mut drawn = vec![0; bytes];
        device.read_exact(&mut drawn).map(|()| drawn)
    };
    let (first, second) = (draw().map_err(failed)?, draw().map_err(failed)?);
    let ones: u32 = first
        .iter()
        .chain(&second)
        .map(|byte| byte.count_ones())
        .sum();
    let bits = u32::try_from(bytes * 16).map_err(|_| format!("{bytes} bytes are too many"))?;
    // Half of them, as near as chance leaves it for the thousands that are asked for.
    let half = (bits * 2 / 5..=bits * 3 / 5).contains(&ones);
    if first == second || !half {
        return Err(format!("{ones} of {bits} bits of /dev/hwrng are ones"));
    }
    say(&format!("random={} bytes={bytes}", source.trim()));
    Ok(())
}

const READINGS: usize = 200;
/// How many microseconds the two clocks may part in that time: both are of one machine, and what
/// is measured is how long a reading takes on an emulated one.
const DRIFT: u128 = 20_000;
