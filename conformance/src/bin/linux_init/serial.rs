//! A second console, and whoever listens to it.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::{number, pair, say};

/// Says a line, waits for one, and repeats it.
pub(crate) fn line(device: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{device}: {error}");
    let mut console = open(device)?;
    console.write_all(b"this is the guest\n").map_err(failed)?;
    say("said a line");
    let mut heard = String::new();
    let mut reader = BufReader::new(console.try_clone().map_err(failed)?);
    reader.read_line(&mut heard).map_err(failed)?;
    write!(console, "the guest heard {heard}").map_err(failed)?;
    say(&format!("heard={}", heard.trim()));
    Ok(())
}

/// Says more than anybody keeps, and does not wait for a listener.
pub(crate) fn shout(argument: &str) -> Result<(), String> {
    let (device, kib) = pair(argument)?;
    let mut console = open(device)?;
    for _ in 0..number::<usize>(argument, kib)? {
        let said = console.write_all(&[b'x'; 1024]);
        said.map_err(|error| format!("{device}: {error}"))?;
    }
    say(&format!("shouted={kib}"));
    Ok(())
}

/// A terminal that changes nothing that passes.
fn open(device: &str) -> Result<File, String> {
    let failed = |error: std::io::Error| format!("open {device}: {error}");
    let console = OpenOptions::new().read(true).write(true).open(device);
    let console = console.map_err(failed)?;
    let mut settings = tcgetattr(&console).map_err(|error| failed(error.into()))?;
    settings.make_raw();
    let set = tcsetattr(&console, OptionalActions::Now, &settings);
    set.map_err(|error| failed(error.into()))?;
    Ok(console)
}
