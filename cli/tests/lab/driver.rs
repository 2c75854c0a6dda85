//! Running `vambrace` and the probe, and looking at what they leave behind.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The program under test.
pub(crate) fn vambrace() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vambrace"));
    command.stdin(Stdio::null());
    command
}

/// `vambrace lab run OPTIONS -- COMMAND`
pub(crate) fn lab_run(options: &[&str], command: &[&str]) -> Command {
    let mut vambrace = vambrace();
    vambrace
        .args(["lab", "run"])
        .args(options)
        .arg("--")
        .args(command);
    vambrace
}

/// The probe, compiled for the inside of a lab host.
pub(crate) fn probe() -> &'static str {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    let path = PROBE.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = directory.join("probe");
        let draft = directory.join(format!("probe-{}", std::process::id()));
        let status = Command::new("rustc")
            .args([
                "--edition=2024",
                "-O",
                "--target=aarch64-unknown-linux-musl",
            ])
            .args(["-C", "linker=rust-lld", "-o"])
            .arg(&draft)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/probe.rs"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("rustc runs");
        assert!(status.success(), "the probe compiles");
        // Another test program may do the same at this moment.
        std::fs::rename(draft, &path).expect("the probe is put in its place");
        path
    });
    path.to_str().expect("the target directory's path is text")
}

/// What a command printed and how it ended, as text.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) fn see(command: &mut Command) -> Seen {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("vambrace runs");
    Seen {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

impl Seen {
    /// Asserts that this is an error of ours that says all of `parts`.
    #[track_caller]
    pub(crate) fn is_own_error(&self, parts: &[&str]) {
        assert_eq!(self.code, Some(125), "{self:?}");
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "{part:?} is not in {}",
                self.stderr
            );
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

/// A command that hangs in a lab host, and the QEMU it hangs in.
pub(crate) struct Hanging {
    pub(crate) vambrace: Child,
    pub(crate) qemu: u32,
    /// Held, so that the command can still write.
    _stdout: ChildStdout,
}

/// Starts the hanging probe and waits until it runs.
pub(crate) fn hanging(options: &[&str]) -> Hanging {
    let mut vambrace = lab_run(options, &[probe(), "hang"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("vambrace runs");
    let mut stdout = vambrace.stdout.take().expect("standard output is a pipe");
    let mut line = [0; 8];
    stdout
        .read_exact(&mut line)
        .expect("the command comes to run");
    assert_eq!(&line, b"hanging\n");
    let qemu = children(vambrace.id())
        .into_iter()
        .find(|pid| name(*pid).starts_with("qemu"));
    Hanging {
        qemu: qemu.expect("QEMU is a child of vambrace"),
        vambrace,
        _stdout: stdout,
    }
}

/// Waits until no process has the number `pid` any more.
#[track_caller]
pub(crate) fn assert_gone(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while is_running(pid) {
        assert!(Instant::now() < deadline, "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a signal with kill(1).
pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .status();
    assert!(status.expect("kill runs").success());
}

/// A directory for `PATH` with a program `qemu-system-aarch64` of ours.
pub(crate) fn fake_qemu(script: &str) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("qemu-system-aarch64");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("the script is written");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, executable).expect("the script is made executable");
    directory
}

/// The real one.
pub(crate) fn qemu() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join("qemu-system-aarch64"))
        .find(|program| program.is_file())
        .expect("QEMU is installed")
}

/// What every fake QEMU answers, up to the point where it is asked to run a host.
pub(crate) const ANSWERS: &str = "\
case \"$*\" in
--version) echo 'QEMU emulator version 10.0.2'; exit 0;;
*'-cpu help') echo 'Available CPUs:'; echo '  max'; exit 0;;
esac";

/// Our PATH behind `directory`.
pub(crate) fn path_with(directory: &Path) -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(directory.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(all).expect("PATH can be put together")
}

/// A file of the cached default kernel's directory, from `vambrace lab list`.
pub(crate) fn cached_kernel() -> PathBuf {
    let list = see(vambrace().args(["lab", "list", "--json"]));
    let list: serde_json::Value = serde_json::from_str(&list.stdout).expect("the list is JSON");
    let kernels = list["kernels"].as_array().expect("there are kernels");
    let default = kernels
        .iter()
        .find(|kernel| kernel["default"] == true)
        .expect("a default");
    let directory = default["fetched"]["directory"]
        .as_str()
        .expect("the default is fetched");
    let cache = list["cache"].as_str().expect("the cache is named");
    Path::new(cache).join(directory).join("vmlinuz")
}

fn is_running(pid: u32) -> bool {
    // A zombie has ended; it waits for its parent, which may be a container's careless init.
    stat(pid).is_some_and(|fields| fields[0] != "Z")
}

fn children(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc")
        .expect("/proc is mounted")
        .flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| stat(*pid).is_some_and(|fields| fields[1] == parent.to_string()))
        .collect()
}

fn name(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default()
}

/// The fields of /proc/PID/stat from the third on: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}
