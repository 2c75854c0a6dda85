//! A run of the guest that makes the calls: `vambrace run` in a lab host.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use elf::ElfBytes;
use elf::endian::LittleEndian;

use super::call::{self, LIST, LOG, Record};
use super::log::{self, Entry};
use super::machine::Machine;
use crate::built;
use crate::within::{output_within, told_by};

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

fn judge(output: &Output) -> Result<(), String> {
    let console = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && console.lines().any(|line| line == "verdict: pass") {
        return Ok(());
    }
    Err(told_by(output))
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
