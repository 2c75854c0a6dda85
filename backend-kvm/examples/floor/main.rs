//! The least that an exit to user space costs, counted by the guest itself.
//!
//! A bare loop around KVM_RUN serves a guest of a dozen instructions: no firmware, no device, no
//! lock, none of this crate's code. Whoever answers a call or an access in user space pays this
//! much before anything of its own. In a lab host whose clock counts instructions
//! (`lab:6.12:max:icount`) the numbers are the same on any machine, so they also tell whether what
//! was counted beside them can be believed: the floors are taken, then each command given after a
//! `--` is run, then the floors are taken again.
//!
//! ```text
//! floor -- vambrace run --firmware core guest -- vambrace run --firmware kernel guest
//! ```
//!
//! A floor is a line in the form of the benching guests' own: `bench: KIND ROUNDS TICKS`.

// KVM's registers are asked for by ioctls that exist on arm64 alone.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod bare;

use std::process::ExitCode;

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let commands = words.split(|word| word == "--");
    match bare::measure_around(commands.filter(|words| !words.is_empty())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "aarch64")))]
fn main() -> ExitCode {
    eprintln!(
        "floor: this machine has no arm64 KVM; build it for aarch64-unknown-linux-musl and run it \
         in a lab host: vambrace lab run --host lab:6.12:max:icount -- ./floor"
    );
    ExitCode::FAILURE
}
