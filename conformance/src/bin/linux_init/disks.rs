//! Modules, programs and disks: what a file system keeps over a reboot.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::system::finit_module;

use vambrace_conformance::linux::{BLOCK, Side, block, check, rates};

use crate::{number, pair, say};

/// Loads what came as `/modules`, in the order of the names.
pub(crate) fn load_modules() -> Result<(), String> {
    let failed = |error: io::Error| format!("list {MODULES}: {error}");
    let entries = fs::read_dir(MODULES).map_err(failed)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(failed)?;
    paths.sort();
    for path in &paths {
        load(path).map_err(|error| format!("load {}: {error}", path.display()))?;
    }
    say(&format!("modules={}", paths.len()));
    Ok(())
}

fn load(path: &Path) -> io::Result<()> {
    let compressed = path.extension().is_some_and(|extension| extension == "xz");
    let flags = if compressed { COMPRESSED } else { 0 };
    Ok(finit_module(File::open(path)?, c"", flags)?)
}

/// Runs a program with its arguments, all between commas, and demands that it succeeds.
pub(crate) fn run(words: &str) -> Result<(), String> {
    let mut words = words.split(',');
    let program = words.next().unwrap_or_default();
    let status = Command::new(program)
        .args(words)
        .status()
        .map_err(|error| format!("run {program}: {error}"))?;
    if !status.success() {
        return Err(format!("{program} ended with {status}"));
    }
    say(&format!("{program} succeeded"));
    Ok(())
}

/// Mounts a disk's ext4 at [`PLACE`].
pub(crate) fn mount_disk(device: &str) -> Result<(), String> {
    fs::create_dir_all(PLACE).map_err(|error| format!("mkdir {PLACE}: {error}"))?;
    mount(
        device,
        PLACE,
        "ext4",
        MountFlags::empty(),
        None::<&std::ffi::CStr>,
    )
    .map_err(|error| format!("mount {device}: {error}"))?;
    say(&format!("mounted {device}"));
    Ok(())
}

/// Takes it away again: what was written is on the disk then.
pub(crate) fn unmount_disk() -> Result<(), String> {
    unmount(PLACE, UnmountFlags::empty()).map_err(|error| format!("unmount {PLACE}: {error}"))
}

/// Writes a file of so many MiB on the mounted disk, and waits until the disk has it.
pub(crate) fn write(mib: u64) -> Result<(), String> {
    let failed = |error: io::Error| format!("write {FILE}: {error}");
    let mut file = File::create(FILE).map_err(failed)?;
    for number in 0..mib {
        file.write_all(&block(number)).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    say(&format!("written={mib}"));
    Ok(())
}

/// Reads that file and holds each byte and each checksum against what was written.
pub(crate) fn verify(mib: u64) -> Result<(), String> {
    let failed = |error: io::Error| format!("read {FILE}: {error}");
    let mut file = File::open(FILE).map_err(failed)?;
    let mut found = vec![0; BLOCK];
    for number in 0..mib {
        file.read_exact(&mut found).map_err(failed)?;
        check(number, &found).map_err(|reason| format!("{FILE} {reason}"))?;
    }
    if file.read(&mut found).map_err(failed)? != 0 {
        return Err(format!("{FILE} is longer than {mib} MiB"));
    }
    say(&format!("verified={mib}"));
    Ok(())
}

/// A disk that is not to be written to: neither a file system nor a program can.
pub(crate) fn refuses_writes(device: &str) -> Result<(), String> {
    let write = |mut disk: File| disk.write_all(&[0xff; 512]).and_then(|()| disk.sync_all());
    let written = OpenOptions::new().write(true).open(device).and_then(write);
    let mounted = mount(
        device,
        PLACE,
        "ext4",
        MountFlags::empty(),
        None::<&std::ffi::CStr>,
    );
    if written.is_ok() || mounted.is_ok() {
        return Err(format!(
            "{device} can be written to: {written:?}, {mounted:?}"
        ));
    }
    let mut bytes = [0; 512];
    let read = File::open(device).and_then(|mut disk| disk.read_exact(&mut bytes));
    read.map_err(|error| format!("read {device}: {error}"))?;
    say(&format!("{device} is read-only"));
    Ok(())
}

/// Writes so many MiB to a disk itself, from its first byte on, until the disk has them.
pub(crate) fn store(words: &str) -> Result<(), String> {
    let (device, mib) = device_and_number(words)?;
    store_all(device, mib).map_err(|error| format!("write {device}: {error}"))?;
    say(&format!("stored={mib} {device}"));
    Ok(())
}

/// Counts what a KiB costs there.
pub(crate) fn rate(words: &str) -> Result<(), String> {
    let (device, mib) = device_and_number(words)?;
    rates::disk(Side::Guest, device, mib)
}

/// The same where the disk cannot: the guest is told so, and goes on.
pub(crate) fn cannot_store(words: &str) -> Result<(), String> {
    let (device, mib) = device_and_number(words)?;
    match store_all(device, mib) {
        Ok(()) => Err(format!("{device} has taken {mib} MiB")),
        Err(error) => {
            say(&format!("cannot store {mib} on {device}: {error}"));
            Ok(())
        }
    }
}

fn store_all(device: &str, mib: u64) -> io::Result<()> {
    let mut disk = OpenOptions::new().write(true).open(device)?;
    (0..mib).try_for_each(|number| disk.write_all(&block(number)))?;
    disk.sync_all()
}

/// Reads the MiB with this number from a disk itself, which is as it was stored.
pub(crate) fn load_back(words: &str) -> Result<(), String> {
    let (device, number) = device_and_number(words)?;
    let found = load_one(device, number).map_err(|error| format!("read {device}: {error}"))?;
    check(number, &found).map_err(|reason| format!("{device} {reason}"))?;
    say(&format!("loaded={number} {device}"));
    Ok(())
}

/// The same where the disk cannot.
pub(crate) fn cannot_load(words: &str) -> Result<(), String> {
    let (device, number) = device_and_number(words)?;
    match load_one(device, number) {
        Ok(_) => Err(format!("MiB {number} of {device} can be read")),
        Err(error) => {
            say(&format!("cannot load {number} of {device}: {error}"));
            Ok(())
        }
    }
}

/// Asks the disk, whatever Linux remembers of it.
fn load_one(device: &str, number: u64) -> io::Result<Vec<u8>> {
    fs::write("/proc/sys/vm/drop_caches", "1")?;
    let mut disk = File::open(device)?;
    disk.seek(SeekFrom::Start(number * BLOCK as u64))?;
    let mut bytes = vec![0; BLOCK];
    disk.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn device_and_number(words: &str) -> Result<(&str, u64), String> {
    let (device, count) = pair(words)?;
    Ok((device, number(words, count)?))
}

const MODULES: &str = "/modules";
const PLACE: &str = "/mnt";
const FILE: &str = "/mnt/file";
/// `MODULE_INIT_COMPRESSED_FILE` (Linux, include/uapi/linux/module.h).
const COMPRESSED: i32 = 4;
