//! Modules, programs and disks: what a file system keeps over a reboot.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::system::finit_module;

use crate::say;

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
        let expected = block(number);
        if found == expected {
            continue;
        }
        let at = found.iter().zip(&expected).position(|(a, b)| a != b);
        return Err(format!("{FILE} differs in MiB {number} at byte {at:?}"));
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

/// One MiB that no other equals: a sequence begun by its number, and behind it the sum of all of
/// it.
fn block(number: u64) -> Vec<u8> {
    let mut state = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut sum = 0_u64;
    let mut bytes = Vec::with_capacity(BLOCK);
    while bytes.len() < BLOCK - 8 {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        sum = sum.wrapping_add(state);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

const MODULES: &str = "/modules";
const PLACE: &str = "/mnt";
const FILE: &str = "/mnt/file";
const BLOCK: usize = 1 << 20;
/// `MODULE_INIT_COMPRESSED_FILE` (Linux, include/uapi/linux/module.h).
const COMPRESSED: i32 = 4;
