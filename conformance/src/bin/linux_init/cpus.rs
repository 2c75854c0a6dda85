//! CPUs that go and come, time that others took, and a machine that sleeps.

use std::fs;
use std::hint::black_box;
use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, mount};

use crate::{read, say};

/// Keeps every CPU busy from now on, with a thread each and one more.
pub(crate) fn work() {
    let threads = thread::available_parallelism().map_or(1, usize::from) + 1;
    for number in 0..threads {
        thread::spawn(move || {
            let mut state = number as u64;
            loop {
                state = black_box(state.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7));
            }
        });
    }
    say(&format!("working={threads}"));
}

/// Takes each CPU off and on again, one after the other, so many times in all.
pub(crate) fn hotplug(times: usize) -> Result<(), String> {
    let cpus = count_cpus()?;
    for cpu in (0..cpus).cycle().take(times) {
        for state in ["0", "1"] {
            let path = format!("/sys/devices/system/cpu/cpu{cpu}/online");
            fs::write(&path, state).map_err(|error| format!("{state} to {path}: {error}"))?;
        }
    }
    let online = read(ONLINE)?;
    say(&format!("hotplug={times} online={}", online.trim()));
    Ok(())
}

/// Has Linux count how often it enters one of its functions from now on. (Linux,
/// Documentation/trace/kprobetrace.rst)
pub(crate) fn count(function: &str) -> Result<(), String> {
    let failed = |error: rustix::io::Errno| format!("mount tracefs: {error}");
    mount("tracefs", TRACING, "tracefs", MountFlags::empty(), None).map_err(failed)?;
    let write = |file: &str, text: &str| {
        let path = format!("{TRACING}/{file}");
        fs::write(&path, text).map_err(|error| format!("{text} to {path}: {error}"))
    };
    write("kprobe_events", &format!("p:counted/{function} {function}"))?;
    write(&format!("events/counted/{function}/enable"), "1")
}

/// Says how often that was; none may have been missed.
pub(crate) fn counted(function: &str) -> Result<(), String> {
    let table = read(&format!("{TRACING}/kprobe_profile"))?;
    let row = table.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == function).then_some((words.next()?, words.next()?))
    });
    match row {
        Some((count, "0")) => {
            say(&format!("{function}={count}"));
            Ok(())
        }
        _ => Err(format!("{function} was not counted: {table}")),
    }
}

/// Says how many ticks others had, of all, while this machine's CPUs were kept busy for a while.
pub(crate) fn stolen() -> Result<(), String> {
    let before = ticks()?;
    let end = Instant::now() + STEALING;
    while Instant::now() < end {
        thread::sleep(Duration::from_millis(100));
    }
    let after = ticks()?;
    let stolen = after.1.saturating_sub(before.1);
    say(&format!(
        "stolen={} ticks={stolen} of {}",
        if stolen > 0 { "some" } else { "none" },
        after.0.saturating_sub(before.0)
    ));
    Ok(())
}

/// Suspends to RAM, to be woken by the real-time clock's alarm so many seconds later. An alarm that
/// rings before the machine sleeps keeps it awake (EBUSY): the next one has twice the time.
pub(crate) fn suspend(mut seconds: u64) -> Result<(), String> {
    loop {
        write(&format!("{CLOCK}/wakealarm"), &format!("+{seconds}"))?;
        let before = clock()?;
        match suspend_to_ram() {
            Ok(()) => {
                check_slept(clock()?.saturating_sub(before), seconds)?;
                return say_suspended();
            }
            Err(error) if error.kind() == ErrorKind::ResourceBusy && seconds < LONGEST => {
                seconds *= 2;
            }
            Err(error) => return Err(format!("suspend to RAM: {error}")),
        }
    }
}

/// The clock counts whole seconds, and Linux may take one to fall asleep.
fn check_slept(slept: u64, seconds: u64) -> Result<(), String> {
    let right = seconds.saturating_sub(1)..=seconds + AWAKE_WITHIN;
    match right.contains(&slept) {
        true => Ok(()),
        false => Err(format!("slept {slept} s instead of {seconds}")),
    }
}

/// Suspends to RAM with no alarm set: only the power button wakes it.
pub(crate) fn suspend_until_pressed() -> Result<(), String> {
    suspend_to_ram().map_err(|error| format!("suspend to RAM: {error}"))?;
    say_suspended()
}

fn suspend_to_ram() -> io::Result<()> {
    fs::write("/sys/power/mem_sleep", "deep")?;
    fs::write("/sys/power/state", "mem")
}

fn say_suspended() -> Result<(), String> {
    let times = read("/sys/power/suspend_stats/success")?;
    let online = read(ONLINE)?;
    say(&format!(
        "suspended={} online={}",
        times.trim(),
        online.trim()
    ));
    Ok(())
}

fn write(path: &str, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{text} to {path}: {error}"))
}

pub(crate) fn count_cpus() -> Result<usize, String> {
    let present = read("/sys/devices/system/cpu/present")?;
    let last = present.trim().rsplit('-').next().unwrap_or_default();
    let last: usize = last
        .parse()
        .map_err(|_| format!("`{present}` is no list of CPUs"))?;
    Ok(last + 1)
}

/// All ticks of all CPUs this far, and those that others had. (proc(5), `/proc/stat`)
fn ticks() -> Result<(u64, u64), String> {
    let text = read("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|word| word.parse().ok())
        .collect();
    let stolen = ticks
        .get(7)
        .ok_or_else(|| format!("`{line}` has no steal time"))?;
    Ok((ticks.iter().sum(), *stolen))
}

/// The real-time clock, in seconds since 1970.
fn clock() -> Result<u64, String> {
    let text = read(&format!("{CLOCK}/since_epoch"))?;
    let seconds = text.trim().parse();
    seconds.map_err(|_| format!("the real-time clock says `{text}`"))
}

const TRACING: &str = "/sys/kernel/tracing";
const CLOCK: &str = "/sys/class/rtc/rtc0";
pub(crate) const ONLINE: &str = "/sys/devices/system/cpu/online";
const STEALING: Duration = Duration::from_secs(3);
/// No alarm has to be later than this many seconds.
const LONGEST: u64 = 60;
/// How many seconds later than asked a machine may be seen awake: hosts are emulated.
const AWAKE_WITHIN: u64 = 20;
