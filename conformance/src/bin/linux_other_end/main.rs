//! `linux_other_end`: a machine inside a lab host, and whoever is at the other ends of its devices.
//!
//! A lab host has no interface and no socket of the machine that started it. So this runs in there:
//! it boots Debian's kernel with a network card, a socket, a balloon, a console and disks, tells our
//! first process in it what to do, and does the other half itself. What it says of its own begins
//! with `other end: `; the guest's console is passed on. The exit code is 0 if all of it went as it
//! should.

mod guest;
mod losses;
mod memory;
mod rates;
mod streams;

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use clap::Parser;
use rustix::fs::Mode;
use rustix::mount::{MountFlags, mount};
use rustix::system::finit_module;

use guest::Guest;

/// Boots a machine and is at the other ends of its devices
#[derive(Debug, Parser)]
#[command(name = "linux_other_end")]
struct Arguments {
    /// Who answers firmware calls
    #[arg(long)]
    firmware: String,
    /// How many MiB go each way through each stream
    #[arg(long)]
    mib: u64,
    /// Count what they cost, and what they cost the host alone, instead of trying everything
    #[arg(long)]
    rates: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("linux_other_end: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    load_driver()?;
    losses::prepare()?;
    if arguments.rates {
        // The counting host has one CPU.
        let mut guest = Guest::boot(&arguments.firmware, 1)?;
        rates::count(&mut guest, arguments.mib)?;
        return guest.power_off();
    }
    let mut guest = Guest::boot(&arguments.firmware, 2)?;
    memory::comes_and_goes(&mut guest)?;
    streams::carry(&mut guest, arguments.mib)?;
    losses::are_survived(&mut guest)?;
    guest.power_off()?;
    hostile_guest(&arguments.firmware)
}

/// Another machine, whose guest knows no driver and does what it likes to a network card too.
fn hostile_guest(firmware: &str) -> Result<(), String> {
    let mut command = Command::new("vambrace");
    command.args(["boot", "--host=local", "--kernel=hostile_devices"]);
    command.args(["--append=seed=4", "--net=tap1", "--balloon", "--rng"]);
    command.arg(format!("--firmware={firmware}"));
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("start vambrace: {error}"))?;
    let console = String::from_utf8_lossy(&output.stdout);
    match output.status.success() && console.contains(ALIVE) {
        true => say("whatever a guest does to a network card, its machine goes on"),
        false => {
            let messages = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "a hostile guest ended with {}: {messages}",
                output.status
            ));
        }
    }
    Ok(())
}

/// Tap interfaces are a module of Debian's kernel.
fn load_driver() -> Result<(), String> {
    let module = fs::File::open(TUN).map_err(|error| format!("open {TUN}: {error}"))?;
    finit_module(module, c"", COMPRESSED).map_err(|error| format!("load {TUN}: {error}"))
}

/// A file system with room for so many bytes.
fn small_file_system(place: &str, bytes: u64) -> Result<(), String> {
    rustix::fs::mkdir(place, Mode::RWXU).map_err(|error| format!("mkdir {place}: {error}"))?;
    let size = std::ffi::CString::new(format!("size={bytes}"));
    let size = size.map_err(|error| format!("size of {place}: {error}"))?;
    let mounted = mount(
        "tmpfs",
        place,
        "tmpfs",
        MountFlags::empty(),
        size.as_c_str(),
    );
    mounted.map_err(|error| format!("mount {place}: {error}"))
}

fn say(line: &str) {
    println!("other end: {line}");
}

const ALIVE: &str = "3 virtio devices, and the console is alive";
const TUN: &str = "tun.ko.xz";
/// `MODULE_INIT_COMPRESSED_FILE` (Linux, include/uapi/linux/module.h).
const COMPRESSED: i32 = 4;
