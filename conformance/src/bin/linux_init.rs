//! The first process of a Linux guest: does what words on the kernel's command line tell it.
//!
//! Words behind a lone `--` on the kernel's command line are its arguments, done in order; with
//! `ask` come more, a line at a time, from the console. When there are none left it powers off.
//! What it says begins with `init: `, so that a test finds it among what the kernel says.
//!
//! | word | does |
//! |---|---|
//! | `report` | says the kernel's release, the CPUs that are online, and the memory in KiB |
//! | `dmesg` | writes out all that the kernel has said |
//! | `show:PATH` | writes out a file |
//! | `hotplug:N` | takes each CPU but the first off and on again, N times |
//! | `sleep:N` | waits N seconds |
//! | `ask` | says `init: ready` and does what a line from the console says |
//! | `reboot`, `poweroff` | ends the machine |

use std::fs;
use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, reboot};

/// A process 1 that ends makes the kernel panic, which the test sees.
fn main() -> ExitCode {
    if !rustix::process::getpid().is_init() {
        eprintln!("linux_init: this is the first process of a guest, and nothing else");
        return ExitCode::FAILURE;
    }
    let words = std::env::args().skip(1);
    match mount_all().and_then(|()| words.into_iter().try_for_each(|word| perform(&word))) {
        Ok(()) => {}
        Err(reason) => println!("init: FAILED {reason}"),
    }
    match end(RebootCommand::PowerOff) {
        Ok(()) => unreachable!("the machine is off"),
        Err(reason) => println!("init: FAILED {reason}"),
    }
    ExitCode::FAILURE
}

fn mount_all() -> Result<(), String> {
    for (kind, place) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")] {
        fs::create_dir_all(place).map_err(|error| format!("mkdir {place}: {error}"))?;
        mount(kind, place, kind, MountFlags::empty(), None)
            .map_err(|error| format!("mount {kind}: {error}"))?;
    }
    Ok(())
}

fn perform(word: &str) -> Result<(), String> {
    let (name, argument) = word.split_once(':').unwrap_or((word, ""));
    match name {
        "report" => report(),
        "dmesg" => dmesg(),
        "show" => show(argument),
        "hotplug" => hotplug(number(word, argument)?),
        "sleep" => {
            thread::sleep(Duration::from_secs(number(word, argument)?));
            Ok(())
        }
        "ask" => ask(),
        "reboot" => end(RebootCommand::Restart),
        "poweroff" => end(RebootCommand::PowerOff),
        _ => Err(format!("`{word}` is no word of mine")),
    }
}

fn number(word: &str, argument: &str) -> Result<u64, String> {
    argument
        .parse()
        .map_err(|_| format!("`{word}` needs a number"))
}

fn report() -> Result<(), String> {
    let release = read("/proc/sys/kernel/osrelease")?;
    let online = read(ONLINE)?;
    let memory = read("/proc/meminfo")?;
    let memory = memory.split_whitespace().nth(1).unwrap_or_default();
    say(&format!(
        "release={} online={} memory={memory}",
        release.trim(),
        online.trim()
    ));
    Ok(())
}

/// A read of `/dev/kmsg` is one record, `priority,number,time,flags;message`, until there is none.
fn dmesg() -> Result<(), String> {
    let failed = |error: io::Error| format!("read /dev/kmsg: {error}");
    let options = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let log = open("/dev/kmsg", options, Mode::empty()).map_err(|error| failed(error.into()))?;
    let mut record = [0; 8192];
    let mut text = String::new();
    while let Ok(count @ 1..) = rustix::io::read(&log, &mut record[..]) {
        let record = String::from_utf8_lossy(&record[..count]);
        if let Some((_, message)) = record.split_once(';') {
            // Lines of a record that begin with a space are about its device.
            text.push_str(message.lines().next().unwrap_or_default());
            text.push('\n');
        }
    }
    print!("{text}");
    say("end of dmesg");
    Ok(())
}

fn show(path: &str) -> Result<(), String> {
    print!("{}", read(path)?);
    say(&format!("end of {path}"));
    Ok(())
}

fn hotplug(rounds: u64) -> Result<(), String> {
    let cpus: usize = read("/proc/stat")?
        .lines()
        .filter(|line| line.starts_with("cpu"))
        .count()
        .saturating_sub(1);
    for _ in 0..rounds {
        for cpu in 1..cpus {
            for state in ["0", "1"] {
                let path = format!("/sys/devices/system/cpu/cpu{cpu}/online");
                fs::write(&path, state).map_err(|error| format!("{state} to {path}: {error}"))?;
            }
        }
    }
    say(&format!(
        "hotplug={rounds} cpus={cpus} online={}",
        read(ONLINE)?.trim()
    ));
    Ok(())
}

fn ask() -> Result<(), String> {
    loop {
        say("ready");
        let mut line = String::new();
        match io::stdin().lock().read_line(&mut line) {
            Ok(0) => return Ok(()),
            Ok(_) => line.split_whitespace().try_for_each(perform)?,
            Err(error) => return Err(format!("read the console: {error}")),
        }
    }
}

/// Does not return where the machine ends.
fn end(how: RebootCommand) -> Result<(), String> {
    say(&format!("{how:?}"));
    rustix::fs::sync();
    reboot(how).map_err(|error| format!("{how:?}: {error}"))?;
    loop {
        thread::park();
    }
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("read {path}: {error}"))
}

fn say(line: &str) {
    println!("init: {line}");
    // A console that takes nothing cannot be told so.
    let _ = io::stdout().flush();
}

const ONLINE: &str = "/sys/devices/system/cpu/online";
