//! Everything that can go wrong in the lab, in words for the person who has to act.
//!
//! The message says what was tried, on what, and why it failed; [`Error::hint`] says what to do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::build_id::BuildId;
use crate::frame::FrameError;
use crate::kernels::SERIES;
use crate::qemu::{OLDEST, Version};

/// Why the lab could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A host that does not begin with `lab`.
    #[error("`{0}` does not name a lab host: those are written lab[:KERNEL[:CPU[:OPTION…]]]")]
    NotALabHost(String),
    /// An option of a host that there is not.
    #[error("`{0}` is no option of a lab host: there are gic2, mte, nested and icount")]
    UnknownHostOption(String),
    /// A kernel outside the catalogue.
    #[error(
        "the lab has no kernel `{0}`: there are {names}, and your own by its path",
        names = kernel_names()
    )]
    UnknownKernel(String),
    /// A CPU model that QEMU does not emulate.
    #[error("QEMU emulates no 64-bit CPU `{name}`")]
    UnknownCpu {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A host whose number of CPUs or memory cannot be.
    #[error("a lab host cannot have {0}")]
    HostSize(String),
    /// A kernel file that is none, or is damaged beyond doubt.
    #[error("`{}` cannot be used as a kernel: {reason}", .path.display())]
    KernelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A cached kernel whose content is not what was fetched.
    #[error(
        "the cached kernel `{}` is damaged\n  expected sha256 {expected}\n     found sha256 {found}",
        .path.display()
    )]
    KernelDamaged {
        /// The series it belongs to.
        series: &'static str,
        /// The file.
        path: PathBuf,
        /// The digest recorded when it was fetched.
        expected: String,
        /// The digest it has now.
        found: String,
    },
    /// A record in the cache that cannot be understood.
    #[error("the cache's record `{}` is damaged: {reason}", .path.display())]
    RecordDamaged {
        /// The series it belongs to.
        series: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A kernel of the catalogue that is needed and not in the cache.
    #[error("the kernel {series} has not been fetched")]
    KernelNotFetched {
        /// The series it belongs to.
        series: &'static str,
    },
    /// No directory to keep kernels in.
    #[error(
        "there is no place for the cache: neither VAMBRACE_CACHE, XDG_CACHE_HOME nor HOME is set"
    )]
    NoCacheDirectory,
    /// A tool that fetching needs is not installed.
    #[error("`{tool}` is not installed; kernels are fetched with Debian's own tools")]
    ToolMissing {
        /// The tool.
        tool: &'static str,
    },
    /// The keys of Debian's archive are not installed.
    #[error("Debian's archive keys are not installed ({path} is missing)")]
    KeyringMissing {
        /// Where they are expected.
        path: &'static str,
    },
    /// The system's package sources name no Debian mirror.
    #[error("this system's package sources name no mirror of Debian's main archive")]
    NoMirror,
    /// A step of fetching failed.
    #[error("{step} failed{}", lines(.output))]
    FetchFailed {
        /// What was being done.
        step: String,
        /// The last lines the tool printed.
        output: Vec<String>,
    },
    /// The mirror has no package of the series.
    #[error("the mirror {mirror} has no kernel {series} for arm64 in {suite}")]
    NoPackage {
        /// The series.
        series: &'static str,
        /// The suite it was looked for in.
        suite: &'static str,
        /// The mirror.
        mirror: String,
    },
    /// QEMU is not installed.
    #[error("`qemu-system-aarch64` is not installed")]
    QemuMissing,
    /// QEMU does not run.
    #[error("`{}` cannot be used: {reason}", .program.display())]
    QemuUnusable {
        /// Where it is.
        program: PathBuf,
        /// What it did.
        reason: String,
    },
    /// QEMU is too old.
    #[error("`{}` is QEMU {version}; the lab needs {OLDEST} or newer", .program.display())]
    QemuTooOld {
        /// Where it is.
        program: PathBuf,
        /// Its version.
        version: Version,
    },
    /// A program that cannot run inside.
    #[error("`{}` cannot run in a lab host: {reason}", .path.display())]
    NotExecutable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A job that cannot be given to a host.
    #[error("{0}")]
    Job(String),
    /// A file or directory could not be used.
    #[error("cannot {action} `{}`: {source}", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The operating system refused something that belongs to no file.
    #[error("cannot {action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The host ended before the command did.
    #[error("the lab host ended before the command did: {ending}{details}")]
    HostDied {
        /// How QEMU ended.
        ending: String,
        /// What was seen of it.
        details: Details,
    },
    /// The host did not come up.
    #[error("the lab host did not come up within {} s{details}", .limit.as_secs())]
    HostSilent {
        /// How long it had.
        limit: Duration,
        /// What was seen of it.
        details: Details,
    },
    /// The command did not end in time.
    #[error(
        "the time limit of {} s has passed; the lab host was stopped{}",
        .limit.as_secs_f64(),
        .details.kept()
    )]
    TimeLimit {
        /// The limit.
        limit: Duration,
        /// What was seen of the host.
        details: Details,
    },
    /// The host was up and then said nothing more.
    #[error(
        "nothing has come from the lab host for {} s; it was stopped{details}",
        .limit.as_secs_f64()
    )]
    HostQuiet {
        /// How long it may say nothing.
        limit: Duration,
        /// What was seen of it.
        details: Details,
    },
    /// The run was cancelled from outside.
    #[error("the run was cancelled; the lab host was stopped")]
    Cancelled,
    /// The program inside is not the one that belongs to this program.
    #[error(
        "the program inside the lab host was built from other sources ({found}) than this one ({expected})"
    )]
    OtherBuild {
        /// The id that was expected.
        expected: BuildId,
        /// The id it reported.
        found: BuildId,
    },
    /// The program inside speaks another version of the protocol.
    #[error(
        "the program inside the lab host speaks version {found} of the protocol, not {expected}"
    )]
    OtherProtocol {
        /// The version that was expected.
        expected: u16,
        /// The version it reported.
        found: u16,
    },
    /// What came over the channel was not understood.
    #[error("the lab host's channel cannot be understood: {source}{details}")]
    Channel {
        /// What was wrong with it.
        source: FrameError,
        /// What was seen of the host.
        details: Details,
    },
    /// The init of the host could not do its work.
    #[error("inside the lab host: {reason}{details}")]
    InitFailed {
        /// What it said.
        reason: String,
        /// What was seen of the host.
        details: Details,
    },
    /// The command's output could not be passed on.
    #[error("cannot pass on the command's output: {0}")]
    Sink(io::Error),
}

/// What was seen of a host that failed.
#[derive(Debug, Default)]
pub struct Details {
    /// The last lines that QEMU itself printed.
    pub messages: Vec<String>,
    /// The last lines of the host's console.
    pub console: Vec<String>,
    /// Where the whole console is kept.
    pub log: Option<PathBuf>,
}

impl std::fmt::Display for Details {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.messages.is_empty() {
            write!(f, "\nQEMU said{}", lines(&self.messages))?;
        }
        if !self.console.is_empty() {
            write!(f, "\nthe host's console ended with{}", lines(&self.console))?;
        }
        f.write_str(&self.kept())
    }
}

impl Details {
    /// Where the console is kept, for an error that is not the host's fault.
    fn kept(&self) -> String {
        let log = self.log.as_ref().map(|log| log.display());
        log.map_or_else(String::new, |log| {
            format!("\nthe host's console is kept in {log}")
        })
    }
}

impl Error {
    /// What to do about it, where there is something to do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownCpu { name, known } => cpu_hint(name, known),
            Self::KernelDamaged { series, .. } | Self::RecordDamaged { series, .. } => {
                format!("fetch it again with: vambrace lab fetch --force {series}")
            }
            Self::KernelNotFetched { series } => {
                format!("fetch it with: vambrace lab fetch {series}")
            }
            Self::ToolMissing { .. } => {
                format!("on a system without apt {OWN_KERNEL}")
            }
            Self::KeyringMissing { .. } => format!(
                "install them with: sudo apt-get install debian-archive-keyring; or {OWN_KERNEL}"
            ),
            Self::NoMirror => {
                format!(
                    "name one with --mirror URL (the one of your country, say); or {OWN_KERNEL}"
                )
            }
            Self::FetchFailed { .. } => format!(
                "check the network and try again (a fetched kernel needs no network later); or {OWN_KERNEL}"
            ),
            Self::NoPackage { .. } => {
                format!("name another mirror with --mirror URL; or {OWN_KERNEL}")
            }
            Self::QemuMissing | Self::QemuTooOld { .. } => qemu_hint(),
            Self::NotExecutable { .. } => {
                "build it static for arm64, in Rust: --target aarch64-unknown-linux-musl; a script \
                 or a file that is to be found inside goes in with --file"
                    .into()
            }
            Self::OtherBuild { .. } | Self::OtherProtocol { .. } => {
                "build both again from the same sources: cargo xtask build".into()
            }
            Self::TimeLimit { .. } => "raise it with --timeout SECONDS".into(),
            Self::HostQuiet { .. } => {
                "an emulated host can hang: run it again; if it only needs longer, raise --timeout \
                 SECONDS"
                    .into()
            }
            _ => return None,
        })
    }
}

fn kernel_names() -> String {
    SERIES.each_ref().map(|series| series.name).join(", ")
}

fn cpu_hint(name: &str, known: &[String]) -> String {
    let all = known.join(", ");
    let nearest = known
        .iter()
        .map(|other| (distance(name, other), other))
        .min();
    match nearest {
        Some((distance, other)) if distance <= 3 => {
            format!("did you mean {other}? QEMU's CPUs are: {all}")
        }
        _ => format!("QEMU's CPUs are: {all}"),
    }
}

/// How many letters have to be changed, added or left out to make `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Debian 12's own QEMU is too old; its backports have a newer one.
fn qemu_hint() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let is_bookworm = release
        .lines()
        .any(|line| line == "VERSION_CODENAME=bookworm");
    if is_bookworm {
        // Its own QEMU is too old, and backports are not among its sources.
        return "install it from Debian 12's backports: add the suite bookworm-backports to apt's \
                sources, then sudo apt-get update && sudo apt-get install --no-install-recommends \
                -t bookworm-backports qemu-system-arm; in the sources of vambrace, cargo xtask \
                setup does it without touching apt's sources"
            .to_owned();
    }
    "install it with: sudo apt-get install --no-install-recommends qemu-system-arm".to_owned()
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  | {line}")).collect()
}

const OWN_KERNEL: &str = "give your own arm64 kernel with --kernel-file FILE";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_cpu_gets_the_nearest_name_and_all_others() {
        let known = ["cortex-a57", "max", "neoverse-n1"]
            .map(String::from)
            .to_vec();
        let error = Error::UnknownCpu {
            name: "neoverse_n1".into(),
            known,
        };
        let hint = error.hint().unwrap();
        assert_eq!(
            hint,
            "did you mean neoverse-n1? QEMU's CPUs are: cortex-a57, max, neoverse-n1"
        );
    }

    #[test]
    fn a_name_unlike_any_gets_no_guess() {
        assert_eq!(cpu_hint("pentium", &["max".into()]), "QEMU's CPUs are: max");
    }

    #[test]
    fn distances_count_single_letters() {
        assert_eq!(distance("max", "max"), 0);
        assert_eq!(distance("", "max"), 3);
        assert_eq!(distance("cortex-a75", "cortex-a57"), 2);
        assert_eq!(distance("neoversen1", "neoverse-n1"), 1);
    }

    #[test]
    fn a_dead_host_is_told_with_what_was_seen_of_it() {
        let error = Error::HostDied {
            ending: "QEMU ended with exit status: 1".into(),
            details: Details {
                messages: vec!["out of memory".into()],
                console: vec!["Kernel panic".into()],
                log: Some("/x/console.log".into()),
            },
        };
        assert_eq!(
            error.to_string(),
            "the lab host ended before the command did: QEMU ended with exit status: 1\n\
             QEMU said\n  | out of memory\n\
             the host's console ended with\n  | Kernel panic\n\
             the host's console is kept in /x/console.log"
        );
    }
}
