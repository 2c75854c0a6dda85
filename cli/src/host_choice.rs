//! Where a machine runs: this machine's KVM, or a lab host's.

use std::fmt;
use std::str::FromStr;

use vambrace_kvm::sys::{self, Errno};
use vambrace_lab::HostSpec;
use vambrace_lab::host::Clock;

use crate::failure::Failure;
use crate::progress::say;

/// `--host`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostChoice {
    /// This machine if it has arm64 KVM, else the lab's default.
    Auto,
    /// This machine.
    Local,
    /// A lab host.
    Lab(HostSpec),
    /// The program at EL2, on such a board.
    El2(El2Host),
}

/// Where it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// This machine.
    Local,
    /// A lab host.
    Lab(HostSpec),
    /// The program at EL2, on such a board.
    El2(El2Host),
}

/// A board at EL2: `el2[:CPU[:icount]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct El2Host {
    /// QEMU's name of its CPU.
    pub(crate) cpu: String,
    /// What its clock counts.
    pub(crate) clock: Clock,
}

impl El2Host {
    /// A board with this CPU, whose clock counts time.
    pub(crate) fn with_cpu(cpu: &str) -> Self {
        Self {
            cpu: cpu.to_owned(),
            clock: Clock::Time,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(':');
        let ("el2", cpu, clock) = (fields.next()?, fields.next(), fields.next()) else {
            return None;
        };
        let clock = match (clock, fields.next()) {
            (None, None) => Clock::Time,
            (Some("icount"), None) => Clock::Instructions,
            (_, _) => return None,
        };
        let cpu = cpu.unwrap_or(EL2_CPU).to_owned();
        (!cpu.is_empty()).then_some(Self { cpu, clock })
    }
}

impl fmt::Display for El2Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "el2:{}", self.cpu)?;
        match self.clock {
            Clock::Time => Ok(()),
            Clock::Instructions => write!(f, ":icount"),
        }
    }
}

impl FromStr for HostChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "local" => Ok(Self::Local),
            _ if text == "lab" || text.starts_with("lab:") => text
                .parse()
                .map(Self::Lab)
                .map_err(|error: vambrace_lab::Error| error.to_string()),
            _ => El2Host::parse(text)
                .map(Self::El2)
                .ok_or_else(|| "write auto, local, lab[:KERNEL[:CPU]] or el2[:CPU]".into()),
        }
    }
}

impl HostChoice {
    /// Whether there is no kernel.
    pub(crate) const fn is_el2(&self) -> bool {
        matches!(self, Self::El2(_))
    }

    /// Decides; says so in one line where the user left it open.
    pub(crate) fn resolve(&self) -> Result<Host, Failure> {
        match self {
            Self::Local => Ok(Host::Local),
            Self::Lab(spec) => Ok(Host::Lab(spec.clone())),
            Self::El2(host) => Ok(Host::El2(host.clone())),
            Self::Auto => match sys::open() {
                Ok(_) => Ok(Host::Local),
                Err(error) => {
                    let spec = HostSpec::default();
                    let reason = match error.errno {
                        Errno::ENODEV | Errno::ENOENT => "this machine has no arm64 KVM".to_owned(),
                        _ => error.to_string(),
                    };
                    say(&format!("{reason}: running on {spec} (emulated)"));
                    Ok(Host::Lab(spec))
                }
            },
        }
    }
}

/// The release of the kernel that runs, as `uname -r` says it.
pub(crate) fn kernel_release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

/// Major and minor number of a release; what is no number counts as 0.
pub(crate) fn version_of(release: &str) -> (u32, u32) {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The CPU of a board at EL2 that names none: it has the most.
pub(crate) const EL2_CPU: &str = "max";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_written_as_in_the_documentation() {
        assert_eq!("auto".parse(), Ok(HostChoice::Auto));
        assert_eq!("local".parse(), Ok(HostChoice::Local));
        assert_eq!("lab".parse(), Ok(HostChoice::Lab(HostSpec::default())));
        assert!("lab:6.1:neoverse-n1".parse::<HostChoice>().is_ok());
        for (text, full) in [
            ("el2", "el2:max"),
            ("el2:cortex-a57", "el2:cortex-a57"),
            ("el2:max:icount", "el2:max:icount"),
        ] {
            let Ok(HostChoice::El2(host)) = text.parse() else {
                panic!("{text}");
            };
            assert_eq!(host.to_string(), full);
        }
        for wrong in [
            "",
            "remote",
            "lab:9.9",
            "labs",
            "el2:",
            "el2max",
            "el",
            "el2:max:fast",
        ] {
            assert!(wrong.parse::<HostChoice>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn releases_begin_with_major_and_minor() {
        assert_eq!(version_of("6.12.107+deb13-cloud-arm64"), (6, 12));
        assert_eq!(version_of("5.10.0-32-cloud-arm64"), (5, 10));
        assert_eq!(version_of("7.3"), (7, 3));
        assert_eq!(version_of("strange"), (0, 0));
    }
}
