//! Linux as a guest: Debian's own kernels, with a first process that does what it is told.
//!
//! A trial is one `vambrace boot` of a kernel that the lab has fetched for its hosts, on a lab host,
//! with `linux_init` as its initramfs. What happened is judged by what the guest printed and by how
//! the machine says it ended. `linux` (in `src/bin`) makes all trials; `cargo xtask linux` runs it.

mod plan;
mod talk;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use vambrace_lab::cpio::Archive;
use vambrace_lab::kernels::Series;
use vambrace_lab::{Cache, Record};

pub use plan::{Firmware, Size, Trial, every_day, everything};

use crate::built;

/// A kernel that the lab has fetched.
#[derive(Debug)]
pub struct Kernel {
    /// Its file.
    pub path: PathBuf,
    /// What it says it is.
    pub release: String,
}

impl Kernel {
    /// The one of this series.
    ///
    /// # Errors
    /// In words, why it is not there.
    pub fn of(series: &str) -> Result<Self, String> {
        let of_lab = |error: vambrace_lab::Error| error.to_string();
        let missing = || format!("the kernel {series} is not here: vambrace lab fetch {series}");
        let cache = Cache::of_user().map_err(of_lab)?;
        let series = Series::named(series).ok_or_else(missing)?;
        let record: Record = cache.record(series).map_err(of_lab)?.ok_or_else(missing)?;
        Ok(Self {
            path: cache
                .kernels()
                .join(record.directory)
                .join(record.kernel.name),
            release: record.release,
        })
    }
}

/// Writes the initramfs that has `linux_init` as its `/init`.
///
/// # Errors
/// In words, why it cannot be made.
pub fn write_initramfs(path: &Path) -> Result<(), String> {
    let init = built::find_arm64("linux_init")?;
    let program = fs::read(&init).map_err(|error| format!("{}: {error}", init.display()))?;
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut archive = Archive::new(fs::File::create(path).map_err(failed)?);
    archive
        .file("init", 0o755, program.len() as u64, &mut &program[..])
        .map_err(failed)?;
    archive.finish().map(drop).map_err(failed)
}

/// `vambrace boot` of this kernel with that initramfs, where the lab's default host runs it.
///
/// # Errors
/// In words, why there is no such program.
pub fn boot(kernel: &Kernel, initramfs: &Path) -> Result<Command, String> {
    let mut command = built::find_vambrace()?;
    command.arg("boot").arg("--kernel").arg(&kernel.path);
    command.arg("--initrd").arg(initramfs);
    Ok(command)
}
