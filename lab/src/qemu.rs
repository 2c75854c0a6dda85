//! QEMU: finding it, what it knows, and the command line that makes a lab host.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::host::{Clock, Gic, HostSpec, MemoryTagging, Nesting};

/// What a host has open under the numbers of this process's descriptors.
#[derive(Debug, Default)]
pub(crate) struct Wiring {
    /// The channel.
    pub(crate) channel: i32,
    /// The way for signals, if there is one.
    pub(crate) signals: Option<i32>,
    /// The disks.
    pub(crate) disks: Vec<WiredDisk>,
}

/// A disk's descriptor, and how QEMU is to use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WiredDisk {
    pub(crate) fd: i32,
    /// QEMU's driver for what it is.
    pub(crate) driver: &'static str,
    /// QEMU's word for whether it is only read.
    pub(crate) read_only: &'static str,
}

/// An installed `qemu-system-aarch64`.
#[derive(Debug, Clone)]
pub struct Qemu {
    program: PathBuf,
    version: Version,
}

/// A version of QEMU: major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Qemu {
    /// The one in `PATH`.
    ///
    /// # Errors
    /// There is none, it does not run, or it is older than [`OLDEST`].
    pub fn locate() -> Result<Self, Error> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .map(|directory| directory.join(PROGRAM))
            .find(|program| is_executable(program))
            .ok_or(Error::QemuMissing)
            .and_then(Self::at)
    }

    /// The one at `program`.
    ///
    /// # Errors
    /// It does not run, or is older than [`OLDEST`].
    pub fn at(program: PathBuf) -> Result<Self, Error> {
        let text = answer(&program, &["--version"])?;
        let version = parse_version(&text).ok_or_else(|| Error::QemuUnusable {
            program: program.clone(),
            reason: format!("`{PROGRAM} --version` does not name a version"),
        })?;
        if version < OLDEST {
            return Err(Error::QemuTooOld { program, version });
        }
        Ok(Self { program, version })
    }

    /// One that there is not.
    #[cfg(test)]
    pub(crate) fn sample(version: Version) -> Self {
        Self {
            program: PROGRAM.into(),
            version,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The names of the 64-bit CPU models it emulates.
    ///
    /// # Errors
    /// It does not run.
    pub fn cpu_models(&self) -> Result<Vec<String>, Error> {
        answer(&self.program, &["-M", "virt", "-cpu", "help"]).map(|text| parse_cpu_models(&text))
    }

    /// Refuses a CPU model that this QEMU does not emulate.
    pub(crate) fn check_cpu(&self, host: &HostSpec) -> Result<(), Error> {
        self.check_model(host.cpu_model())
    }

    /// The same, by the model's name.
    pub(crate) fn check_model(&self, model: &str) -> Result<(), Error> {
        let known = self.cpu_models()?;
        if known.iter().any(|name| name == model) {
            return Ok(());
        }
        Err(Error::UnknownCpu {
            name: model.to_owned(),
            known,
        })
    }
}

/// The emulated machine below whatever boots on it: QEMU's `virt` board with EL2, no device that
/// was not asked for, and the first UART on QEMU's own input and output.
pub(crate) struct Platform<'a> {
    /// What is said of the board beyond that, behind commas.
    pub(crate) machine: String,
    /// QEMU's name of the CPU, and its properties.
    pub(crate) cpu: &'a str,
    pub(crate) cpus: u32,
    pub(crate) memory_mib: u64,
    pub(crate) clock: Clock,
}

impl Platform<'_> {
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let clock = match self.clock {
            Clock::Time => "-accel tcg,thread=multi",
            Clock::Instructions => "-accel tcg,thread=single -icount shift=0,sleep=off",
        };
        let before = format!(
            "-nodefaults -no-user-config -display none -nic none -no-reboot \
             -M virt,virtualization=on,{} -cpu",
            self.machine
        );
        let behind = format!(
            "{clock} -smp {} -m {}M -chardev stdio,id=console,signal=off -serial chardev:console",
            self.cpus, self.memory_mib
        );
        let words = |line: &str| {
            line.split_whitespace()
                .map(OsString::from)
                .collect::<Vec<_>>()
        };
        // What the user said of the CPU is one word, whatever is in it.
        [words(&before), vec![self.cpu.into()], words(&behind)].concat()
    }
}

/// The arguments that make `host` out of `kernel`, an initramfs and what is open for it.
pub(crate) fn arguments(
    host: &HostSpec,
    kernel: &Path,
    initramfs: &OsStr,
    wiring: &Wiring,
) -> Vec<OsString> {
    let gic = match host.gic {
        Gic::V2 => 2,
        Gic::V3 => 3,
    };
    let tagging = match host.memory_tagging {
        MemoryTagging::On => ",mte=on",
        MemoryTagging::Off => "",
    };
    let platform = Platform {
        machine: format!("gic-version={gic}{tagging}"),
        cpu: &host.cpu,
        cpus: host.cpus,
        memory_mib: host.memory_mib.into(),
        clock: host.clock,
    };
    let mut arguments = platform.arguments();
    let mut push = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
    push(&["-device", "virtio-serial-pci"]);
    // The kernel learns of ports in this order, and init waits for the last one alone.
    let signals = wiring.signals.map(|fd| ("signals", fd, SIGNALS_PORT));
    for (id, fd, name) in signals
        .into_iter()
        .chain([("channel", wiring.channel, PORT)])
    {
        push(&["-chardev", &format!("socket,id={id},fd={fd}")]);
        let port = format!("virtserialport,chardev={id},name={name}");
        push(&["-device", &port]);
    }
    for (number, disk) in wiring.disks.iter().enumerate() {
        disk.words(number, &mut push);
    }
    push(&["-append", &kernel_command_line(host)]);
    arguments.extend([
        "-kernel".into(),
        kernel.into(),
        "-initrd".into(),
        initramfs.into(),
    ]);
    arguments
}

impl WiredDisk {
    /// An NVMe disk, for which every kernel of the lab has a driver built in; it is known by its
    /// serial number. Whoever opened it holds the lock; holes that are made inside are made here.
    fn words(self, number: usize, push: &mut impl FnMut(&[&str])) {
        let Self {
            fd,
            driver,
            read_only,
        } = self;
        let set = number + 1;
        push(&["-add-fd", &format!("fd={fd},set={set}")]);
        push(&[
            "-blockdev",
            &format!(
                "driver={driver},node-name=disk{number},filename=/dev/fdset/{set},locking=off,\
                 discard=unmap,read-only={read_only}"
            ),
        ]);
        push(&[
            "-device",
            &format!("nvme,drive=disk{number},serial={DISK_SERIAL}{number}"),
        ]);
    }
}

fn kernel_command_line(host: &HostSpec) -> String {
    let nesting = match host.nesting {
        Nesting::On => " kvm-arm.mode=nested",
        Nesting::Off => "",
    };
    // A kernel that panics ends QEMU at once (reboot, and QEMU does not), and one that has found a
    // fault in itself panics: it would go on with a vCPU lost or a lock held. What stands behind
    // `--` goes to init.
    format!(
        "console=ttyAMA0 loglevel=6 panic=-1 oops=panic{nesting} -- {}",
        crate::init::ARGUMENT
    )
}

fn is_executable(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    program
        .metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// What `program` prints when it is asked something it answers at once.
fn answer(program: &Path, arguments: &[&str]) -> Result<String, Error> {
    let unusable = |reason| Error::QemuUnusable {
        program: program.to_owned(),
        reason,
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    crate::child::tie_to_parent(&mut command, Vec::new());
    let output = command
        .output()
        .map_err(|error| unusable(error.to_string()))?;
    if !output.status.success() {
        let stderr = crate::tail::last_lines(&output.stderr, 5).join("; ");
        let arguments = arguments.join(" ");
        return Err(unusable(format!(
            "`{PROGRAM} {arguments}` ended with {}: {stderr}",
            output.status
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn parse_version(text: &str) -> Option<Version> {
    let mut words = text.split_whitespace();
    words.find(|word| *word == "version")?;
    let mut numbers = words.next()?.split('.').map(|number| number.parse().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    Some(Version(major, minor, numbers.next().flatten().unwrap_or(0)))
}

/// A line per model, indented; the 32-bit ones cannot run an arm64 kernel and are left out.
fn parse_cpu_models(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !is_32_bit(name))
        .map(str::to_owned)
        .collect()
}

fn is_32_bit(model: &str) -> bool {
    let families = ["arm", "cortex-m", "cortex-r", "pxa", "sa1", "ti925"];
    let models = ["cortex-a7", "cortex-a8", "cortex-a9", "cortex-a15", "host"];
    families.iter().any(|family| model.starts_with(family)) || models.contains(&model)
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The first version whose CPU models include all that the lab names (neoverse-n2, cortex-a710).
pub const OLDEST: Version = Version(8, 2, 0);
/// The name of the virtio-serial port that carries the channel.
pub(crate) const PORT: &str = "org.vambrace.lab";
/// The name of the port on which signals for the command come.
pub(crate) const SIGNALS_PORT: &str = "org.vambrace.lab.signals";
/// A disk's serial number is this and its number.
pub(crate) const DISK_SERIAL: &str = "vambrace-";
const PROGRAM: &str = "qemu-system-aarch64";

#[cfg(test)]
mod tests {
    use super::*;

    fn command_line(host: &str) -> String {
        let wiring = Wiring {
            channel: 7,
            ..Wiring::default()
        };
        wired(host, &wiring)
    }

    fn wired(host: &str, wiring: &Wiring) -> String {
        let host = host.parse().unwrap();
        let arguments = arguments(
            &host,
            Path::new("/k,1/vmlinuz"),
            OsStr::new("/proc/self/fd/9"),
            wiring,
        );
        arguments
            .iter()
            .map(|word| word.to_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_host_is_a_machine_with_el2_and_no_network() {
        let line = command_line("lab");
        assert!(
            line.contains("-M virt,virtualization=on,gic-version=3 "),
            "{line}"
        );
        assert!(
            line.contains("-cpu max -accel tcg,thread=multi -smp 2 -m 2048M"),
            "{line}"
        );
        assert!(line.contains("-nic none -no-reboot"), "{line}");
        assert!(line.contains("-chardev socket,id=channel,fd=7"), "{line}");
        assert!(
            line.ends_with("-kernel /k,1/vmlinuz -initrd /proc/self/fd/9"),
            "{line}"
        );
    }

    #[test]
    fn a_disk_is_an_nvme_disk_on_an_open_descriptor() {
        let disk = |fd, driver, read_only| WiredDisk {
            fd,
            driver,
            read_only,
        };
        let wiring = Wiring {
            channel: 7,
            signals: None,
            disks: vec![disk(11, "file", "off"), disk(12, "host_device", "on")],
        };
        let line = wired("lab", &wiring);
        for words in [
            "-add-fd fd=11,set=1 -blockdev driver=file,node-name=disk0,filename=/dev/fdset/1,\
             locking=off,discard=unmap,read-only=off -device nvme,drive=disk0,serial=vambrace-0 ",
            "-add-fd fd=12,set=2 -blockdev driver=host_device,node-name=disk1,\
             filename=/dev/fdset/2,locking=off,discard=unmap,read-only=on \
             -device nvme,drive=disk1,serial=vambrace-1 ",
        ] {
            assert!(line.contains(words), "{line}");
        }
    }

    #[test]
    fn the_port_for_signals_comes_before_the_one_that_init_waits_for() {
        let wiring = Wiring {
            channel: 7,
            signals: Some(8),
            disks: Vec::new(),
        };
        let line = wired("lab", &wiring);
        let place = |name: &str| line.find(name).unwrap();
        assert!(place("name=org.vambrace.lab.signals") < place("name=org.vambrace.lab "));
        assert!(!command_line("lab").contains("signals"));
    }

    #[test]
    fn options_of_the_host_reach_the_machine() {
        assert!(command_line("lab:6.12:max:gic2").contains("gic-version=2 "));
        assert!(command_line("lab:6.12:max:mte").contains("gic-version=3,mte=on "));
        assert!(
            command_line("lab:7.3:max:nested")
                .contains("panic=-1 oops=panic kvm-arm.mode=nested -- ")
        );
    }

    #[test]
    fn a_host_that_counts_instructions_runs_its_cpus_in_turn() {
        let line = command_line("lab:6.12:max:icount");
        assert!(
            line.contains("-accel tcg,thread=single -icount shift=0,sleep=off -smp 2"),
            "{line}"
        );
    }

    #[test]
    fn versions_are_read_and_ordered() {
        let debian = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright";
        assert_eq!(parse_version(debian), Some(Version(10, 0, 2)));
        assert_eq!(
            parse_version("QEMU emulator version 9.1.50 (v9)"),
            Some(Version(9, 1, 50))
        );
        assert_eq!(
            parse_version("QEMU emulator version 8.2"),
            Some(Version(8, 2, 0))
        );
        assert_eq!(parse_version("something else"), None);
        assert!(Version(7, 2, 22) < OLDEST && Version(10, 0, 0) > OLDEST);
    }

    #[test]
    fn cpu_models_are_those_of_64_bits() {
        let text = "Available CPUs:\n  a64fx\n  arm1026\n  cortex-a15\n  cortex-a53\n  cortex-m3\n  \
                    max\n  pxa250 (deprecated)\n  neoverse-n1\n";
        assert_eq!(
            parse_cpu_models(text),
            ["a64fx", "cortex-a53", "max", "neoverse-n1"]
        );
    }
}
