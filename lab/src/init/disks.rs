//! The host's disks: block devices, found by their serial numbers.
//!
//! The kernel names them in the order in which it happens to find them; a link where the command
//! expects its disk leads to the right one.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::qemu::DISK_SERIAL;

/// Puts a link to disk N at the path N of `places`, and opens each disk: what the command leaves
/// unwritten is written through these before the host ends.
pub(super) fn connect(places: &[Vec<u8>]) -> Result<Vec<File>, String> {
    let deadline = Instant::now() + PATIENCE;
    let connect_one = |(number, place): (usize, &Vec<u8>)| {
        let device = wait_for(number, deadline)?;
        let failed = |error| format!("cannot use the disk {}: {error}", device.display());
        let place = Path::new(OsStr::from_bytes(place));
        if let Some(directory) = place.parent() {
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        symlink(&device, place).map_err(failed)?;
        File::open(&device).map_err(failed)
    };
    places.iter().enumerate().map(connect_one).collect()
}

fn wait_for(number: usize, deadline: Instant) -> Result<PathBuf, String> {
    loop {
        if let Some(device) = find(Path::new(BLOCK_DEVICES), number) {
            return Ok(device);
        }
        if Instant::now() > deadline {
            return Err(format!(
                "this kernel finds no disk {DISK_SERIAL}{number}: it needs NVMe built in \
                 (CONFIG_BLK_DEV_NVME=y)"
            ));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The device node of the disk with this number, once it is there. A disk is listed once more for each
/// path that leads to it, and those have no node.
fn find(devices: &Path, number: usize) -> Option<PathBuf> {
    let wanted = format!("{DISK_SERIAL}{number}");
    let entries = std::fs::read_dir(devices).ok()?;
    let ours = entries.flatten().filter(|entry| {
        std::fs::read_to_string(entry.path().join("device/serial"))
            .is_ok_and(|serial| serial.trim() == wanted)
    });
    ours.map(|entry| Path::new("/dev").join(entry.file_name()))
        .find(|node| node.exists())
}

const BLOCK_DEVICES: &str = "/sys/block";
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_found_by_its_serial_number_and_not_by_its_name() {
        let devices = tempfile::tempdir().unwrap();
        // The node has to be there too: these are of every machine.
        for (device, serial) in [
            ("null", "vambrace-10  \n"),
            ("nvme1c1n1", "vambrace-1\n"),
            ("zero", "vambrace-1\n"),
        ] {
            let place = devices.path().join(device).join("device");
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("serial"), serial).unwrap();
        }
        assert_eq!(find(devices.path(), 1), Some(PathBuf::from("/dev/zero")));
        assert_eq!(find(devices.path(), 10), Some(PathBuf::from("/dev/null")));
        assert_eq!(find(devices.path(), 0), None);
    }
}
