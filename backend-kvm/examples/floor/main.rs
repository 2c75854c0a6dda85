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
//! A floor is a line in the form of the benching guests' own: `bench: KIND ROUNDS TICKS`. Words before a
//! command's name ask about the whole of it ([`whole`]); `--powers-off` makes this program itself a monitor
//! that starts a machine and ends with it, and `--filtered COMMAND` runs one below filters of system calls that
//! ask nothing: the floors of those questions.

// KVM's registers are asked for by ioctls that exist on arm64 alone.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod bare;
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
mod whole;

use std::process::ExitCode;

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first() {
        Some((word, [])) if word == bare::POWERS_OFF => return ended(bare::power_off()),
        Some((word, command)) if word == FILTERED => return ended(filtered(command)),
        _ => {}
    }
    let commands = words.split(|word| word == "--");
    ended(bare::measure_around(
        commands.filter(|words| !words.is_empty()),
    ))
}

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
fn ended(outcome: Result<(), bare::Error>) -> ExitCode {
    match outcome {
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

/// Becomes the command, below two filters of system calls that ask nothing and let everything pass: what
/// the kernel itself takes for being asked.
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
fn filtered(command: &[String]) -> Result<(), bare::Error> {
    use std::os::unix::process::CommandExt as _;

    let allow = seccompiler::sock_filter {
        code: 0x06, // BPF_RET | BPF_K
        jt: 0,
        jf: 0,
        k: 0x7fff_0000, // SECCOMP_RET_ALLOW
    };
    for _ in 0..2 {
        seccompiler::apply_filter(std::slice::from_ref(&allow))?;
    }
    let (program, arguments) = command.split_first().ok_or("no command to filter")?;
    Err(std::process::Command::new(program)
        .args(arguments)
        .exec()
        .into())
}

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
const FILTERED: &str = "--filtered";
