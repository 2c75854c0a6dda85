//! Guests of others: Debian's kernels, its installer, and U-Boot.
//!
//! A trial is one `vambrace boot` on a lab host: what is booted, what is typed when the console has
//! said what it is to say, and how the machine is to end. Linux has `linux_init` as its first
//! process, which does what it is told. Where its devices lead somewhere, `linux_other_end` boots it
//! inside the host and is the other end. What is booted comes from Debian's packages, fetched as the
//! lab's kernels are. `linux` (in `src/bin`) makes the trials; `cargo xtask linux` runs it.

mod guests;
pub mod interface;
mod materials;
mod plan;
pub mod rates;
mod stream;
mod talk;
mod trial;

use std::path::Path;
use std::process::Command;

pub use materials::{Kernel, Materials, Peer};
pub use plan::{every_day, everything};
pub use stream::{BLOCK, Side, block, check, exchange};
pub use trial::{Firmware, Trial};

use crate::built;

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
