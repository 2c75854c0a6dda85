//! A bare board: QEMU's Arm machine with a program of ours at EL2 and no host kernel.
//!
//! The board has two PL011s. The first is the guest's and its bytes are passed on as they come; the
//! second is the program's own, which no guest reaches, and what it says is read when the board is
//! off; until it has said something, the guest is given no input. All files are in memory, so that a
//! run leaves none behind.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek as _, Write};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::{ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create};

use crate::emulator::Emulator;
use crate::error::Error;
use crate::host::Clock;
use crate::latch::Cancel;
use crate::qemu::{Platform, Qemu, Version};
use crate::session::Stdin;
use crate::tail::Tail;

/// A board that can be booted any number of times.
#[derive(Debug, Clone)]
pub struct Board {
    qemu: Qemu,
    /// QEMU's name of its CPU, with QEMU's own properties behind commas.
    pub cpu: String,
    /// Its number of CPUs.
    pub cpus: u16,
    /// Its RAM in MiB.
    pub memory_mib: u64,
    /// What its clock counts.
    pub clock: Clock,
}

/// What a board is booted with.
#[derive(Debug, Clone, Copy)]
pub struct Boot<'a> {
    /// An arm64 Image, entered at EL2.
    pub program: &'a [u8],
    /// The file that /chosen names, if there is one.
    pub initrd: Option<&'a [u8]>,
    /// /chosen/bootargs.
    pub arguments: &'a str,
    /// How long it may be on.
    pub time_limit: Option<Duration>,
}

/// What came of a boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The board turned itself off, and this is what its program said.
    Off(String),
    /// It was on for too long; this is what its program had said by then.
    TimeLimit(String),
}

impl Board {
    /// A board of `qemu` with one CPU of that model and 320 MiB of RAM.
    ///
    /// # Errors
    /// That QEMU does not know the CPU, or gives a board one UART only.
    pub fn new(qemu: Qemu, cpu: &str) -> Result<Self, Error> {
        if qemu.version() < OLDEST_WITH_TWO_UARTS {
            return Err(Error::QemuUnusable {
                program: qemu.program().to_owned(),
                reason: format!(
                    "version {} gives the board no second UART: {OLDEST_WITH_TWO_UARTS} does",
                    qemu.version()
                ),
            });
        }
        Ok(Self {
            qemu,
            cpu: cpu.to_owned(),
            cpus: 1,
            memory_mib: 320,
            clock: Clock::Time,
        })
    }

    /// Whether QEMU knows the CPU; asked of it, which takes a moment.
    ///
    /// # Errors
    /// [`Error::UnknownCpu`] names those that it knows.
    pub fn check_cpu(&self) -> Result<(), Error> {
        let model = self.cpu.split(',').next().unwrap_or_default();
        self.qemu.check_model(model)
    }

    /// Boots the board, and passes on what the guest writes, until it is off.
    ///
    /// # Errors
    /// QEMU does not run, or ends with an error of its own; or the run was cancelled, or `console`
    /// takes no more.
    pub fn run(
        &self,
        boot: &Boot<'_>,
        stdin: Stdin,
        console: &mut (dyn Write + Send),
        cancel: &Cancel,
    ) -> Result<Ended, Error> {
        let failed = |error: io::Error| self.unusable(error.to_string());
        let program = in_memory("vambrace-program", boot.program).map_err(failed)?;
        let initrd = boot
            .initrd
            .map(|initrd| in_memory("vambrace-initrd", initrd));
        let initrd = initrd.transpose().map_err(failed)?;
        let mut log = in_memory("vambrace-log", b"").map_err(failed)?;
        let shared = log.try_clone().map_err(failed)?;
        // A descriptor of its own number, whose path is the one that is told.
        let arguments = self.arguments(boot.arguments, &program, initrd.as_ref(), &shared);
        let files = [Some(program), initrd, Some(shared)];
        let inherited = files.into_iter().flatten().map(OwnedFd::from).collect();
        let heard = log.try_clone().map_err(failed)?;
        let mut running = Running::start(&self.qemu, &arguments, inherited, (stdin, heard))?;
        let ended = running.pass_on(console, boot.time_limit, cancel);
        let status = match ended {
            // It closes its output on its way out, a moment before it is gone.
            Ok(Quiet::Ended) => running.stop(GRACE),
            Ok(Quiet::TimeLimit) | Err(_) => running.stop(Duration::ZERO),
        };
        let mut said = Vec::new();
        let rewound = log.rewind().and_then(|()| log.read_to_end(&mut said));
        rewound.map_err(failed)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        match (ended?, status) {
            (Quiet::TimeLimit, _) => Ok(Ended::TimeLimit(said)),
            (Quiet::Ended, Some(status)) if status.success() => Ok(Ended::Off(said)),
            (Quiet::Ended, _) => Err(self.unusable(running.messages.last_lines(5).join("\n"))),
        }
    }

    fn unusable(&self, reason: String) -> Error {
        Error::QemuUnusable {
            program: self.qemu.program().to_owned(),
            reason,
        }
    }

    fn arguments(
        &self,
        append: &str,
        program: &File,
        initrd: Option<&File>,
        log: &File,
    ) -> Vec<OsString> {
        let platform = Platform {
            machine: "gic-version=3".to_owned(),
            cpu: &self.cpu,
            cpus: self.cpus.into(),
            memory_mib: self.memory_mib,
            clock: self.clock,
        };
        let mut arguments = platform.arguments();
        let mut push = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
        push(&["-serial", &format!("file:{}", path(log))]);
        push(&["-kernel", &path(program), "-append", append]);
        if let Some(initrd) = initrd {
            push(&["-initrd", &path(initrd)]);
        }
        arguments
    }
}

/// A QEMU process under way. Dropping it ends it.
#[derive(Debug)]
struct Running {
    emulator: Emulator,
    /// Until it is passed on.
    output: Option<ChildStdout>,
    messages: Tail,
    /// Whoever waits for the program's first word hears when this is dropped.
    _under_way: mpsc::Sender<()>,
}

/// Why nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quiet {
    Ended,
    TimeLimit,
}

impl Running {
    fn start(
        qemu: &Qemu,
        arguments: &[OsString],
        inherited: Vec<OwnedFd>,
        (stdin, log): (Stdin, File),
    ) -> Result<Self, Error> {
        let input = match stdin {
            Stdin::Empty => Stdio::null(),
            Stdin::Bytes(_) | Stdin::Inherit | Stdin::File(_) => Stdio::piped(),
        };
        let (emulator, streams) = Emulator::start(qemu, arguments, inherited, input)?;
        let (under_way, ended) = mpsc::channel();
        if let Some(input) = streams.input {
            std::thread::spawn(move || {
                if has_begun(&log, &ended) {
                    feed(stdin, input);
                }
            });
        }
        Ok(Self {
            emulator,
            _under_way: under_way,
            output: Some(streams.output),
            messages: Tail::of(streams.messages, MESSAGES_KEPT),
        })
    }

    /// Passes the guest's output on until there is no more of it.
    fn pass_on(
        &mut self,
        console: &mut (dyn Write + Send),
        time_limit: Option<Duration>,
        cancel: &Cancel,
    ) -> Result<Quiet, Error> {
        let Some(output) = self.output.take() else {
            unreachable!("output is passed on once");
        };
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || read_all(output, &sender));
        let deadline = time_limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(bytes) => {
                    let written = console.write_all(&bytes).and_then(|()| console.flush());
                    written.map_err(Error::Sink)?;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(Quiet::Ended),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(Quiet::TimeLimit);
            }
        }
    }

    /// Ends QEMU if it has not ended by itself within `grace`; how it did.
    fn stop(&mut self, grace: Duration) -> Option<ExitStatus> {
        let status = self.emulator.finish(grace);
        self.messages.finish();
        status
    }
}

/// Reads until the writer is gone or nobody listens.
fn read_all(mut output: ChildStdout, sender: &mpsc::Sender<Vec<u8>>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = output.read(&mut bytes) {
        if sender.send(bytes[..count].to_vec()).is_err() {
            return;
        }
    }
}

/// Waits for the program's first word; false if QEMU has ended without one. Before it nobody has
/// switched the guest's UART on, and QEMU forgets what has arrived when that happens.
fn has_begun(log: &File, ended: &mpsc::Receiver<()>) -> bool {
    loop {
        if log.metadata().is_ok_and(|log| log.len() > 0) {
            return true;
        }
        if ended.recv_timeout(SOON) == Err(RecvTimeoutError::Disconnected) {
            return false;
        }
    }
}

/// Gives the guest its input until either ends.
fn feed(stdin: Stdin, mut input: ChildStdin) {
    // A guest that has ended reads nothing more.
    let _ = match stdin {
        Stdin::Empty => Ok(()),
        Stdin::Bytes(bytes) => input.write_all(&bytes),
        Stdin::Inherit => pass_on(&mut io::stdin().lock(), &mut input),
        Stdin::File(mut file) => pass_on(&mut file, &mut input),
    };
}

fn pass_on(from: &mut impl Read, input: &mut ChildStdin) -> io::Result<()> {
    let mut bytes = [0; 256];
    loop {
        let count = from.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        input.write_all(&bytes[..count])?;
        input.flush()?;
    }
}

fn in_memory(name: &str, content: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    Ok(file)
}

/// The path under which a child that inherits the file opens it.
fn path(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// hw/arm/virt has a second UART where it is given a use, from this version on.
const OLDEST_WITH_TWO_UARTS: Version = Version(9, 1, 0);
const MESSAGES_KEPT: usize = 64 << 10;
/// How often cancellation and time limit are looked at while nothing comes.
const LOOK: Duration = Duration::from_millis(20);
/// How often the log is looked at until there is a word in it.
const SOON: Duration = Duration::from_millis(5);
/// For QEMU's own end.
const GRACE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guests_uart_is_the_first_and_the_programs_the_second() {
        let board = Board::new(Qemu::sample(OLDEST_WITH_TWO_UARTS), "max").unwrap();
        let file = || in_memory("test", b"").unwrap();
        let (program, log) = (file(), file());
        let words = board.arguments("a b", &program, None, &log);
        let at = |word: &str| words.iter().position(|it| it == word);
        let serial: Vec<_> = words.iter().filter(|word| *word == "-serial").collect();
        assert_eq!(serial.len(), 2);
        assert!(at("chardev:console") < at(&format!("file:{}", path(&log))));
        assert_eq!(at("-initrd"), None);
        assert_eq!(words.last().unwrap(), "a b");
    }

    #[test]
    fn input_waits_for_the_programs_first_word() {
        let mut log = in_memory("test", b"").unwrap();
        let (under_way, ended) = mpsc::channel();
        let heard = log.try_clone().unwrap();
        let waiting = std::thread::spawn(move || has_begun(&heard, &ended));
        assert!(!waiting.is_finished());
        log.write_all(b"begin\n").unwrap();
        assert!(waiting.join().unwrap());
        drop(under_way);
    }

    #[test]
    fn a_program_that_ends_without_a_word_gets_no_input() {
        let log = in_memory("test", b"").unwrap();
        let (under_way, ended) = mpsc::channel();
        drop(under_way);
        assert!(!has_begun(&log, &ended));
    }

    #[test]
    fn a_qemu_that_has_one_uart_only_is_refused() {
        let error = Board::new(Qemu::sample(Version(9, 0, 4)), "max").unwrap_err();
        assert!(error.to_string().contains("9.1.0"), "{error}");
    }
}
