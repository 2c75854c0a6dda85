//! The inside end of the channel: a virtio-serial port, found by its name.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::frame::{Report, write_message};
use crate::qemu::{PORT, SIGNALS_PORT};

/// The channel's port. Several threads report over it.
#[derive(Debug)]
pub(super) struct Port(Mutex<File>);

impl Port {
    /// The way on which signals for the command come, if the host has one. The kernel has learnt
    /// of it before the channel.
    pub(super) fn signals() -> io::Result<Option<File>> {
        find_device(Path::new(PORTS), SIGNALS_PORT)
            .map(File::open)
            .transpose()
    }

    /// Opens the port, waiting for the kernel to find it.
    pub(super) fn open() -> Result<Self, String> {
        let device = wait_for_device()?;
        File::options()
            .read(true)
            .write(true)
            .open(&device)
            .map(|file| Self(Mutex::new(file)))
            .map_err(|error| format!("cannot open {}: {error}", device.display()))
    }

    /// Sends one report.
    pub(super) fn send(&self, report: &Report) -> io::Result<()> {
        write_message(
            &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner),
            report,
        )
    }

    /// The other direction. (The kernel lets a port be opened once, but its descriptor be copied.)
    pub(super) fn orders(&self) -> io::Result<File> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .try_clone()
    }
}

/// The kernel learns the ports' names from QEMU a moment after it has found the device.
fn wait_for_device() -> Result<PathBuf, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(device) = find_device(Path::new(PORTS), PORT) {
            return Ok(device);
        }
        if Instant::now() > deadline {
            return Err(format!(
                "this kernel finds no virtio-serial port {PORT}: it needs virtio-pci and \
                 virtio-console built in"
            ));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn find_device(ports: &Path, wanted: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(ports).ok()?;
    let ours = entries.flatten().find(|entry| {
        std::fs::read_to_string(entry.path().join("name")).is_ok_and(|name| name.trim() == wanted)
    })?;
    Some(Path::new("/dev").join(ours.file_name()))
}

const PORTS: &str = "/sys/class/virtio-ports";
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_found_by_its_name() {
        let ports = tempfile::tempdir().unwrap();
        for (device, name) in [("vport0p1", "other\n"), ("vport1p2", "org.vambrace.lab\n")] {
            std::fs::create_dir(ports.path().join(device)).unwrap();
            std::fs::write(ports.path().join(device).join("name"), name).unwrap();
        }
        assert_eq!(
            find_device(ports.path(), PORT),
            Some(PathBuf::from("/dev/vport1p2"))
        );
    }

    #[test]
    fn no_port_is_found_where_there_is_none() {
        assert_eq!(find_device(Path::new("/nowhere/at/all"), PORT), None);
    }
}
