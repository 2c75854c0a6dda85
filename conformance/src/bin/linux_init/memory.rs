//! Memory that is kept, dropped, and given to a balloon.
//!
//! What is kept are files of 1 MiB in a file system that is memory. To drop every other one leaves free
//! pieces that are too small to be reported to the host: those only a balloon takes.

use std::fs;
use std::io;
use std::path::PathBuf;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use vambrace_conformance::linux::{block, check};

use crate::{number, pair, read, say, wait_until};

/// Does what this word tells, if it is one of these.
pub(crate) fn perform(name: &str, argument: &str) -> Option<Result<(), String>> {
    Some(match name {
        "fill" => number(argument, argument).and_then(fill),
        "thin" => thin(),
        "refill" => refill(),
        "empty" => empty(),
        "driver" => driver(argument),
        "balloon" => balloon(argument),
        _ => return None,
    })
}

fn fill(mib: u64) -> Result<(), String> {
    fs::create_dir_all(PLACE).map_err(|error| format!("mkdir {PLACE}: {error}"))?;
    let mounted = mount("tmpfs", PLACE, "tmpfs", MountFlags::empty(), c"size=90%");
    mounted.map_err(|error| format!("mount tmpfs: {error}"))?;
    (0..mib).try_for_each(write)?;
    say(&format!("filled={mib}"));
    Ok(())
}

fn thin() -> Result<(), String> {
    let count = count()?;
    let mut others = (0..count).filter(|number| number % 2 == 1);
    others.try_for_each(|number| {
        let path = path(number);
        fs::remove_file(&path).map_err(|error| format!("remove {}: {error}", path.display()))
    })?;
    say(&format!("thinned={count}"));
    Ok(())
}

/// Writes those again that were dropped, and finds all of them as they were written.
fn refill() -> Result<(), String> {
    let count = count()? * 2;
    let mut others = (0..count).filter(|number| number % 2 == 1);
    others.try_for_each(write)?;
    for number in 0..count {
        let path = path(number);
        let found = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        check(number, &found).map_err(|reason| format!("{} {reason}", path.display()))?;
    }
    say(&format!("refilled={count}"));
    Ok(())
}

fn empty() -> Result<(), String> {
    let unmounted = unmount(PLACE, UnmountFlags::empty());
    unmounted.map_err(|error| format!("unmount {PLACE}: {error}"))?;
    say("emptied");
    Ok(())
}

fn count() -> Result<u64, String> {
    let files = fs::read_dir(PLACE).map_err(|error| format!("list {PLACE}: {error}"))?;
    Ok(files.count() as u64)
}

fn write(number: u64) -> Result<(), String> {
    let path = path(number);
    fs::write(&path, block(number)).map_err(|error| format!("write {}: {error}", path.display()))
}

fn path(number: u64) -> PathBuf {
    PathBuf::from(format!("{PLACE}/{number}"))
}

/// Has a virtio driver let go of its devices, or take them.
fn driver(argument: &str) -> Result<(), String> {
    let (name, state) = pair(argument)?;
    let file = match state {
        "0" => "unbind",
        _ => "bind",
    };
    let path = format!("{DRIVERS}/{name}/{file}");
    for device in devices_of(name, state)? {
        fs::write(&path, &device).map_err(|error| format!("{device} to {path}: {error}"))?;
    }
    say(&format!("{file} {name}"));
    Ok(())
}

/// The devices that it has; or all that there are, of which it takes its own.
fn devices_of(driver: &str, state: &str) -> Result<Vec<String>, String> {
    let folder = match state {
        "0" => format!("{DRIVERS}/{driver}"),
        _ => DEVICES.to_owned(),
    };
    let failed = |error: io::Error| format!("list {folder}: {error}");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_device = name.starts_with("virtio");
        if is_device && (state == "0" || !entry.path().join("driver").exists()) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Linux counts pages that went in and that came out.
fn balloon(pages: &str) -> Result<(), String> {
    let wanted: u64 = number(pages, pages)?;
    wait_until("the balloon", || {
        let text = read("/proc/vmstat")?;
        let count = |name: &str| {
            let mut lines = text.lines();
            let line = lines.find_map(|line| line.strip_prefix(name));
            line.and_then(|number| number.trim().parse::<u64>().ok())
                .ok_or_else(|| format!("/proc/vmstat has no {name}"))
        };
        Ok(count("balloon_inflate ")? == count("balloon_deflate ")? + wanted)
    })?;
    say(&format!("balloon={pages}"));
    Ok(())
}

const PLACE: &str = "/kept";
const DRIVERS: &str = "/sys/bus/virtio/drivers";
const DEVICES: &str = "/sys/bus/virtio/devices";
