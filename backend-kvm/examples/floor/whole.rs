//! What a whole machine costs its host: from exec on, counted by the host's own clock.
//!
//! In a host whose clock counts instructions a nanosecond is one, whoever executes it: the monitor,
//! the kernel below it, the guest. The program is asked for by words before its name:
//!
//! - `exit KIND`: from exec to its exit;
//! - `line KIND TEXT`: from exec to the console's first line that begins with TEXT;
//! - `counts PREFIX`: what the guest itself counts, in lines that begin with `bench: `;
//! - `resident KIND TEXT LINE`: the bytes it has in memory beside its guest's RAM when such a line has
//!   come and the guest waits, and as `KIND:anonymous` those that are no file's; as `KIND:exits` how often
//!   KVM has left a guest for user space until then, to access a device; LINE is what then ends it.

use std::ffi::CStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, mount};

use super::bare::Error;

/// What is asked about a command.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Question<'a> {
    Exit,
    Line { text: &'a str },
    Counts,
    Resident { text: &'a str, end: &'a str },
}

/// The question that stands before a command, its kind, and the command.
pub(crate) fn asked(words: &[String]) -> Option<(Question<'_>, &str, &[String])> {
    match words {
        [word, kind, command @ ..] if word == "exit" => Some((Question::Exit, kind, command)),
        [word, kind, command @ ..] if word == "counts" => Some((Question::Counts, kind, command)),
        [word, kind, text, command @ ..] if word == "line" => {
            Some((Question::Line { text }, kind, command))
        }
        [word, kind, text, end, command @ ..] if word == "resident" => {
            Some((Question::Resident { text, end }, kind, command))
        }
        _ => None,
    }
}

/// Runs the command to its end and prints the answer as `bench: KIND 1 ANSWER`.
pub(crate) fn answer(question: Question<'_>, kind: &str, command: &[String]) -> Result<(), Error> {
    let mut program = Command::new(&command[0]);
    program.args(&command[1..]);
    let begun = Instant::now();
    let answer = match question {
        Question::Exit => {
            let mut child = program.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
            succeeded(&mut child, command)?;
            begun.elapsed().as_nanos()
        }
        Question::Line { text } => {
            let mut child = program
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()?;
            let mut lines = Lines::of(&mut child);
            lines.until(text)?;
            let elapsed = begun.elapsed().as_nanos();
            lines.rest()?;
            succeeded(&mut child, command)?;
            elapsed
        }
        Question::Counts => return counts(program.output()?, kind, command),
        Question::Resident { text, end } => {
            let streams = program.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = streams.spawn()?;
            let mut lines = Lines::of(&mut child);
            lines.until(text)?;
            thread::sleep(SETTLING);
            let resident = Resident::beside_ram(child.id())?;
            let exits = exits()?;
            let mut input = child.stdin.take().ok_or("the command has no input")?;
            input.write_all(format!("{end}\n").as_bytes())?;
            lines.rest()?;
            succeeded(&mut child, command)?;
            println!("bench: {kind}:anonymous 1 {}", resident.anonymous);
            println!("bench: {kind}:exits 1 {exits}");
            u128::from(resident.whole)
        }
    };
    println!("bench: {kind} 1 {answer}");
    Ok(())
}

fn counts(output: Output, prefix: &str, command: &[String]) -> Result<(), Error> {
    let said = String::from_utf8_lossy(&output.stdout);
    let counts: Vec<_> = said
        .lines()
        .filter_map(|line| line.strip_prefix("bench: "))
        .collect();
    if !output.status.success() || counts.is_empty() {
        let why = String::from_utf8_lossy(&output.stderr);
        let command = command.join(" ");
        return Err(format!("`{command}` ended with {}:\n{said}{why}", output.status).into());
    }
    for count in counts {
        println!("bench: {prefix}{count}");
    }
    Ok(())
}

fn succeeded(child: &mut Child, command: &[String]) -> Result<(), Error> {
    let status = child.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` ended with {status}", command.join(" ")).into())
    }
}

/// What a command says.
struct Lines(BufReader<ChildStdout>);

impl Lines {
    fn of(child: &mut Child) -> Self {
        Self(BufReader::new(child.stdout.take().expect("it is a pipe")))
    }

    /// Reads up to the line that begins so.
    fn until(&mut self, text: &str) -> Result<(), Error> {
        let mut said = Vec::new();
        loop {
            let begin = said.len();
            if self.0.read_until(b'\n', &mut said)? == 0 {
                let said = String::from_utf8_lossy(&said);
                return Err(format!("it ended without `{text}`:\n{said}").into());
            }
            if said[begin..].starts_with(text.as_bytes()) {
                return Ok(());
            }
        }
    }

    fn rest(&mut self) -> Result<(), Error> {
        std::io::copy(&mut self.0, &mut std::io::sink())?;
        Ok(())
    }
}

/// What a process has in memory beside its guest's RAM and flash, in bytes.
#[derive(Default)]
struct Resident {
    /// All of it.
    whole: u64,
    /// What is no file's: nobody else has it, and nothing brings it back.
    anonymous: u64,
}

impl Resident {
    /// Mappings as large as a guest's smallest RAM are the guest's. (proc_pid_smaps(5))
    fn beside_ram(process: u32) -> Result<Self, Error> {
        let maps = fs::read_to_string(format!("/proc/{process}/smaps"))?;
        let (mut resident, mut size) = (Self::default(), 0);
        for line in maps.lines() {
            let Some((name, kib)) = line.split_once(':') else {
                continue;
            };
            let Some(bytes) = kib
                .strip_suffix(" kB")
                .and_then(|kib| kib.trim().parse::<u64>().ok())
            else {
                continue;
            };
            let bytes = bytes * 1024;
            match name {
                "Size" => size = bytes,
                "Rss" if size < SMALLEST_RAM => resident.whole += bytes,
                "Anonymous" if size < SMALLEST_RAM => resident.anonymous += bytes,
                _ => {}
            }
        }
        Ok(resident)
    }
}

/// How often the machines that there are left KVM for user space to access a device. KVM counts for its debugfs.
fn exits() -> Result<u64, Error> {
    if !Path::new(COUNTERS).exists() {
        mount(
            "debugfs",
            "/sys/kernel/debug",
            "debugfs",
            MountFlags::empty(),
            None::<&CStr>,
        )?;
    }
    let count = fs::read_to_string(format!("{COUNTERS}/mmio_exit_user"))?;
    Ok(count.trim().parse()?)
}

const COUNTERS: &str = "/sys/kernel/debug/kvm";
/// Until a machine that waits for its console is at rest.
const SETTLING: Duration = Duration::from_secs(1);
/// No mapping of a monitor's own is as large.
const SMALLEST_RAM: u64 = 64 << 20;
