//! What a machine's devices lead to goes away under it: its guest is told, and it goes on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::thread;
use std::time::Duration;

use vambrace_conformance::linux::interface;

use crate::guest::{DISKS, Guest, TAP};
use crate::{say, small_file_system, streams};

/// Makes the disks: the first has no room for what it says that it has.
pub(crate) fn prepare() -> Result<(), String> {
    small_file_system(SMALL, 12 << 20)?;
    let ballast = File::create(BALLAST).and_then(|mut file| file.write_all(&vec![1; 8 << 20]));
    ballast.map_err(|error| format!("{BALLAST}: {error}"))?;
    for disk in DISKS {
        let made = File::create(disk).and_then(|file| file.set_len(DISK_MIB << 20));
        made.map_err(|error| format!("{disk}: {error}"))?;
    }
    Ok(())
}

/// One after the other, with the same machine.
pub(crate) fn are_survived(guest: &mut Guest) -> Result<(), String> {
    full_disk(guest)?;
    cut_disk(guest)?;
    removed_disk(guest)?;
    console_that_nobody_reads(guest)?;
    interface_that_is_gone(guest)
}

/// There is no room for what the guest writes, until somebody makes some.
fn full_disk(guest: &mut Guest) -> Result<(), String> {
    guest.tell("cannot-store:/dev/vda,12 load:/dev/vda,0")?;
    guest.hear("loaded=0")?;
    guest.has_told_once("a guest's disk cannot write")?;
    fs::remove_file(BALLAST).map_err(|error| format!("{BALLAST}: {error}"))?;
    guest.tell("store:/dev/vda,6 load:/dev/vda,5")?;
    guest.hear("loaded=5")?;
    guest.has_told_once("a guest's disk cannot write")?;
    say("a full disk refuses, and writes when there is room");
    Ok(())
}

/// Somebody makes the file shorter.
fn cut_disk(guest: &mut Guest) -> Result<(), String> {
    guest.tell("store:/dev/vdb,8")?;
    guest.hear("stored=8")?;
    let cut = OpenOptions::new().write(true).open(DISKS[1]);
    let cut = cut.and_then(|file| file.set_len(4 << 20));
    cut.map_err(|error| format!("cut {}: {error}", DISKS[1]))?;
    guest.tell("load:/dev/vdb,3 cannot-load:/dev/vdb,6 cannot-load:/dev/vdb,7")?;
    guest.hear("cannot load 7")?;
    guest.has_told_once("a guest's disk cannot read")?;
    say("a disk that was cut has an end");
    Ok(())
}

/// A file without a name is a file.
fn removed_disk(guest: &mut Guest) -> Result<(), String> {
    fs::remove_file(DISKS[2]).map_err(|error| format!("remove {}: {error}", DISKS[2]))?;
    guest.tell("store:/dev/vdc,8 load:/dev/vdc,7")?;
    guest.hear("loaded=7")?;
    say("a disk whose file is removed goes on");
    Ok(())
}

/// The program at the console goes, and the guest says more than is kept; then another one comes.
fn console_that_nobody_reads(guest: &mut Guest) -> Result<(), String> {
    streams::listen_for_a_while()?;
    guest.tell("shout:/dev/hvc0,512")?;
    guest.hear("shouted=512")?;
    streams::console(guest)
}

/// The cable is pulled for good, and costs no time.
fn interface_that_is_gone(guest: &mut Guest) -> Result<(), String> {
    interface::delete(TAP)?;
    guest.tell("carrier:eth0,0")?;
    guest.hear("carrier=0")?;
    guest.has_told_once("a guest's network card has lost its link")?;
    let before = ticks(guest)?;
    thread::sleep(IDLE);
    let used = ticks(guest)?.saturating_sub(before);
    if used > MOST_TICKS {
        return Err(format!(
            "{used} ticks of {} s are used for nothing",
            IDLE.as_secs()
        ));
    }
    say("an interface that is gone is a link that is down");
    Ok(())
}

/// What the machine's process has used of the host's CPUs, in ticks of 10 ms. (proc(5))
fn ticks(guest: &Guest) -> Result<u64, String> {
    let path = format!("/proc/{}/stat", guest.process());
    let failed = |error: io::Error| format!("read {path}: {error}");
    let text = fs::read_to_string(&path).map_err(failed)?;
    let behind_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let words: Vec<_> = behind_name.split_whitespace().skip(11).take(2).collect();
    let ticks: Option<u64> = words.iter().map(|word| word.parse::<u64>().ok()).sum();
    ticks.ok_or_else(|| format!("{path} says `{text}`"))
}

const SMALL: &str = "/small";
const BALLAST: &str = "/small/ballast";
const DISK_MIB: u64 = 16;
const IDLE: Duration = Duration::from_secs(3);
/// A loop would use all of one CPU.
const MOST_TICKS: u64 = 150;
