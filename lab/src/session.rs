//! This machine's end of the channel: greets, starts the command, carries its streams and files.
//!
//! One thread takes the reports in and passes them on; a second one carries standard input in.
//! Neither waits for the other, and inside it is the same, so bulk in both directions cannot lock
//! up. Whoever waits for the session waits for a latch and may give up: a consumer of our output
//! that never reads holds nobody but its own thread.

use std::fs::File;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::build_id::BuildId;
use crate::error::{Details, Error};
use crate::frame::{
    CHUNK, ExitStatus, FrameError, Hello, Order, PROTOCOL, Report, read_message, write_message,
};
use crate::job::Output;
use crate::latch::{Latch, wait_readable};
use crate::start::Start;

/// Where a command's standard streams lead.
pub struct Streams {
    /// What it reads.
    pub stdin: Stdin,
    /// Where its standard output goes, as it comes.
    pub stdout: Box<dyn Write + Send>,
    /// Where its standard error goes, as it comes.
    pub stderr: Box<dyn Write + Send>,
}

/// What a command in a lab host reads on its standard input.
#[derive(Debug)]
pub enum Stdin {
    /// Nothing: it is at its end.
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// What this process reads on its own standard input, as it comes.
    Inherit,
    /// What is read there, as it comes, to its end.
    File(File),
}

/// What came of a command.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// The outputs that could not be brought back, and the disks that could not be written.
    pub missing: Vec<Missing>,
}

/// An output that could not be brought back, or a disk that could not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its path inside.
    pub inside: String,
    /// Why.
    pub reason: String,
}

/// A session under way.
#[derive(Debug)]
pub(crate) struct Session {
    socket: UnixStream,
    up: Arc<AtomicBool>,
    quiet: Quiet,
    ended: Latch,
    reports: JoinHandle<Result<Outcome, Error>>,
}

/// What a session is to do once the host is up.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) build_id: BuildId,
    pub(crate) start: Start,
    pub(crate) outputs: Vec<Output>,
    /// The disks' places inside: their numbers follow those of the outputs.
    pub(crate) disks: Vec<String>,
}

impl Session {
    /// Starts to speak over `socket`.
    pub(crate) fn begin(socket: UnixStream, plan: Plan, streams: Streams) -> io::Result<Self> {
        let ended = Latch::new()?;
        let up = Arc::new(AtomicBool::new(false));
        let quiet = Quiet::default();
        let conversation = Conversation {
            socket: socket.try_clone()?,
            plan,
            up: Arc::clone(&up),
            quiet: quiet.clone(),
            begin: Instant::now(),
            stop_input: Latch::new()?,
        };
        let notify = ended.clone();
        let reports = std::thread::spawn(move || {
            let outcome = conversation.hold(streams);
            conversation.close();
            notify.set();
            outcome
        });
        Ok(Self {
            socket,
            up,
            quiet,
            ended,
            reports,
        })
    }

    /// Set once the session is over.
    pub(crate) fn ended(&self) -> &Latch {
        &self.ended
    }

    /// Whether the host has come up.
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Since when the host, which is up, says nothing; `None` while it speaks.
    pub(crate) fn quiet_since(&self) -> Option<Instant> {
        self.quiet.since()
    }

    /// What came of the session, which must have ended.
    pub(crate) fn outcome(self) -> Result<Outcome, Error> {
        self.reports
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Gives the session up. Its threads end by themselves as soon as nothing holds them.
    pub(crate) fn abandon(self) {
        // A socket whose other end is gone refuses this, which is as good.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Since when nothing has come from the host. While a report is passed on it does not count as
/// quiet, however long our reader takes: it may be held up by nobody but us.
#[derive(Debug, Clone, Default)]
struct Quiet(Arc<Mutex<Option<Instant>>>);

impl Quiet {
    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

struct Conversation {
    socket: UnixStream,
    plan: Plan,
    up: Arc<AtomicBool>,
    quiet: Quiet,
    begin: Instant,
    stop_input: Latch,
}

impl Conversation {
    fn hold(&self, streams: Streams) -> Result<Outcome, Error> {
        self.greet()?;
        self.up.store(true, Ordering::Relaxed);
        log::debug!("the lab host is up after {:?}", self.begin.elapsed());
        self.send(&Order::Start(self.plan.start.clone()))?;
        let socket = self.socket.try_clone().map_err(channel_error)?;
        let stop = self.stop_input.clone();
        let input = std::thread::spawn(move || carry_input(streams.stdin, socket, &stop));
        let outcome = self.take_reports(streams.stdout, streams.stderr);
        self.stop_input.set();
        // The other direction may be full, with nobody inside reading any more.
        self.close();
        let _ = input.join();
        outcome
    }

    fn close(&self) {
        // A socket whose other end is gone refuses this, which is as good.
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Both ends say who they are; the inside speaks first, as it is the one that has to come up.
    fn greet(&self) -> Result<(), Error> {
        let hello = match self.receive()? {
            Report::Hello(hello) => hello,
            Report::Failed(reason) => return Err(init_failed(reason)),
            _ => return Err(out_of_order()),
        };
        if hello.protocol != PROTOCOL {
            return Err(Error::OtherProtocol {
                expected: PROTOCOL,
                found: hello.protocol,
            });
        }
        let expected = self.plan.build_id;
        if hello.build_id != expected {
            return Err(Error::OtherBuild {
                expected,
                found: hello.build_id,
            });
        }
        self.send(&Order::Hello(Hello {
            protocol: PROTOCOL,
            build_id: expected,
        }))
    }

    fn take_reports(
        &self,
        mut stdout: Box<dyn Write + Send>,
        mut stderr: Box<dyn Write + Send>,
    ) -> Result<Outcome, Error> {
        let mut files = Files::new(&self.plan.outputs, &self.plan.disks);
        loop {
            self.quiet.set(Some(Instant::now()));
            let report = self.receive()?;
            self.quiet.set(None);
            match report {
                Report::Stdout(bytes) => pass_on(&mut stdout, &bytes)?,
                Report::Stderr(bytes) => pass_on(&mut stderr, &bytes)?,
                Report::FileStart { index, mode } => files.start(index, mode)?,
                Report::FileData(bytes) => files.data(&bytes)?,
                Report::FileEnd => files.end()?,
                Report::FileMissing { index, reason } => files.missing(index, reason)?,
                Report::Exit(status) => {
                    return Ok(Outcome {
                        status,
                        missing: files.missing,
                    });
                }
                Report::Failed(reason) => return Err(init_failed(reason)),
                Report::Hello(_) => return Err(out_of_order()),
            }
        }
    }

    fn receive(&self) -> Result<Report, Error> {
        read_message(&mut &self.socket)
            .and_then(|message| message.ok_or(FrameError::Truncated))
            .map_err(|source| Error::Channel {
                source,
                details: Details::default(),
            })
    }

    fn send(&self, order: &Order) -> Result<(), Error> {
        write_message(&mut &self.socket, order).map_err(channel_error)
    }
}

/// The output files as they come back, one after the other.
struct Files<'a> {
    wanted: &'a [Output],
    disks: &'a [String],
    open: Option<Partial>,
    missing: Vec<Missing>,
}

/// An output file that is not whole yet: written beside its place, moved there at its end.
struct Partial {
    file: File,
    path: PathBuf,
    destination: PathBuf,
}

impl<'a> Files<'a> {
    fn new(wanted: &'a [Output], disks: &'a [String]) -> Self {
        Self {
            wanted,
            disks,
            open: None,
            missing: Vec::new(),
        }
    }

    fn wanted(&self, index: u32) -> Result<&'a Output, Error> {
        usize::try_from(index)
            .ok()
            .and_then(|at| self.wanted.get(at))
            .ok_or_else(out_of_order)
    }

    fn start(&mut self, index: u32, mode: u32) -> Result<(), Error> {
        let destination = self.wanted(index)?.outside.clone();
        if self.open.is_some() {
            return Err(out_of_order());
        }
        let mut name = destination.file_name().unwrap_or_default().to_owned();
        name.push(format!(".partial-{}", std::process::id()));
        let path = destination.with_file_name(name);
        let file = File::create(&path).map_err(file_error("create", &path))?;
        let partial = Partial {
            file,
            path,
            destination,
        };
        partial
            .file
            .set_permissions(std::fs::Permissions::from_mode(mode & 0o777))
            .map_err(file_error("set the permissions of", &partial.path))?;
        self.open = Some(partial);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let partial = self.open.as_mut().ok_or_else(out_of_order)?;
        partial
            .file
            .write_all(bytes)
            .map_err(file_error("write", &partial.path))
    }

    fn end(&mut self) -> Result<(), Error> {
        let partial = self.open.take().ok_or_else(out_of_order)?;
        // The old file is given up only for one that is on the disk.
        let synced = partial.file.sync_all();
        synced
            .and_then(|()| std::fs::rename(&partial.path, &partial.destination))
            .map_err(file_error("write", &partial.destination))
    }

    /// The file may have become unreadable halfway: what came of it is not kept.
    fn missing(&mut self, index: u32, reason: String) -> Result<(), Error> {
        let named = self.wanted.iter().map(|output| &output.inside);
        let inside = usize::try_from(index)
            .ok()
            .and_then(|at| named.chain(self.disks).nth(at))
            .ok_or_else(out_of_order)?
            .clone();
        self.open = None;
        self.missing.push(Missing { inside, reason });
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After a successful end there is nothing left to remove.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn carry_input(stdin: Stdin, mut socket: UnixStream, stop: &Latch) {
    // A channel that is gone is noticed by the reports' thread, which says why.
    let _ = match stdin {
        Stdin::Empty => Ok(()),
        Stdin::Bytes(bytes) => bytes
            .chunks(CHUNK)
            .try_for_each(|chunk| write_message(&mut socket, &Order::Stdin(chunk.to_vec()))),
        Stdin::Inherit => carry_from(io::stdin().as_fd(), &mut socket, stop),
        Stdin::File(file) => carry_from(file.as_fd(), &mut socket, stop),
    }
    .and_then(|()| write_message(&mut socket, &Order::StdinEnd));
}

fn carry_from(source: BorrowedFd<'_>, socket: &mut UnixStream, stop: &Latch) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match wait_readable(&[stop.as_fd(), source], None)? {
            Some(1) => {}
            _ => return Err(io::ErrorKind::Interrupted.into()),
        }
        // Beneath the standard library's buffer: what it holds back, poll would not see.
        match rustix::io::read(source, &mut buffer[..]) {
            Ok(0) => return Ok(()),
            Ok(count) => write_message(socket, &Order::Stdin(buffer[..count].to_vec()))?,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            // What cannot be read is as good as at its end.
            Err(_) => return Ok(()),
        }
    }
}

fn pass_on(sink: &mut Box<dyn Write + Send>, bytes: &[u8]) -> Result<(), Error> {
    sink.write_all(bytes)
        .and_then(|()| sink.flush())
        .map_err(Error::Sink)
}

fn init_failed(reason: String) -> Error {
    Error::InitFailed {
        reason,
        details: Details::default(),
    }
}

fn out_of_order() -> Error {
    let reason = "it comes where it has no meaning";
    let source = FrameError::Malformed { kind: 0, reason };
    Error::Channel {
        source,
        details: Details::default(),
    }
}

fn channel_error(error: io::Error) -> Error {
    Error::Channel {
        source: FrameError::Io(error),
        details: Details::default(),
    }
}

fn file_error(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::File {
        action,
        path: path.to_owned(),
        source,
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams")
            .field("stdin", &self.stdin)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    const ID: &[u8] = b"0123456789abcdef";

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink {
        fn bytes(&self) -> Vec<u8> {
            self.0.lock().unwrap().clone()
        }
    }

    fn hello(protocol: u16, id: &[u8]) -> Report {
        let build_id = BuildId::parse(id).unwrap();
        Report::Hello(Hello { protocol, build_id })
    }

    fn plan(outputs: Vec<Output>) -> Plan {
        let start = Start {
            arguments: vec![b"x".to_vec()],
            environment: Vec::new(),
            outputs: outputs
                .iter()
                .map(|output| output.inside.clone().into_bytes())
                .collect(),
            disks: vec![b"disk".to_vec()],
        };
        Plan {
            build_id: BuildId::parse(ID).unwrap(),
            start,
            outputs,
            disks: vec!["disk".into()],
        }
    }

    struct Run {
        outcome: Result<Outcome, Error>,
        stdout: Vec<u8>,
        stderr: Vec<u8>,
        orders: Vec<Order>,
    }

    /// Holds a session with an inside that says `reports` and then ends.
    fn hold(reports: &[Report], stdin: Stdin, outputs: Vec<Output>) -> Run {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (stdout, stderr) = (Sink::default(), Sink::default());
        let streams = Streams {
            stdin,
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
        };
        let session = Session::begin(ours, plan(outputs), streams).unwrap();
        for report in reports {
            // A session that has seen enough does not read on.
            let _ = write_message(&mut theirs, report);
        }
        theirs.shutdown(Shutdown::Write).unwrap();
        let orders = std::iter::from_fn(|| read_message(&mut theirs).ok().flatten()).collect();
        let deadline = Instant::now() + Duration::from_secs(60);
        wait_readable(&[session.ended().as_fd()], Some(deadline))
            .unwrap()
            .unwrap();
        Run {
            outcome: session.outcome(),
            stdout: stdout.bytes(),
            stderr: stderr.bytes(),
            orders,
        }
    }

    fn exit() -> Report {
        Report::Exit(ExitStatus::Code(3))
    }

    #[test]
    fn streams_are_kept_apart_and_the_status_is_handed_back() {
        let reports = [
            hello(1, ID),
            Report::Stdout(b"a\0".to_vec()),
            Report::Stderr(b"\xff".to_vec()),
            Report::Stdout(b"b".to_vec()),
            exit(),
        ];
        let run = hold(&reports, Stdin::Empty, Vec::new());
        assert_eq!(run.outcome.unwrap().status, ExitStatus::Code(3));
        assert_eq!(
            (run.stdout.as_slice(), run.stderr.as_slice()),
            (&b"a\0b"[..], &b"\xff"[..])
        );
    }

    #[test]
    fn the_command_is_named_once_both_have_greeted_and_gets_its_input_to_the_end() {
        let run = hold(
            &[hello(1, ID), exit()],
            Stdin::Bytes(b"in".to_vec()),
            Vec::new(),
        );
        let kinds: Vec<_> = run.orders.iter().map(std::mem::discriminant).collect();
        let start = Order::Start(plan(Vec::new()).start);
        assert_eq!(kinds[1], std::mem::discriminant(&start));
        assert_eq!(run.orders[1], start);
        // Whether the input is still written depends on who is faster; its order does not.
        let rest = [Order::Stdin(b"in".to_vec()), Order::StdinEnd];
        assert!(rest.starts_with(&run.orders[2..]), "{:?}", run.orders);
    }

    #[test]
    fn another_build_is_refused_before_the_command_is_named() {
        let run = hold(
            &[hello(1, b"fedcba9876543210"), exit()],
            Stdin::Empty,
            Vec::new(),
        );
        assert!(matches!(run.outcome, Err(Error::OtherBuild { .. })));
        assert!(run.orders.is_empty());
    }

    #[test]
    fn another_protocol_is_refused() {
        let run = hold(&[hello(2, ID), exit()], Stdin::Empty, Vec::new());
        assert!(matches!(
            run.outcome,
            Err(Error::OtherProtocol {
                expected: 1,
                found: 2
            })
        ));
    }

    #[test]
    fn an_end_before_the_exit_is_an_error_and_loses_nothing() {
        let run = hold(
            &[hello(1, ID), Report::Stdout(b"x".to_vec())],
            Stdin::Empty,
            Vec::new(),
        );
        let source = FrameError::Truncated;
        assert!(matches!(run.outcome, Err(Error::Channel { source: s, .. })
            if std::mem::discriminant(&s) == std::mem::discriminant(&source)));
        assert_eq!(run.stdout, b"x");
    }

    #[test]
    fn garbage_is_named_as_such() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let streams = Streams {
            stdin: Stdin::Empty,
            stdout: Box::new(io::sink()),
            stderr: Box::new(io::sink()),
        };
        let session = Session::begin(ours, plan(Vec::new()), streams).unwrap();
        theirs.write_all(b"garbage, not a message").unwrap();
        let text = session.outcome().unwrap_err().to_string();
        assert!(
            text.contains("a message of 1651663207 bytes was announced"),
            "{text}"
        );
    }

    #[test]
    fn an_init_that_failed_is_quoted() {
        for reports in [
            &[hello(1, ID), Report::Failed("why".into())][..],
            &[Report::Failed("why".into())],
        ] {
            let run = hold(reports, Stdin::Empty, Vec::new());
            assert!(
                matches!(run.outcome, Err(Error::InitFailed { reason, .. }) if reason == "why")
            );
        }
    }

    #[test]
    fn reports_in_a_senseless_order_are_refused() {
        for reports in [
            vec![exit()],
            vec![hello(1, ID), hello(1, ID)],
            vec![hello(1, ID), Report::FileEnd],
            vec![hello(1, ID), Report::FileData(vec![1])],
            vec![hello(1, ID), Report::FileStart { index: 0, mode: 0 }],
            vec![
                hello(1, ID),
                Report::FileMissing {
                    index: 7,
                    reason: String::new(),
                },
            ],
        ] {
            let run = hold(&reports, Stdin::Empty, Vec::new());
            assert!(
                matches!(run.outcome, Err(Error::Channel { .. })),
                "{reports:?}"
            );
        }
    }

    fn output(directory: &tempfile::TempDir) -> Output {
        Output {
            inside: "out".into(),
            outside: directory.path().join("out"),
        }
    }

    #[test]
    fn a_whole_output_replaces_the_file_that_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let output = output(&directory);
        std::fs::write(&output.outside, "old").unwrap();
        let reports = [
            hello(1, ID),
            Report::FileStart {
                index: 0,
                mode: 0o100_750,
            },
            Report::FileData(b"ne".to_vec()),
            Report::FileData(b"w".to_vec()),
            Report::FileEnd,
            exit(),
        ];
        let run = hold(&reports, Stdin::Empty, vec![output.clone()]);
        assert!(run.outcome.unwrap().missing.is_empty());
        assert_eq!(std::fs::read(&output.outside).unwrap(), b"new");
        let mode = output.outside.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o750);
    }

    #[test]
    fn an_output_that_does_not_come_whole_leaves_the_old_file_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let output = output(&directory);
        std::fs::write(&output.outside, "old").unwrap();
        let begun = [
            hello(1, ID),
            Report::FileStart {
                index: 0,
                mode: 0o644,
            },
            Report::FileData(b"ne".to_vec()),
        ];
        let missing = Report::FileMissing {
            index: 0,
            reason: "unreadable".into(),
        };
        for end in [vec![], vec![missing, exit()]] {
            let reports = [&begun[..], &end[..]].concat();
            let run = hold(&reports, Stdin::Empty, vec![output.clone()]);
            if let Ok(outcome) = run.outcome {
                assert_eq!(outcome.missing[0].reason, "unreadable");
            }
            assert_eq!(std::fs::read(&output.outside).unwrap(), b"old");
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_disk_that_could_not_be_written_is_named_behind_the_outputs() {
        let directory = tempfile::tempdir().unwrap();
        let reports = [
            hello(1, ID),
            Report::FileMissing {
                index: 1,
                reason: "no space".into(),
            },
            exit(),
        ];
        let run = hold(&reports, Stdin::Empty, vec![output(&directory)]);
        let missing = run.outcome.unwrap().missing;
        assert_eq!((missing.len(), &*missing[0].inside), (1, "disk"));
    }

    #[test]
    fn a_host_is_quiet_from_its_last_report_on_but_not_while_a_reader_holds_it_up() {
        /// Tells of each write, and goes on when it is let.
        struct Held(mpsc::Sender<()>, mpsc::Receiver<()>);

        impl Write for Held {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.send(()).unwrap();
                self.1.recv().unwrap();
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let ((tell, told), (let_go, held)) = (mpsc::channel(), mpsc::channel());
        let streams = Streams {
            stdin: Stdin::Empty,
            stdout: Box::new(Held(tell, held)),
            stderr: Box::new(io::sink()),
        };
        let session = Session::begin(ours, plan(Vec::new()), streams).unwrap();
        assert_eq!(session.quiet_since(), None);
        write_message(&mut theirs, &hello(1, ID)).unwrap();
        let before = Instant::now();
        write_message(&mut theirs, &Report::Stdout(b"x".to_vec())).unwrap();
        told.recv().unwrap();
        assert_eq!(session.quiet_since(), None);
        let_go.send(()).unwrap();
        let since = loop {
            match session.quiet_since() {
                Some(since) => break since,
                None => std::thread::yield_now(),
            }
        };
        assert!(since >= before);
        write_message(&mut theirs, &exit()).unwrap();
        assert!(session.outcome().is_ok());
    }

    #[test]
    fn bulk_in_both_directions_does_not_lock_up() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let stdout = Sink::default();
        let bulk: Vec<u8> = (0..8_000_000u32)
            .map(|index| index.to_le_bytes()[0])
            .collect();
        let streams = Streams {
            stdin: Stdin::Bytes(bulk.clone()),
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(io::sink()),
        };
        let session = Session::begin(ours, plan(Vec::new()), streams).unwrap();
        let echo = std::thread::spawn(move || {
            write_message(&mut &theirs, &hello(1, ID)).unwrap();
            while let Some(order) = read_message(&mut &theirs).unwrap() {
                match order {
                    Order::Stdin(bytes) => {
                        write_message(&mut &theirs, &Report::Stdout(bytes)).unwrap();
                    }
                    Order::StdinEnd => break,
                    Order::Hello(_) | Order::Start(_) => {}
                }
            }
            write_message(&mut &theirs, &exit()).unwrap();
        });
        echo.join().unwrap();
        assert_eq!(session.outcome().unwrap().status, ExitStatus::Code(3));
        assert!(stdout.bytes() == bulk);
    }
}
