//! Memory that a guest gives up is the host's again, and the guest's when it wants it back.
//!
//! First, the guest has memory that it has used and does not use any more, in pieces that are too
//! small to be reported: a balloon takes them. Then it takes all of that back, and finds every byte
//! that it has written since. At last it uses nothing, and reports it.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::guest::Guest;
use crate::say;

/// By reporting and through the balloon. Reporting comes first, in memory that is still in large pieces:
/// a balloon that was filled from small ones lies in between for good.
pub(crate) fn comes_and_goes(guest: &mut Guest) -> Result<(), String> {
    guest.tell(&format!("modules {BALLOON} fill:{KEPT_MIB}"))?;
    guest.hear("filled")?;
    let full = Memory::of(guest)?;
    guest.tell("empty")?;
    guest.hear("emptied")?;
    let reported = full.wait_for(guest, |now| {
        now.resident + REPORTED <= full.resident && full.free + REPORTED <= now.free
    })?;
    say(&format!("reported: {reported} of {full}"));

    guest.tell(&format!(
        "driver:virtio_balloon,0 balloon:0 fill:{KEPT_MIB} thin"
    ))?;
    guest.hear("thinned")?;
    let used = Memory::of(guest)?;
    guest.tell(&format!("driver:virtio_balloon,1 {BALLOON}"))?;
    guest.hear("balloon=")?;
    let inflated = used.wait_for(guest, |now| now.resident + INFLATED <= used.resident)?;
    say(&format!("inflated: {inflated} of {used}"));

    guest.tell("driver:virtio_balloon,0 balloon:0 refill")?;
    guest.hear("refilled")?;
    let refilled = Memory::of(guest)?;
    say(&format!("deflated, and used again: {refilled}"));
    if refilled.resident < KEPT_MIB << 10 {
        return Err(format!("the guest keeps {KEPT_MIB} MiB in {refilled}"));
    }
    guest.tell("empty")?;
    guest.hear("emptied")
}

/// What a machine's process has of the host's memory, and what the host has left; in KiB.
#[derive(Debug)]
struct Memory {
    resident: u64,
    free: u64,
}

impl Memory {
    fn of(guest: &Guest) -> Result<Self, String> {
        let process = format!("/proc/{}/smaps_rollup", guest.process());
        Ok(Self {
            resident: kib(&process, "Rss:")?,
            free: kib("/proc/meminfo", "MemFree:")?,
        })
    }

    /// Waits until it has changed as it is to.
    fn wait_for(&self, guest: &Guest, has: impl Fn(&Self) -> bool) -> Result<Self, String> {
        let late = Instant::now() + PATIENCE;
        loop {
            let now = Self::of(guest)?;
            if has(&now) {
                return Ok(now);
            }
            if Instant::now() > late {
                return Err(format!("memory was to be given back: {now} of {self}"));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { resident, free } = self;
        write!(f, "{resident} KiB resident ({free} KiB free in the host)")
    }
}

/// The number in the line of a file that begins so.
fn kib(path: &str, name: &str) -> Result<u64, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("read {path}: {error}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| format!("{path} has no {name}"))
}

/// Until the balloon has all that it asks for, in pages of 4 KiB: 48 MiB.
const BALLOON: &str = "balloon:12288";
/// What the guest keeps in memory, of 256 MiB.
const KEPT_MIB: u64 = 128;
/// What of a balloon comes back at least, in KiB: it takes pages too that were never used. Those
/// are parts of the host's huge pages, which it frees itself when it wants them.
const INFLATED: u64 = 16 << 10;
/// What is reported at least, in whole huge pages.
const REPORTED: u64 = (KEPT_MIB - 16) << 10;
const PATIENCE: Duration = Duration::from_secs(60);
