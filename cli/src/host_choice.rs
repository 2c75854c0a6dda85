//! Where a machine runs: this machine's KVM, or a lab host's.

use std::str::FromStr;

use vambrace_kvm::sys::{self, Errno};
use vambrace_lab::HostSpec;

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
    /// The program at EL2, on a board with this CPU.
    El2(String),
}

/// Where it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// This machine.
    Local,
    /// A lab host.
    Lab(HostSpec),
    /// The program at EL2, on a board with this CPU.
    El2(String),
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
            _ => match text
                .strip_prefix("el2")
                .map(|rest| rest.split_at_checked(1))
            {
                Some(None) => Ok(Self::El2(EL2_CPU.into())),
                Some(Some((":", cpu))) if !cpu.is_empty() => Ok(Self::El2(cpu.into())),
                Some(Some(_)) | None => {
                    Err("write auto, local, lab[:KERNEL[:CPU]] or el2[:CPU]".into())
                }
            },
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
            Self::El2(cpu) => Ok(Host::El2(cpu.clone())),
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
        assert_eq!("el2".parse(), Ok(HostChoice::El2("max".into())));
        assert_eq!(
            "el2:cortex-a57".parse(),
            Ok(HostChoice::El2("cortex-a57".into()))
        );
        for wrong in ["", "remote", "lab:9.9", "labs", "el2:", "el2max", "el"] {
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
