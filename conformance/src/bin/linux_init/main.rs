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
//! | `work` | keeps all CPUs busy from now on |
//! | `hotplug:N` | takes a CPU off and on again, N times in all, one CPU after the other |
//! | `count:FUNCTION`, `counted:FUNCTION` | counts how often Linux enters one of its functions |
//! | `stolen` | says whether others had time of these CPUs within three seconds |
//! | `suspend:N` | suspends to RAM until the real-time clock's alarm, N seconds later |
//! | `suspend-until-pressed` | the same until the power button is pressed |
//! | `pressed` | waits until the power button is pressed |
//! | `clock:N` | holds the host's clock, by PTP, against its own for N seconds |
//! | `random:N` | reads N bytes of `/dev/hwrng`, twice |
//! | `modules` | loads what lies in `/modules` |
//! | `run:PROGRAM,ARGUMENT,…` | runs a program, which has to succeed |
//! | `mount:DEVICE`, `unmount` | mounts a disk's ext4 |
//! | `write:N`, `verify:N` | writes a file of N MiB on it, and holds it against that |
//! | `readonly:DEVICE` | sees that a disk cannot be written to |
//! | `store:DEVICE,N`, `load:DEVICE,N` | writes N MiB to a disk itself; reads the one with this number |
//! | `cannot-store:DEVICE,N`, `cannot-load:DEVICE,N` | the same, and sees that the disk cannot |
//! | `rate-disk:DEVICE,N`, `rate-call:A.B.C.D:PORT,N`, `rate-answer:PORT,N` | counts what N MiB cost there |
//! | `address:INTERFACE,A.B.C.D` | gives a network card an address, and brings it up |
//! | `carrier:INTERFACE,N` | waits until its link is up (1) or down (0) |
//! | `call:A.B.C.D:PORT,N`, `answer:PORT,N` | N MiB both ways by TCP; one end calls, one answers |
//! | `vsock-call:PORT,N`, `vsock-answer:PORT,N` | the same by vsock, with the host |
//! | `vsock-refused:PORT` | sees that nobody answers there |
//! | `line:DEVICE` | says a line on a console, and repeats the one that it hears |
//! | `shout:DEVICE,N` | says N KiB there |
//! | `fill:N`, `thin`, `refill`, `empty` | keeps N MiB in memory; drops every other one; has them again; drops all |
//! | `driver:NAME,N` | takes the driver from its devices (0), or lets it have them again (1) |
//! | `balloon:N` | waits until so many pages are in the balloon |
//! | `sleep:N` | waits N seconds |
//! | `ask` | says `init: ready` and does what a line from the console says |
//! | `reboot`, `poweroff` | ends the machine |

mod buttons;
mod clocks;
mod cpus;
mod disks;
mod memory;
mod network;
mod serial;

use std::fs;
use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

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
        "work" => {
            cpus::work();
            Ok(())
        }
        "hotplug" => cpus::hotplug(number(word, argument)?),
        "count" => cpus::count(argument),
        "counted" => cpus::counted(argument),
        "stolen" => cpus::stolen(),
        "suspend" => cpus::suspend(number(word, argument)?),
        "suspend-until-pressed" => cpus::suspend_until_pressed(),
        "pressed" => buttons::pressed(),
        "clock" => clocks::compare(number(word, argument)?),
        "random" => clocks::random(number(word, argument)?),
        "modules" => disks::load_modules(),
        "run" => disks::run(argument),
        "mount" => disks::mount_disk(argument),
        "unmount" => disks::unmount_disk(),
        "write" => disks::write(number(word, argument)?),
        "verify" => disks::verify(number(word, argument)?),
        "readonly" => disks::refuses_writes(argument),
        "store" => disks::store(argument),
        "cannot-store" => disks::cannot_store(argument),
        "rate-disk" => disks::rate(argument),
        "load" => disks::load_back(argument),
        "cannot-load" => disks::cannot_load(argument),
        "line" => serial::line(argument),
        "shout" => serial::shout(argument),
        "sleep" => {
            thread::sleep(Duration::from_secs(number(word, argument)?));
            Ok(())
        }
        "ask" => ask(),
        "reboot" => end(RebootCommand::Restart),
        "poweroff" => end(RebootCommand::PowerOff),
        _ => network::perform(name, argument)
            .or_else(|| memory::perform(name, argument))
            .unwrap_or_else(|| Err(format!("`{word}` is no word of mine"))),
    }
}

/// Two words with a comma between them.
fn pair(argument: &str) -> Result<(&str, &str), String> {
    let pair = argument.split_once(',');
    pair.ok_or_else(|| format!("`{argument}` is not two words with a comma between them"))
}

/// Waits until something is so; others may have to do something about it.
fn wait_until(what: &str, mut is_so: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let late = Instant::now() + PATIENCE;
    while !is_so()? {
        if Instant::now() > late {
            return Err(format!("{what} does not come"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn number<T: FromStr>(word: &str, argument: &str) -> Result<T, String> {
    argument
        .parse()
        .map_err(|_| format!("`{word}` needs a number"))
}

fn report() -> Result<(), String> {
    let release = read("/proc/sys/kernel/osrelease")?;
    let online = read(cpus::ONLINE)?;
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

/// Many times what anything takes that is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
