//! The one command of a lab host: started, fed, listened to, waited for.
//!
//! Standard output, standard error, standard input and signals each have a thread, and the first
//! reaps every process of the host, as process 1 has to. When the command has ended, whatever it
//! left running is killed, so that its streams end and nothing is reported after its end.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, wait,
};

use super::port::Port;
use crate::frame::{CHUNK, ExitStatus, Order, Report, read_message};
use crate::job::DIRECTORY;
use crate::start::Start;

/// Runs the command that `start` names and reports everything about it.
pub(super) fn run(port: &Port, orders: File, start: &Start, disks: &[File]) -> Result<(), String> {
    let status = match spawn(start) {
        Ok(child) => attend(port, orders, child)?,
        Err(error) => {
            let name = String::from_utf8_lossy(&start.arguments[0]).into_owned();
            report(
                port,
                &Report::Stderr(format!("{name}: {error}\n").into_bytes()),
            )?;
            ExitStatus::Code(not_started(&error))
        }
    };
    for (index, path) in (0..).zip(&start.outputs) {
        send_file(port, index, OsStr::from_bytes(path))?;
    }
    let disks = (0..).skip(start.outputs.len()).zip(disks);
    for (index, disk) in disks {
        // Beyond this the host may be gone at any moment.
        disk.sync_all()
            .or_else(|error| missing(port, index, &error))?;
    }
    report(port, &Report::Exit(status))
}

fn spawn(start: &Start) -> io::Result<Child> {
    let text = |bytes: &Vec<u8>| OsString::from_vec(bytes.clone());
    let variables = start
        .environment
        .iter()
        .map(|(name, value)| (text(name), text(value)));
    Command::new(text(&start.arguments[0]))
        .args(start.arguments[1..].iter().map(text))
        .env_clear()
        .envs([("PATH", "/bin:/usr/bin:/sbin:/usr/sbin"), ("HOME", "/root")])
        .envs(variables)
        .current_dir(DIRECTORY)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// What a shell answers for a command it cannot start.
fn not_started(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::NotFound => 127,
        _ => 126,
    }
}

fn attend(port: &Port, orders: File, mut child: Child) -> Result<ExitStatus, String> {
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        unreachable!("the three streams were asked for as pipes");
    };
    // It waits on the channel for as long as there is one; the machine's end is its end.
    std::thread::spawn(move || feed(orders, stdin));
    let signals = Port::signals().map_err(|error| format!("cannot hear signals: {error}"))?;
    let command = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let (Some(signals), Some(command)) = (signals, command) {
        std::thread::spawn(move || pass_signals(signals, command));
    }
    std::thread::scope(|scope| {
        let output = scope.spawn(|| carry(stdout, |bytes| port.send(&Report::Stdout(bytes))));
        let errors = scope.spawn(|| carry(stderr, |bytes| port.send(&Report::Stderr(bytes))));
        let status = reap(child.id());
        end_all_others();
        for stream in [output, errors] {
            match stream.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(format!("cannot carry the output: {error}")),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        status
    })
}

/// Waits for the command, burying every orphan on the way.
fn reap(command: u32) -> Result<ExitStatus, String> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get().cast_unsigned() == command => {
                if let Some(status) = exit_status(status) {
                    return Ok(status);
                }
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(format!("cannot wait for the command: {error}")),
        }
    }
}

fn exit_status(status: WaitStatus) -> Option<ExitStatus> {
    let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    let code = status
        .exit_status()
        .map(|code| ExitStatus::Code(byte(code)));
    code.or_else(|| {
        status
            .terminating_signal()
            .map(|signal| ExitStatus::Signal(byte(signal)))
    })
}

fn end_all_others() {
    // The process group "1" of kill(2)'s negative form is every process but this one.
    let _ = kill_process_group(Pid::INIT, Signal::KILL);
}

fn carry(mut stream: impl Read, send: impl Fn(Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => send(buffer[..count].to_vec())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A command that does not read, or has ended, loses its input, nothing else.
fn feed(mut orders: File, stdin: ChildStdin) {
    let mut stdin = Some(stdin);
    while let Ok(Some(order)) = read_message(&mut orders) {
        match order {
            Order::Stdin(bytes) => {
                if stdin
                    .as_mut()
                    .is_some_and(|stdin| stdin.write_all(&bytes).is_err())
                {
                    stdin = None;
                }
            }
            Order::StdinEnd => stdin = None,
            Order::Hello(_) | Order::Start(_) => {}
        }
    }
}

/// Each byte is the number of a signal. A command that has ended hears none; its number is nobody
/// else's, as the host runs nothing after it.
fn pass_signals(mut signals: File, command: Pid) {
    let mut number = [0];
    while let Ok(1) = signals.read(&mut number) {
        if let Some(signal) = Signal::from_named_raw(number[0].into()) {
            let _ = kill_process(command, signal);
        }
    }
}

fn send_file(port: &Port, index: u32, path: &OsStr) -> Result<(), String> {
    match open_output(path) {
        Ok((file, mode)) => {
            report(port, &Report::FileStart { index, mode })?;
            match carry(file, |bytes| port.send(&Report::FileData(bytes))) {
                Ok(()) => report(port, &Report::FileEnd),
                Err(error) => missing(port, index, &error),
            }
        }
        Err(error) => missing(port, index, &error),
    }
}

fn open_output(path: &OsStr) -> io::Result<(File, u32)> {
    let data = std::fs::metadata(path)?;
    if !data.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    Ok((File::open(path)?, data.permissions().mode()))
}

fn missing(port: &Port, index: u32, error: &io::Error) -> Result<(), String> {
    report(
        port,
        &Report::FileMissing {
            index,
            reason: error.to_string(),
        },
    )
}

fn report(port: &Port, report: &Report) -> Result<(), String> {
    port.send(report)
        .map_err(|error| format!("cannot report: {error}"))
}
