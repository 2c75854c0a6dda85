//! QEMU's arm64 system emulator, with every CPU model that the lab uses.
//!
//! On Debian it is installed; elsewhere the answer is what to install. Debian 12's own QEMU 7.2
//! lacks CPU models and comes from bookworm-backports instead, through options of that one call of
//! apt: the system's package sources and lists stay as they are.

use anyhow::{Context, Result, bail};
use std::process::Command;

use super::debian::{self, Release};
use super::say;
use crate::process;
use crate::workspace::Workspace;

const PROGRAM: &str = "qemu-system-aarch64";
const PACKAGE: &str = "qemu-system-arm";
/// The first with every CPU of the lab.
const OLDEST: (u32, u32) = (8, 2);
/// The folder of the private lists.
const LISTS: &str = "apt";

/// The CPU models of the lab.
pub(crate) const CPUS: [&str; 9] = [
    "max",
    "cortex-a57",
    "cortex-a72",
    "cortex-a76",
    "cortex-a710",
    "neoverse-n1",
    "neoverse-v1",
    "neoverse-n2",
    "a64fx",
];

pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    let lack = match probe()? {
        State::Usable { version } => {
            say("QEMU", version);
            return Ok(());
        }
        State::Lacking(lack) => lack,
    };
    say("QEMU", &lack);
    let commands = installation(workspace, &lack)?;
    if !debian::is_root()? {
        let lines: Vec<String> = commands.iter().map(process::shell_line).collect();
        bail!(
            "{lack}\nRun this as root, then start again:\n\n  {}\n",
            lines.join("\n  ")
        );
    }
    for mut command in commands {
        command.env("DEBIAN_FRONTEND", "noninteractive");
        process::show(command)?;
    }
    match probe()? {
        State::Usable { version } => say("QEMU", version),
        State::Lacking(lack) => bail!("{PACKAGE} is installed, but {lack}"),
    }
    debian::discard(&workspace.scratch(LISTS))
}

/// The commands that install QEMU here, each to be run as root.
fn installation(workspace: &Workspace, lack: &str) -> Result<Vec<Command>> {
    let os_release =
        std::fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    match Source::for_release(Release::parse(&os_release)) {
        Source::Release => Ok(debian::install(PACKAGE)),
        Source::Backports { suite, into } => {
            let lists = debian::private_lists(&workspace.scratch(LISTS), suite, into)?;
            Ok(debian::install_from(suite, &lists, PACKAGE))
        }
        Source::Unknown => bail!(
            "{lack}\nInstall QEMU {} or newer with {PROGRAM} on the search path, then start again; \
             only Debian 12 and newer are set up automatically",
            oldest()
        ),
    }
}

/// Where a release of Debian has a QEMU that is new enough.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Release,
    Backports {
        suite: &'static str,
        into: &'static str,
    },
    Unknown,
}

impl Source {
    fn for_release(release: Release) -> Self {
        match release {
            Release::Debian(12) => Self::Backports {
                suite: "bookworm-backports",
                into: "bookworm",
            },
            Release::Debian(13..) | Release::DebianTesting => Self::Release,
            Release::Debian(..12) | Release::Other => Self::Unknown,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Usable {
        version: String,
    },
    /// What is wrong, as a sentence's end.
    Lacking(String),
}

fn probe() -> Result<State> {
    let mut version = process::command(PROGRAM);
    version.arg("--version");
    if let Err(error) = version.output() {
        if error.kind() == std::io::ErrorKind::NotFound {
            return Ok(State::Lacking(format!("{PROGRAM} is missing")));
        }
        return Err(error).with_context(|| format!("cannot start {PROGRAM}"));
    }
    let version = process::output(version)?;
    let mut cpus = process::command(PROGRAM);
    cpus.args(["-cpu", "help"]);
    judge(&version, &process::output(cpus)?)
}

fn oldest() -> String {
    format!("{}.{}", OLDEST.0, OLDEST.1)
}

fn judge(version: &str, cpus: &str) -> Result<State> {
    let version = version
        .split_whitespace()
        .skip_while(|word| *word != "version")
        .nth(1)
        .with_context(|| format!("{PROGRAM} --version names no version: {version}"))?;
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    let major = numbers.next().flatten();
    let major =
        major.with_context(|| format!("{PROGRAM} has a version that is no number: {version}"))?;
    if (major, numbers.next().flatten().unwrap_or(0)) < OLDEST {
        return Ok(State::Lacking(format!(
            "{PROGRAM} is {version}, and {} is needed",
            oldest()
        )));
    }
    let known: Vec<&str> = cpus.split_whitespace().collect();
    let unknown: Vec<&str> = CPUS
        .into_iter()
        .filter(|cpu| !known.contains(cpu))
        .collect();
    if !unknown.is_empty() {
        return Ok(State::Lacking(format!(
            "{PROGRAM} {version} lacks the CPUs {}",
            unknown.join(", ")
        )));
    }
    Ok(State::Usable {
        version: version.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL_CPUS: &str = "Available CPUs:\n  a64fx\n  cortex-a57\n  cortex-a710\n  cortex-a72\n  \
        cortex-a76\n  max\n  neoverse-n1\n  neoverse-n2\n  neoverse-v1\n";

    #[test]
    fn debian_12_takes_qemu_from_backports_and_newer_ones_from_the_release() {
        let backports = Source::Backports {
            suite: "bookworm-backports",
            into: "bookworm",
        };
        assert_eq!(Source::for_release(Release::Debian(12)), backports);
        assert_eq!(Source::for_release(Release::Debian(13)), Source::Release);
        assert_eq!(Source::for_release(Release::DebianTesting), Source::Release);
    }

    #[test]
    fn an_older_debian_and_another_system_are_told_what_is_needed() {
        assert_eq!(Source::for_release(Release::Debian(11)), Source::Unknown);
        assert_eq!(Source::for_release(Release::Other), Source::Unknown);
    }

    #[test]
    fn the_version_of_backports_is_usable() {
        let version =
            "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)\nCopyright";
        let state = judge(version, ALL_CPUS).unwrap();
        assert_eq!(
            state,
            State::Usable {
                version: "10.0.2".to_owned()
            }
        );
    }

    #[test]
    fn bookworms_own_version_is_too_old() {
        let state = judge("QEMU emulator version 7.2.22 (Debian 1:7.2)", ALL_CPUS).unwrap();
        assert_eq!(
            state,
            State::Lacking("qemu-system-aarch64 is 7.2.22, and 8.2 is needed".to_owned())
        );
    }

    #[test]
    fn a_missing_cpu_is_named_and_no_prefix_of_another_stands_in_for_it() {
        let without_a72 = ALL_CPUS.replace("  cortex-a72\n", "  cortex-a720\n");
        let state = judge("QEMU emulator version 8.2.0", &without_a72).unwrap();
        assert_eq!(
            state,
            State::Lacking("qemu-system-aarch64 8.2.0 lacks the CPUs cortex-a72".to_owned())
        );
    }

    #[test]
    fn an_answer_that_is_not_qemus_is_an_error() {
        assert!(judge("command not found", ALL_CPUS).is_err());
        assert!(judge("QEMU emulator version next", ALL_CPUS).is_err());
    }
}
