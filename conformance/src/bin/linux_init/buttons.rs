//! The power button, as Linux's driver for buttons at GPIO pins (gpio-keys) tells of it.

use std::fs::File;
use std::io::Read as _;

use crate::{read, say};

/// Waits until the power button is pressed, and says its key's number.
pub(crate) fn pressed() -> Result<(), String> {
    let name = read("/sys/class/input/event0/device/name")?;
    if name.trim() != "gpio-keys" {
        return Err(format!(
            "{DEVICE} is `{}`, not the power button",
            name.trim()
        ));
    }
    let mut device = File::open(DEVICE).map_err(|error| format!("open {DEVICE}: {error}"))?;
    say("waiting for a key");
    loop {
        let mut event = [0; EVENT];
        let read = device.read_exact(&mut event);
        read.map_err(|error| format!("read {DEVICE}: {error}"))?;
        let [.., t0, t1, c0, c1, v0, v1, v2, v3] = event;
        let (kind, key) = (u16::from_le_bytes([t0, t1]), u16::from_le_bytes([c0, c1]));
        if (kind, u32::from_le_bytes([v0, v1, v2, v3])) == (KEY, DOWN) {
            say(&format!("key={key}"));
            return Ok(());
        }
    }
}

const DEVICE: &str = "/dev/input/event0";
/// The size of `struct input_event`, whose time comes first (Linux, include/uapi/linux/input.h).
const EVENT: usize = 24;
/// `EV_KEY`.
const KEY: u16 = 1;
const DOWN: u32 = 1;
