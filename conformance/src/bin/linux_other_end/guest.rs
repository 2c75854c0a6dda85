//! A machine of this host: what it is made of, what its guest says, and what it is told.

use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A machine that runs; its end is its process's.
#[derive(Debug)]
pub(crate) struct Guest {
    process: Child,
    keys: Option<ChildStdin>,
    console: Receiver<String>,
    messages: Receiver<String>,
    /// What it has said on standard error this far.
    told: Vec<String>,
}

impl Guest {
    /// Boots it, with all of its devices.
    pub(crate) fn boot(firmware: &str, vcpus: u8) -> Result<Self, String> {
        let mut command = Command::new("vambrace");
        command.args(["boot", "--host=local", "--json", "--memory=256M"]);
        command.arg(format!("--cpus={vcpus}"));
        command.args(["--kernel=vmlinuz", "--initrd=initramfs-for-wires"]);
        command.args(["--append", "quiet -- ask"]);
        command.arg(format!("--firmware={firmware}"));
        for disk in DISKS {
            command.arg(format!("--disk={disk}"));
        }
        command.arg(format!("--net={TAP}"));
        command.arg(format!("--balloon={BALLOON_MIB}M"));
        command.arg(format!("--vsock=3={VSOCK}"));
        command.arg(format!("--virtio-console={CONSOLE}"));
        let process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = process.map_err(|error| format!("start vambrace: {error}"))?;
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            unreachable!("both were asked for as pipes");
        };
        Ok(Self {
            keys: process.stdin.take(),
            process,
            console: lines(stdout, |line| println!("{line}")),
            messages: lines(stderr, |line| eprintln!("{line}")),
            told: Vec::new(),
        })
    }

    /// Types words for the first process, when it is ready.
    pub(crate) fn tell(&mut self, words: &str) -> Result<(), String> {
        self.hear("ready")?;
        let keys = self.keys.as_mut().ok_or("its keyboard is gone")?;
        writeln!(keys, "{words}").map_err(|error| format!("type `{words}`: {error}"))
    }

    /// Waits until the first process says this.
    pub(crate) fn hear(&mut self, words: &str) -> Result<(), String> {
        let wanted = format!("init: {words}");
        let late = Instant::now() + PATIENCE;
        loop {
            let left = late.saturating_duration_since(Instant::now());
            match self.console.recv_timeout(left) {
                Ok(line) if line.contains(&wanted) => return Ok(()),
                Ok(line) if line.contains("init: FAILED") => {
                    return Err(format!("while `{words}` was waited for: {line}"));
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Err(format!("`{words}` is not heard")),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("the machine ended before `{words}` was heard"));
                }
            }
        }
    }

    /// Sees that the machine has told of something, in these words, and how often: exactly once.
    pub(crate) fn has_told_once(&mut self, words: &str) -> Result<(), String> {
        self.told.extend(self.messages.try_iter());
        let times = self.told.iter().filter(|line| line.contains(words)).count();
        match times {
            1 => Ok(()),
            _ => Err(format!("`{words}` was told {times} times: {:?}", self.told)),
        }
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    /// Ends it in order.
    pub(crate) fn power_off(mut self) -> Result<(), String> {
        self.tell("poweroff")?;
        let status = self.process.wait();
        let status = status.map_err(|error| format!("wait for vambrace: {error}"))?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("vambrace ended with {status}")),
        }
    }
}

/// A machine that nobody waits for any more ends.
impl Drop for Guest {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines of a stream as they come; each is shown besides.
fn lines(stream: impl Read + Send + 'static, show: fn(&str)) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || -> io::Result<()> {
        for bytes in BufReader::new(stream).split(b'\n') {
            let line = String::from_utf8_lossy(&bytes?).trim_end().to_owned();
            show(&line);
            // Whoever listened may have heard enough.
            let _ = sender.send(line);
        }
        Ok(())
    });
    receiver
}

pub(crate) const TAP: &str = "tap0";
pub(crate) const VSOCK: &str = "/lab/vsock";
pub(crate) const CONSOLE: &str = "/lab/console";
pub(crate) const BALLOON_MIB: u64 = 48;
/// In a file system with little room; to be cut; to be removed.
pub(crate) const DISKS: [&str; 3] = ["/small/disk", "/lab/cut", "/lab/removed"];
/// Many times what anything takes.
const PATIENCE: Duration = Duration::from_secs(300);
