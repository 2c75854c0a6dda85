//! A private directory for apt.
//!
//! apt's lists, caches and configuration live in a directory of ours, so that nothing of the
//! system's own state is read or touched, except how it reaches the network (proxies, certificates
//! and credentials). Only Debian's archive keys are trusted, and only one suite's list of arm64
//! packages is fetched. (apt.conf(5), apt-secure(8))

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Progress, tool, version};
use crate::error::Error;
use crate::kernels::Series;
use crate::latch::Cancel;

/// apt, confined to a directory and a suite.
pub(super) struct Apt<'a> {
    directory: &'a Path,
    mirror: &'a str,
    cancel: &'a Cancel,
}

/// One package of one version.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
}

/// The system's settings that a private apt needs as well.
pub(super) struct System {
    /// Lines of configuration: how the network is reached.
    network: String,
    /// The mirrors of Debian that its sources name.
    pub(super) mirrors: Vec<String>,
}

impl System {
    /// Reads the settings through apt's own tools.
    pub(super) fn read(cancel: &Cancel) -> Result<Self, Error> {
        let ask = |arguments: &[&str]| {
            let mut command = Command::new("apt-config");
            command.args(arguments);
            tool::run(
                command,
                "reading this system's apt settings",
                cancel,
                |_| {},
            )
        };
        let network = ask(&["dump"])?
            .lines()
            .filter(|line| NETWORK.iter().any(|name| line.starts_with(name)))
            .fold(String::new(), |lines, line| lines + line + "\n");
        let places = ask(&[
            "shell",
            "list",
            "Dir::Etc::sourcelist/f",
            "parts",
            "Dir::Etc::sourceparts/d",
        ])?;
        let files = source_files(&places);
        let texts: Vec<(String, String)> = files
            .into_iter()
            .filter_map(|path| {
                let text = std::fs::read_to_string(&path).ok()?;
                Some((path.to_string_lossy().into_owned(), text))
            })
            .collect();
        let texts = texts
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()));
        Ok(Self {
            network,
            mirrors: super::sources::mirrors(texts),
        })
    }
}

impl<'a> Apt<'a> {
    /// Prepares `directory`, which is empty, for `suite` from `mirror`.
    pub(super) fn prepare(
        directory: &'a Path,
        system: &System,
        mirror: &'a str,
        suite: &str,
        cancel: &'a Cancel,
    ) -> Result<Self, Error> {
        let keyring = keyring()?;
        let path = |name: &str| directory.join(name);
        let write = |name: &str, text: &str| {
            std::fs::write(path(name), text).map_err(|source| Error::File {
                action: "write",
                path: path(name),
                source,
            })
        };
        for name in ["state", "cache", "lists"] {
            std::fs::create_dir(path(name)).map_err(|source| Error::File {
                action: "create",
                path: path(name),
                source,
            })?;
        }
        write("status", "")?;
        write(
            "sources.list",
            &format!("deb [signed-by={keyring}] {mirror} {suite} main\n"),
        )?;
        write("apt.conf", &configuration(directory, &system.network))?;
        Ok(Self {
            directory,
            mirror,
            cancel,
        })
    }

    /// Fetches the suite's list of packages.
    pub(super) fn update(
        &self,
        suite: &str,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), Error> {
        let step = format!(
            "fetching the list of {suite}'s packages from {}",
            self.mirror
        );
        let arguments = ["-q", "-o", "APT::Status-Fd=1", "update"];
        self.run("apt-get", &arguments, &step, progress).map(drop)
    }

    /// Fetches the suite's list of packages and finds the newest of `series`.
    pub(super) fn newest(
        &self,
        series: &'static Series,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Package, Error> {
        self.update(series.suite, progress)?;
        let step = "looking through the list of packages";
        let names = self.run(
            "apt-cache",
            &["pkgnames", series.package_prefix],
            step,
            progress,
        )?;
        let names: Vec<&str> = names
            .lines()
            .filter(|name| series.has_package(name))
            .collect();
        let none = || Error::NoPackage {
            series: series.name,
            suite: series.suite,
            mirror: self.mirror.to_owned(),
        };
        if names.is_empty() {
            return Err(none());
        }
        let table = self.run(
            "apt-cache",
            &[&["madison"], &names[..]].concat(),
            step,
            progress,
        )?;
        newest_of(&table).ok_or_else(none)
    }

    /// Downloads packages, each a name or `name=version`; where they lie then, in the order of
    /// their names.
    pub(super) fn download(
        &self,
        packages: &[String],
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<PathBuf>, Error> {
        let step = format!("downloading {} from {}", packages.join(", "), self.mirror);
        let mut arguments = vec!["-q", "-o", "APT::Status-Fd=1", "download"];
        arguments.extend(packages.iter().map(String::as_str));
        self.run("apt-get", &arguments, &step, progress)?;
        let entries = std::fs::read_dir(self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let mut archives: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .collect();
        archives.sort();
        if archives.len() == packages.len() {
            return Ok(archives);
        }
        Err(Error::FetchFailed {
            step,
            output: vec![format!("apt-get left {} packages", archives.len())],
        })
    }

    /// Unpacks `package` into the directory `target`.
    pub(super) fn unpack(&self, package: &Path, target: &Path) -> Result<(), Error> {
        let mut command = Command::new("dpkg-deb");
        command.arg("-x").arg(package).arg(target);
        tool::run(command, "unpacking the package", self.cancel, |_| {}).map(|_| ())
    }

    fn run(
        &self,
        program: &str,
        arguments: &[&str],
        step: &str,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<String, Error> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.directory);
        command.env("APT_CONFIG", self.directory.join("apt.conf"));
        tool::run(command, step, self.cancel, |line| {
            if let Some(percent) = percent(line) {
                progress(Progress::Percent(percent));
            }
        })
    }
}

/// Where the archive's keys are, by either of the names Debian has given the file.
fn keyring() -> Result<&'static str, Error> {
    let missing = Error::KeyringMissing { path: KEYRINGS[0] };
    KEYRINGS
        .into_iter()
        .find(|path| Path::new(path).is_file())
        .ok_or(missing)
}

/// The files that `apt-config shell` names: `list='…'` and, in the directory `parts='…'`, those
/// that apt would read.
fn source_files(places: &str) -> Vec<PathBuf> {
    let place = |name: &str| {
        let line = places.lines().find_map(|line| line.strip_prefix(name))?;
        Some(PathBuf::from(line.strip_prefix("='")?.strip_suffix('\'')?))
    };
    let entries = place("parts")
        .map(std::fs::read_dir)
        .into_iter()
        .flatten()
        .flatten()
        .flatten();
    let mut parts: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|e| e == "list" || e == "sources")
        })
        .collect();
    parts.sort();
    place("list").into_iter().chain(parts).collect()
}

/// The newest of the rows `package | version | where` of `apt-cache madison`.
fn newest_of(table: &str) -> Option<Package> {
    table
        .lines()
        .filter_map(|line| {
            let mut columns = line.split('|').map(str::trim);
            let (name, version) = (columns.next()?, columns.next()?);
            (!name.is_empty() && !version.is_empty()).then(|| Package {
                name: name.to_owned(),
                version: version.to_owned(),
            })
        })
        .max_by(|a, b| version::compare(&a.version, &b.version))
}

/// From a line such as `dlstatus:3:93.3333:Retrieving file 3 of 3`.
fn percent(line: &str) -> Option<u8> {
    let percent = line.strip_prefix("dlstatus:")?.split(':').nth(1)?;
    let whole = percent.split('.').next()?;
    whole.parse().ok().filter(|percent| *percent <= 100)
}

fn configuration(directory: &Path, network: &str) -> String {
    let mut text = network.to_owned();
    let mut set = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name} \"{value}\";");
    };
    for (name, file) in [
        ("Dir::State", "state"),
        ("Dir::State::lists", "lists"),
        ("Dir::State::status", "status"),
        ("Dir::Cache", "cache"),
        ("Dir::Etc::sourcelist", "sources.list"),
    ] {
        set(name, &directory.join(file).to_string_lossy());
    }
    for name in [
        "main",
        "parts",
        "sourceparts",
        "trusted",
        "trustedparts",
        "preferences",
        "preferencesparts",
    ] {
        set(&format!("Dir::Etc::{name}"), "/dev/null");
    }
    set("APT::Architecture", "arm64");
    set("APT::Architectures::", "arm64");
    // The directory is the user's own; apt's unprivileged user could not write to it.
    set("APT::Sandbox::User", "root");
    set("APT::Update::Error-Mode", "any");
    set("Acquire::Languages", "none");
    text
}

/// The keys that sign Debian's archive; package debian-archive-keyring has them.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];

/// Settings of the system that say how the network is reached.
const NETWORK: [&str; 6] = [
    "Acquire::http",
    "Acquire::ftp",
    "Acquire::socks",
    "Acquire::Retries",
    "Acquire::ForceIPv",
    "Acquire::Proxy",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_chosen_by_version_and_not_by_name() {
        let table = "\
linux-image-6.12.94+deb13-cloud-arm64 | 6.12.94-1 | http://mirror.example/debian trixie/main
linux-image-6.12.107+deb13-cloud-arm64 |  6.12.107-1 | http://mirror.example/debian trixie/main
linux-image-6.12.9+deb13-cloud-arm64 | 6.12.9-1 | http://mirror.example/debian trixie/main
";
        let newest = newest_of(table).unwrap();
        assert_eq!(newest.name, "linux-image-6.12.107+deb13-cloud-arm64");
        assert_eq!(newest.version, "6.12.107-1");
    }

    #[test]
    fn a_table_without_rows_has_no_newest() {
        for table in ["", "\n", "| |", "only one column"] {
            assert_eq!(newest_of(table), None);
        }
    }

    #[test]
    fn progress_is_read_from_apt_s_status_lines() {
        assert_eq!(
            percent("dlstatus:3:93.3333:Retrieving file 3 of 3"),
            Some(93)
        );
        for line in [
            "",
            "dlstatus:",
            "dlstatus:1:x:",
            "dlstatus:1:101.0:",
            "Get:1 http://m.example",
        ] {
            assert_eq!(percent(line), None, "{line}");
        }
    }

    #[test]
    fn the_configuration_keeps_everything_in_the_directory() {
        let text = configuration(Path::new("/c/d"), "Acquire::http::Proxy \"http://p:1\";\n");
        for line in [
            "Acquire::http::Proxy \"http://p:1\";",
            "Dir::State::status \"/c/d/status\";",
            "Dir::Etc::sourcelist \"/c/d/sources.list\";",
            "Dir::Etc::parts \"/dev/null\";",
            "Dir::Etc::trusted \"/dev/null\";",
            "APT::Architecture \"arm64\";",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}");
        }
    }

    #[test]
    fn source_files_are_those_apt_reads() {
        let parts = tempfile::tempdir().unwrap();
        for name in ["b.list", "a.sources", "c.list.save", "d"] {
            std::fs::write(parts.path().join(name), "").unwrap();
        }
        let places = format!(
            "list='/x/sources.list'\nparts='{}'\n",
            parts.path().display()
        );
        let files = source_files(&places);
        let expected = [
            PathBuf::from("/x/sources.list"),
            parts.path().join("a.sources"),
            parts.path().join("b.list"),
        ];
        assert_eq!(files, expected);
    }
}
