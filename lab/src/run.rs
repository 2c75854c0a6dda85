//! Running one job in one lab host, from start to end.

use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitStatus as ProcessStatus;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};

use crate::cache::{Cache, CachedKernel};
use crate::error::{Details, Error};
use crate::host::{Gic, HostSpec, Kernel};
use crate::initramfs::Initramfs;
use crate::job::Job;
use crate::latch::{Cancel, wait_readable};
use crate::machine::Machine;
use crate::program::Program;
use crate::qemu::{self, Qemu, WiredDisk, Wiring};
use crate::session::{Outcome, Plan, Session, Streams};

/// A host that can be started: its kernel is there and whole, its CPU is known.
#[derive(Debug, Clone)]
pub struct Host {
    spec: HostSpec,
    qemu: Qemu,
    kernel: CachedKernel,
    logs: PathBuf,
}

impl Host {
    /// Checks everything about `spec` that can be checked before it is started.
    ///
    /// # Errors
    /// QEMU is missing or does not know the CPU; the kernel was not fetched (`None` then is no
    /// error), is damaged, or is no kernel; the sizes cannot be.
    pub fn prepare(spec: HostSpec, qemu: Qemu, cache: &Cache) -> Result<Option<Self>, Error> {
        check_size(&spec)?;
        qemu.check_cpu(&spec)?;
        let kernel = match &spec.kernel {
            Kernel::File(path) => {
                crate::kernel_image::check(path)?;
                CachedKernel {
                    kernel: path.clone(),
                    modules: Vec::new(),
                }
            }
            Kernel::Series(series) => match cache.kernel(series)? {
                Some(kernel) => kernel,
                None => return Ok(None),
            },
        };
        Ok(Some(Self {
            spec,
            qemu,
            kernel,
            logs: cache.logs(),
        }))
    }

    /// What was asked for.
    #[must_use]
    pub fn spec(&self) -> &HostSpec {
        &self.spec
    }

    /// Starts the host, runs `job` in it with `program` as its init, and ends it. The host is gone
    /// when this returns, and no later than the calling thread. An outcome is how the command
    /// ended, whatever that is; nothing the command wrote before an error is lost.
    ///
    /// # Errors
    /// The job cannot be given to a host; the host failed, did not come up or went quiet; the time
    /// limit passed; `cancel` was used; the output could not be passed on.
    pub fn run(
        &self,
        program: &Program,
        job: &Job,
        streams: Streams,
        cancel: &Cancel,
    ) -> Result<Outcome, Error> {
        let begin = Instant::now();
        let plan = Plan {
            build_id: program.build_id(),
            start: job.start()?,
            outputs: job.outputs.clone(),
            disks: job
                .disks
                .iter()
                .map(|disk| disk.destination.clone())
                .collect(),
        };
        let initramfs =
            Initramfs::build(program, &self.kernel.modules, job, self.spec.file_limit())?;
        let (ours, theirs) = UnixStream::pair().map_err(|source| Error::System {
            action: "make a channel",
            source,
        })?;
        let initramfs_path = initramfs.path();
        let mut inherited = vec![OwnedFd::from(theirs), initramfs.into_fd()];
        let wiring = wire(job, &mut inherited)?;
        let arguments = qemu::arguments(
            &self.spec,
            &self.kernel.kernel,
            initramfs_path.as_ref(),
            &wiring,
        );
        let mut machine = Machine::start(&self.qemu, &arguments, inherited)?;
        let session = Session::begin(ours, plan, streams).map_err(|source| Error::System {
            action: "start a thread",
            source,
        })?;
        let limits = Limits {
            begin,
            boot: self.spec.boot_limit,
            total: job.time_limit,
            quiet: job.quiet_limit,
        };
        let end = wait(&session, &limits, cancel).map_err(|source| Error::System {
            action: "wait for the lab host",
            source,
        })?;
        log::debug!("{}: {end:?} after {:?}", self.spec, begin.elapsed());
        match end {
            End::Session => self.conclude(session, &mut machine),
            other => {
                let _ = machine.finish(Duration::ZERO);
                session.abandon();
                Err(self.stopped(other, &limits, &machine))
            }
        }
    }

    /// The session is over: by the command's end, or because something broke.
    fn conclude(&self, session: Session, machine: &mut Machine) -> Result<Outcome, Error> {
        let outcome = session.outcome();
        let Err(error) = outcome else {
            // The command has ended and everything is here; the host need not shut down in order.
            return outcome;
        };
        let grace = match &error {
            Error::Channel { .. } | Error::InitFailed { .. } => GRACE,
            _ => Duration::ZERO,
        };
        let status = machine.finish(grace);
        Err(match (error, status) {
            // A channel that ends together with QEMU says nothing of its own.
            (Error::Channel { .. }, Some(status)) => Error::HostDied {
                ending: ending(status),
                details: self.details(machine),
            },
            (Error::Channel { source, .. }, None) => Error::Channel {
                source,
                details: self.details(machine),
            },
            (Error::InitFailed { reason, .. }, _) => Error::InitFailed {
                reason,
                details: self.details(machine),
            },
            (other, _) => other,
        })
    }

    fn stopped(&self, end: End, limits: &Limits, machine: &Machine) -> Error {
        match end {
            End::Session | End::Cancelled => Error::Cancelled,
            End::BootLimit => Error::HostSilent {
                limit: limits.boot,
                details: self.details(machine),
            },
            End::TimeLimit => Error::TimeLimit {
                limit: limits.total.unwrap_or_default(),
                details: self.details(machine),
            },
            End::Quiet => Error::HostQuiet {
                limit: limits.quiet.unwrap_or_default(),
                details: self.details(machine),
            },
        }
    }

    fn details(&self, machine: &Machine) -> Details {
        Details {
            messages: machine.messages.last_lines(10),
            console: machine.console.last_lines(12),
            log: keep_log(&self.logs, &machine.console.bytes()),
        }
    }
}

#[derive(Debug)]
struct Limits {
    begin: Instant,
    boot: Duration,
    total: Option<Duration>,
    quiet: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Session,
    Cancelled,
    BootLimit,
    TimeLimit,
    Quiet,
}

/// Copies what `job` has open to `inherited`, of which the first is the channel, and says under
/// which numbers.
fn wire(job: &Job, inherited: &mut Vec<OwnedFd>) -> Result<Wiring, Error> {
    let failed = |source| Error::System {
        action: "copy a descriptor",
        source,
    };
    let channel = inherited[0].as_raw_fd();
    let mut copy = |fd: BorrowedFd<'_>| {
        let copy = fd.try_clone_to_owned().map_err(failed)?;
        let number = copy.as_raw_fd();
        inherited.push(copy);
        Ok::<_, Error>(number)
    };
    let signals = job.signals.as_ref().map(|end| copy(end.as_fd()));
    let signals = signals.transpose()?;
    let mut disks = Vec::new();
    for disk in &job.disks {
        let fd = copy(disk.file.as_fd())?;
        disks.push(wired_disk(disk.file.as_fd(), fd).map_err(|error| failed(error.into()))?);
    }
    Ok(Wiring {
        channel,
        signals,
        disks,
    })
}

/// What QEMU is told of the disk `file`, which it has as `fd`.
fn wired_disk(file: BorrowedFd<'_>, fd: i32) -> rustix::io::Result<WiredDisk> {
    let writes = OFlags::RDWR | OFlags::WRONLY;
    Ok(WiredDisk {
        fd,
        driver: match FileType::from_raw_mode(fstat(file)?.st_mode) {
            FileType::BlockDevice => "host_device",
            _ => "file",
        },
        read_only: match fcntl_getfl(file)?.intersects(writes) {
            true => "off",
            false => "on",
        },
    })
}

fn wait(session: &Session, limits: &Limits, cancel: &Cancel) -> std::io::Result<End> {
    let boot = limits.begin.checked_add(limits.boot);
    let total = limits
        .total
        .and_then(|limit| limits.begin.checked_add(limit));
    let sources = [session.ended().as_fd(), cancel.latch().as_fd()];
    let passed = |at: Option<Instant>| at.is_some_and(|at| at <= Instant::now());
    loop {
        let next = if session.is_up() {
            // One that speaks just now is asked again when it can have been quiet for too long.
            let now = limits
                .quiet
                .and_then(|limit| Instant::now().checked_add(limit));
            quiet_end(session, limits).or(now)
        } else {
            boot
        };
        match wait_readable(&sources, next.into_iter().chain(total).min())? {
            Some(0) => return Ok(End::Session),
            Some(_) => return Ok(End::Cancelled),
            None if passed(total) => return Ok(End::TimeLimit),
            None if !session.is_up() => return Ok(End::BootLimit),
            None if passed(quiet_end(session, limits)) => return Ok(End::Quiet),
            None => {}
        }
    }
}

/// When the host will have been quiet for too long, if it says nothing until then.
fn quiet_end(session: &Session, limits: &Limits) -> Option<Instant> {
    session.quiet_since()?.checked_add(limits.quiet?)
}

fn check_size(spec: &HostSpec) -> Result<(), Error> {
    let cpus = match spec.gic {
        Gic::V2 => 1..=8,
        Gic::V3 => 1..=512,
    };
    if !cpus.contains(&spec.cpus) {
        let (most, kind) = (cpus.end(), spec.gic);
        return Err(Error::HostSize(format!(
            "{} CPUs (1 to {most} with a {kind})",
            spec.cpus
        )));
    }
    if spec.memory_mib < LEAST_MEMORY {
        let memory = spec.memory_mib;
        return Err(Error::HostSize(format!(
            "{memory} MiB of memory ({LEAST_MEMORY} at least)"
        )));
    }
    Ok(())
}

fn ending(status: ProcessStatus) -> String {
    if status.success() {
        // QEMU ends without an error when the guest's kernel panics and wants to reboot.
        "its kernel powered off or panicked".into()
    } else {
        format!("QEMU ended with {status}")
    }
}

/// Keeps a failed host's console; only the newest few are kept, and a log that cannot be written is
/// no reason to hide the failure it belongs to.
fn keep_log(logs: &Path, console: &[u8]) -> Option<PathBuf> {
    if console.is_empty() {
        return None;
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    let name = format!("console-{:013}-{}.log", now.as_millis(), std::process::id());
    std::fs::create_dir_all(logs).ok()?;
    let path = logs.join(name);
    std::fs::write(&path, console).ok()?;
    remove_oldest(logs);
    Some(path)
}

fn remove_oldest(logs: &Path) {
    let Ok(entries) = std::fs::read_dir(logs) else {
        return;
    };
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    names.sort();
    for path in names.iter().take(names.len().saturating_sub(LOGS_KEPT)) {
        // Another run may have removed it first.
        let _ = std::fs::remove_file(path);
    }
}

/// How long a host that lost its channel may take to say why.
const GRACE: Duration = Duration::from_secs(5);
const LEAST_MEMORY: u32 = 256;
const LOGS_KEPT: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build_id::BuildId;
    use crate::frame::{Hello, PROTOCOL, Report, write_message};
    use crate::job::Executable;
    use crate::session::Stdin;

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let mut spec = HostSpec {
            cpus: 0,
            ..HostSpec::default()
        };
        assert!(
            check_size(&spec)
                .unwrap_err()
                .to_string()
                .contains("0 CPUs")
        );
        spec = HostSpec {
            cpus: 9,
            gic: Gic::V2,
            ..HostSpec::default()
        };
        let text = check_size(&spec).unwrap_err().to_string();
        assert_eq!(text, "a lab host cannot have 9 CPUs (1 to 8 with a GICv2)");
        spec = HostSpec {
            memory_mib: 64,
            ..HostSpec::default()
        };
        assert!(
            check_size(&spec)
                .unwrap_err()
                .to_string()
                .contains("64 MiB of memory")
        );
        assert!(check_size(&HostSpec::default()).is_ok());
    }

    /// A host whose QEMU is the shell script `script`.
    struct Fake {
        _directory: tempfile::TempDir,
        host: Host,
        program: Program,
    }

    impl Fake {
        fn new(script: &str, boot_limit: Duration) -> Self {
            use std::os::unix::fs::PermissionsExt as _;
            let directory = tempfile::tempdir().unwrap();
            let path = |name: &str| directory.path().join(name);
            let write = |name: &str, content: &[u8]| {
                std::fs::write(path(name), content).unwrap();
                let executable = std::fs::Permissions::from_mode(0o755);
                std::fs::set_permissions(path(name), executable).unwrap();
            };
            let answers = "case \"$*\" in --version) echo QEMU version 10.0.2; exit;; \
                           *help) echo ' max'; exit;; esac";
            write(
                "qemu",
                format!("#!/bin/sh\n{answers}\n{script}\n").as_bytes(),
            );
            let mut image = vec![0; 64];
            image[56..60].copy_from_slice(b"ARM\x64");
            write("Image", &image);
            let mut elf = vec![0; 120];
            elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
            (elf[16], elf[18], elf[32], elf[54], elf[56]) = (2, 183, 64, 56, 1);
            elf.extend_from_slice(b"vambrace-build-id=0123456789abcdef;");
            write("vambrace", &elf);
            let mut spec = HostSpec::with_kernel(Kernel::File(path("Image")));
            spec.boot_limit = boot_limit;
            let cache = Cache::in_directory(&path("cache"));
            let qemu = Qemu::at(path("qemu")).unwrap();
            let host = Host::prepare(spec, qemu, &cache).unwrap().unwrap();
            let program = Program::open(&path("vambrace")).unwrap();
            Self {
                _directory: directory,
                host,
                program,
            }
        }

        fn run(&self, time_limit: Option<Duration>, cancel: &Cancel) -> Error {
            let job = Job {
                time_limit,
                ..Job::new(Executable::Vambrace, Vec::new())
            };
            let streams = Streams {
                stdin: Stdin::Empty,
                stdout: Box::new(std::io::sink()),
                stderr: Box::new(std::io::sink()),
            };
            self.host
                .run(&self.program, &job, streams, cancel)
                .unwrap_err()
        }
    }

    const LONG: Duration = Duration::from_secs(600);
    const SHORT: Duration = Duration::from_millis(100);

    #[test]
    fn a_host_that_stays_silent_is_given_up_with_its_console() {
        let fake = Fake::new("echo booting; sleep 600", Duration::from_secs(3));
        let Error::HostSilent { details, .. } = fake.run(None, &Cancel::new().unwrap()) else {
            panic!("the host did not come up");
        };
        assert_eq!(details.console, ["booting"]);
        assert_eq!(std::fs::read(details.log.unwrap()).unwrap(), b"booting\n");
    }

    #[test]
    fn a_qemu_that_ends_is_told_with_its_status_and_its_last_words() {
        let fake = Fake::new("echo no memory >&2; exit 3", LONG);
        let Error::HostDied { ending, details } = fake.run(None, &Cancel::new().unwrap()) else {
            panic!("the host died");
        };
        assert_eq!(ending, "QEMU ended with exit status: 3");
        assert_eq!(details.messages, ["no memory"]);
    }

    #[test]
    fn the_time_limit_counts_from_the_start() {
        let fake = Fake::new("sleep 600", LONG);
        let error = fake.run(Some(SHORT), &Cancel::new().unwrap());
        assert!(
            matches!(error, Error::TimeLimit { limit: SHORT, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_host_that_is_up_and_goes_quiet_is_given_up() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let plan = Plan {
            build_id: BuildId::parse(b"0123456789abcdef").unwrap(),
            start: Job::new(Executable::Vambrace, Vec::new()).start().unwrap(),
            outputs: Vec::new(),
            disks: Vec::new(),
        };
        let streams = Streams {
            stdin: Stdin::Empty,
            stdout: Box::new(std::io::sink()),
            stderr: Box::new(std::io::sink()),
        };
        let hello = Report::Hello(Hello {
            protocol: PROTOCOL,
            build_id: plan.build_id,
        });
        let session = Session::begin(ours, plan, streams).unwrap();
        write_message(&mut theirs, &hello).unwrap();
        let limits = Limits {
            begin: Instant::now(),
            boot: LONG,
            total: Some(LONG),
            quiet: Some(SHORT),
        };
        while !session.is_up() {
            std::thread::yield_now();
        }
        let end = wait(&session, &limits, &Cancel::new().unwrap()).unwrap();
        assert!(matches!(end, End::Quiet), "{end:?}");
        session.abandon();
    }

    #[test]
    fn a_disk_is_used_as_it_was_opened() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let reader = std::fs::File::open(file.path()).unwrap();
        let reader = wired_disk(reader.as_fd(), 9).unwrap();
        assert_eq!((reader.driver, reader.read_only), ("file", "on"));
        let writer = wired_disk(file.as_file().as_fd(), 9).unwrap();
        assert_eq!((writer.fd, writer.read_only), (9, "off"));
    }

    #[test]
    fn a_cancelled_run_ends_at_once() {
        let fake = Fake::new("sleep 600", LONG);
        let cancel = Cancel::new().unwrap();
        cancel.cancel();
        assert!(matches!(fake.run(None, &cancel), Error::Cancelled));
    }

    #[test]
    fn only_the_newest_consoles_are_kept() {
        let logs = tempfile::tempdir().unwrap();
        for index in 0..25 {
            std::fs::write(logs.path().join(format!("console-{index:013}-1.log")), "x").unwrap();
        }
        let newest = keep_log(logs.path(), b"text").unwrap();
        assert_eq!(std::fs::read(newest).unwrap(), b"text");
        assert_eq!(std::fs::read_dir(logs.path()).unwrap().count(), 20);
        assert!(!logs.path().join("console-0000000000005-1.log").exists());
        assert!(logs.path().join("console-0000000000006-1.log").exists());
    }
}
