//! A run of the guest that makes the calls: `vambrace run` in a lab host.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use elf::ElfBytes;
use elf::endian::LittleEndian;

use super::call::{self, LIST, LOG, Record};
use super::log::{self, Entry};
use super::machine::Machine;
use crate::built;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// KVM's own code.
    Kernel,
    /// Core, under the same KVM.
    Core,
}

/// What a run has left.
#[derive(Debug)]
pub struct Run {
    /// One entry for each record.
    pub log: Vec<Entry>,
    /// Whether all went as the list expects; if not, why.
    pub end: Result<(), String>,
}

impl Firmware {
    /// As `vambrace run --firmware` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Core => "core",
        }
    }
}

impl Run {
    /// Makes the calls on `machine`.
    ///
    /// # Errors
    ///
    /// In words, why there is no log at all.
    pub fn of(machine: &Machine, firmware: Firmware, records: &[Record]) -> Result<Self, String> {
        let folder =
            tempfile::tempdir().map_err(|error| format!("no folder for a run: {error}"))?;
        let (calls, left) = (folder.path().join("calls"), folder.path().join("log"));
        fs::write(&calls, call::to_bytes(records))
            .map_err(|error| format!("cannot write {}: {error}", calls.display()))?;
        let mut command = command(machine, firmware)?;
        let size = records.len() * log::ENTRY_BYTES;
        command.arg(format!("--load={LIST:#x}={}", calls.display()));
        command.arg(format!("--save={LOG:#x},{size}={}", left.display()));
        command.arg(built::find_example("differential")?);
        let output = output_within(command, folder.path(), LIMIT)?;
        let bytes = fs::read(&left)
            .map_err(|error| format!("there is no log ({error}): {}", told_by(&output)))?;
        Ok(Self {
            log: log::parse(&bytes, records.iter().map(|record| record.call.cpu))?,
            end: judge(&output),
        })
    }
}

fn command(machine: &Machine, firmware: Firmware) -> Result<Command, String> {
    let mut command = built::find_vambrace()?;
    command.arg("run");
    command.arg(format!("--host=lab:{}", machine.kernel.name));
    command.arg(format!("--firmware={}", firmware.name()));
    command.arg(format!("--psci={}", machine.psci));
    if !machine.features.is_empty() {
        command.arg(format!("--with={}", machine.features.join(",")));
    }
    command.arg(format!("--cpus={}", call::CPUS));
    command.args(["--max-resets=0", "--timeout", SECONDS]);
    Ok(command)
}

/// Runs a command to its end, its output kept in `folder` meanwhile. One that does not end within
/// `limit` is killed; the emulator that it has started is tied to it and ends with it.
fn output_within(mut command: Command, folder: &Path, limit: Duration) -> Result<Output, String> {
    let [stdout, stderr] = ["stdout", "stderr"].map(|name| folder.join(name));
    let failed = |error: io::Error| format!("cannot run {:?}: {error}", command.get_program());
    let create = |path| File::create(path).map_err(failed);
    let (to_stdout, to_stderr) = (create(&stdout)?, create(&stderr)?);
    let begun = command
        .stdin(Stdio::null())
        .stdout(to_stdout)
        .stderr(to_stderr)
        .spawn();
    let failed = |error| format!("cannot run {:?}: {error}", command.get_program());
    let mut child = begun.map_err(failed)?;
    let late = Instant::now() + limit;
    let ended = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break Some(status),
            None if Instant::now() > late => break None,
            None => thread::sleep(POLL),
        }
    };
    let status = match ended {
        Some(status) => status,
        None => child.kill().and_then(|()| child.wait()).map_err(failed)?,
    };
    let read = |path| fs::read(path).map_err(failed);
    let output = Output {
        status,
        stdout: read(&stdout)?,
        stderr: read(&stderr)?,
    };
    match ended {
        Some(_) => Ok(output),
        None => Err(format!(
            "killed: it had not finished after {} s; {}",
            limit.as_secs(),
            told_by(&output)
        )),
    }
}

fn judge(output: &Output) -> Result<(), String> {
    let console = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && console.lines().any(|line| line == "verdict: pass") {
        return Ok(());
    }
    Err(told_by(output))
}

fn told_by(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let (console, errors) = (text(&output.stdout), text(&output.stderr));
    format!("the run ended with {}\n{console}\n{errors}", output.status)
}

/// Where a CPU begins that the list starts: a symbol of the guest.
///
/// # Errors
///
/// In words, why it is not to be found.
pub fn entry_point() -> Result<u64, String> {
    let guest = built::find_example("differential")?;
    symbol(&guest).ok_or_else(|| format!("{} has no symbol {ENTRY}", guest.display()))
}

fn symbol(guest: &Path) -> Option<u64> {
    let bytes = fs::read(guest).ok()?;
    let elf = ElfBytes::<LittleEndian>::minimal_parse(&bytes).ok()?;
    let (symbols, names) = elf.symbol_table().ok()??;
    let named = |name: u32| names.get(usize::try_from(name).ok()?).ok();
    let mut found = symbols
        .iter()
        .filter(|symbol| named(symbol.st_name) == Some(ENTRY));
    found.next().map(|symbol| symbol.st_value)
}

const ENTRY: &str = "differential_secondary_entry";
/// Ten times what it takes.
const SECONDS: &str = "300";
/// That and what a lab host takes before and after, which vambrace limits, too: if this passes,
/// vambrace itself hangs.
const LIMIT: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<Output, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        output_within(command, folder.path(), limit)
    }

    #[test]
    fn what_a_run_writes_is_kept_with_its_status() {
        let output = shell("echo a; echo b >&2; exit 3", LIMIT).unwrap();
        assert_eq!(
            (&output.stdout[..], &output.stderr[..]),
            (&b"a\n"[..], &b"b\n"[..])
        );
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(told_by(&output), "the run ended with exit status: 3\na\nb");
    }

    #[test]
    fn a_run_that_hangs_is_killed_and_told_with_what_it_wrote() {
        let reason = shell("echo begun; exec sleep 600", Duration::from_secs(1)).unwrap_err();
        assert!(
            reason.starts_with("killed: it had not finished after 1 s; the run ended with signal"),
            "{reason}"
        );
        assert!(reason.contains("\nbegun\n"), "{reason}");
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let reason = output_within(Command::new("no-such-program"), folder.path(), LIMIT);
        assert!(
            reason
                .unwrap_err()
                .starts_with("cannot run \"no-such-program\": ")
        );
    }
}
