//! `whole`: what whole machines cost their host, beside QEMU's: `bench: KIND 1 COUNT`.
//!
//! A lab host whose clock counts instructions runs the same work in machines of ours and in QEMU's package of
//! Debian, one after the other: the program of `backend-kvm/examples/floor` starts each, reads the clock, and
//! looks at what is in memory. `cargo xtask bench` makes a table of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use vambrace_conformance::linux::{Kernel, Materials, Peer};

/// Counts what whole machines cost their host
#[derive(Debug, Parser)]
#[command(name = "whole")]
struct Arguments {
    /// The program that starts them
    #[arg(long, value_name = "FILE")]
    floor: PathBuf,
    /// The built `vambrace` of this machine
    #[arg(long, value_name = "FILE")]
    vambrace: PathBuf,
    /// A guest that counts the exits of its accesses and calls
    #[arg(long, value_name = "FILE")]
    calls: PathBuf,
    /// The host
    #[arg(long, value_name = "HOST")]
    host: String,
    /// How long all of it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout: u32,
}

fn main() -> ExitCode {
    match count(&Arguments::parse()) {
        Ok(code) => code,
        Err(reason) => {
            eprintln!("whole: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn count(arguments: &Arguments) -> Result<ExitCode, String> {
    let materials = Materials::new()?;
    let kernel = Kernel::of("6.12")?;
    let peer = Peer::fetched()?;
    let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
    let [off, load, disk] = [OFF, LOAD, DISK].map(|name| folder.path().join(name));
    fs::write(&disk, [0; 1 << 20]).map_err(of_file(&disk))?;
    fs::write(&off, powers_off()).map_err(of_file(&off))?;
    let mut image = fs::read(&kernel.path).map_err(of_file(&kernel.path))?;
    start_with_power_off(&mut image)?;
    fs::write(&load, image).map_err(of_file(&load))?;
    let mut lab = Command::new(&arguments.vambrace);
    lab.args(["lab", "run", "--no-input", "--cpus", "1", "--host"]);
    lab.args([&arguments.host, "--timeout"]);
    lab.arg(arguments.timeout.to_string());
    let mut file = |path: &Path, place: &str| {
        lab.arg("--file").arg(format!("{}:{place}", path.display()));
    };
    file(&off, OFF);
    file(&load, LOAD);
    file(&kernel.path, KERNEL);
    file(materials.plain_initramfs()?, INITRAMFS);
    file(&arguments.calls, CALLS);
    file(materials.wires_initramfs()?, "initramfs-for-wires");
    file(&Materials::tun()?, "tun.ko.xz");
    file(&Materials::other_end()?, "linux_other_end");
    file(&disk, DISK);
    for (path, place) in peer.files() {
        file(path, place);
    }
    lab.arg("--").arg(&arguments.floor);
    for words in jobs() {
        lab.arg("--").args(words);
    }
    let program = format!("{:?}", lab.get_program());
    let status = lab.status();
    let status = status.map_err(|error| format!("cannot run {program}: {error}"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// What is run, in this order. Of two counts of a kind the second holds: the first of its program pays
/// for what the host finds done afterwards.
fn jobs() -> Vec<Vec<String>> {
    let twice = [
        format!("exit power-off:bare ./floor {POWERS_OFF}"),
        format!("exit power-off:run vambrace run --host local {OFF}"),
        format!("exit power-off:boot {BOOT} --kernel {OFF}"),
        format!("exit power-off:qemu {QEMU} -kernel {OFF}"),
        format!("exit load:boot {BOOT} --kernel {LOAD}"),
        format!("exit load:qemu {QEMU} -kernel {LOAD}"),
    ];
    let mut jobs: Vec<_> = twice
        .iter()
        .flat_map(|line| [words(line), words(line)])
        .collect();
    let ours = format!("{BOOT} --kernel {KERNEL} --initrd {INITRAMFS}");
    let theirs = format!("{QEMU} -kernel {KERNEL} -initrd {INITRAMFS} -append");
    let (plain, everything) = (
        format!("{ours} --append"),
        format!("{ours} {DEVICES} --append"),
    );
    let linux = |question: &str, command: &str, then: &str| {
        let mut words = words(&format!("{question} {command}"));
        words.push(format!("console=ttyAMA0 quiet loglevel=3 -- {then}"));
        words
    };
    for (name, command) in [("boot", &plain), ("qemu", &theirs)] {
        jobs.push(linux(
            &format!("line linux:{name} init:"),
            command,
            "report",
        ));
    }
    for (name, command) in [
        ("boot", &plain),
        ("devices", &everything),
        ("qemu", &theirs),
    ] {
        let question = format!("resident resident:{name} init: poweroff");
        jobs.push(linux(&question, command, "report ask"));
    }
    let calls =
        format!("vambrace boot --host local --cpus 2 --with trng --no-reboot --kernel {CALLS}");
    jobs.extend([
        words(&format!("counts sandbox-off: {calls} --sandbox=off")),
        words(&format!("counts sandbox-on: {calls} --sandbox=on")),
        words(&format!(
            "counts filters-allow: ./floor {FILTERED} {calls} --sandbox=off"
        )),
        words("counts rates: ./linux_other_end --firmware kernel --mib 8 --rates"),
    ]);
    jobs
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// A flat binary whose first call is SYSTEM_OFF.
fn powers_off() -> Vec<u8> {
    SYSTEM_OFF
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect()
}

/// Has an Image begin with SYSTEM_OFF, behind its headers.
fn start_with_power_off(image: &mut [u8]) -> Result<(), String> {
    const BRANCH: u32 = 0x1400_0400; // b 0x1000
    let code = powers_off();
    let place = image.get_mut(0x1000..0x1000 + code.len());
    place
        .ok_or("the kernel has no code")?
        .copy_from_slice(&code);
    image[..4].copy_from_slice(&BRANCH.to_le_bytes());
    Ok(())
}

fn of_file(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

// Their names in the host.
const OFF: &str = "off.bin";
const LOAD: &str = "load";
const KERNEL: &str = "vmlinuz";
const INITRAMFS: &str = "initramfs";
const CALLS: &str = "bench_calls";
const DISK: &str = "disk.raw";

/// The machine of the table: one vCPU, 512 MiB, confined.
const BOOT: &str = "vambrace boot --host local --memory 512M --sandbox=on";
/// All that a machine of ours can have without a network of the host's.
const DEVICES: &str = "--disk disk.raw --rng --balloon --vsock 3=vsock --virtio-console console";
const QEMU: &str = "/bin/qemu-system-aarch64 -M virt,gic-version=3 -cpu host -accel kvm -smp 1 -m 512 \
    -nodefaults -no-user-config -display none -nic none -monitor none -serial stdio -no-reboot";

/// Words by which the floor's program is something else.
const POWERS_OFF: &str = "--powers-off";
const FILTERED: &str = "--filtered";

/// mov w0, #0x84000000; add w0, w0, #8; hvc #0 (DEN0022 §5.1.9)
const SYSTEM_OFF: [u32; 3] = [0x52b0_8000, 0x1100_2000, 0xd400_0002];
