//! Debian: its release, and apt with a suite that the system does not use.
//!
//! A backports suite is served by the same mirror and signed with the same key as the release, so
//! both are taken from the system's own entry for the release. The suite is given to single calls
//! of apt by a private list of sources beside copies of the system's: nothing under /etc/apt or
//! /var/lib/apt/lists changes.

use anyhow::{Context, Result};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::process;

/// What /etc/os-release says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// A numbered release.
    Debian(u32),
    /// Testing and unstable have no number.
    DebianTesting,
    Other,
}

impl Release {
    pub(super) fn parse(os_release: &str) -> Self {
        let field = |name: &str| {
            let value = os_release
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            value.map(|value| value.trim().trim_matches(['"', '\'']))
        };
        if field("ID") != Some("debian") {
            return Self::Other;
        }
        match field("VERSION_ID").map(str::parse) {
            None => Self::DebianTesting,
            Some(Ok(number)) => Self::Debian(number),
            Some(Err(_)) => Self::Other,
        }
    }
}

/// Whether this process may install packages.
pub(super) fn is_root() -> Result<bool> {
    Ok(std::fs::metadata("/proc/self")
        .context("cannot read /proc/self")?
        .uid()
        == 0)
}

/// The two calls of apt that bring lists up to date and install one package from them.
pub(super) fn install(package: &str) -> Vec<Command> {
    installation(&[], &[package])
}

/// The same for a package of a suite that only private lists have.
pub(super) fn install_from(suite: &str, lists: &[String], package: &str) -> Vec<Command> {
    installation(lists, &["--target-release", suite, package])
}

fn installation(options: &[String], wanted: &[&str]) -> Vec<Command> {
    let apt = |arguments: &[&str]| {
        let mut apt = process::command("apt-get");
        apt.args(options.iter().flat_map(|option| ["-o", option]))
            .args(arguments);
        apt
    };
    let patient = "DPkg::Lock::Timeout=300"; // an unattended upgrade may be running
    let install = ["-o", patient, "install", "--yes", "--no-install-recommends"];
    vec![apt(&["update"]), apt(&[&install, wanted].concat())]
}

/// Writes private sources with `suite` beside the system's, and gives the options that use them.
///
/// `into` is the release that the suite belongs to.
pub(super) fn private_lists(folder: &Path, suite: &str, into: &str) -> Result<Vec<String>> {
    let sources = read_sources(Path::new("/etc/apt"))?;
    let archive = sources.iter().find_map(|source| source.archive_of(into)).with_context(|| {
        format!("/etc/apt has no source for {into}, so the mirror of {suite} is not known; add {suite} to it and start again")
    })?;
    let parts = folder.join("parts");
    discard(&parts)?;
    for needed in [
        &parts,
        &folder.join("lists/partial"),
        &folder.join("cache/archives/partial"),
    ] {
        std::fs::create_dir_all(needed)
            .with_context(|| format!("cannot make {}", needed.display()))?;
    }
    let write = |name: &str, text: &str| {
        let file = parts.join(name);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
    };
    for source in sources.iter().filter(|source| source.name != MAIN_LIST) {
        write(&source.name, &source.text)?;
    }
    if !sources
        .iter()
        .any(|source| source.archive_of(suite).is_some())
    {
        write("vambrace.sources", &archive.stanza(suite))?;
    }
    Ok(vec![
        format!("Dir::State::Lists={}", folder.join("lists").display()),
        format!("Dir::Cache={}", folder.join("cache").display()),
        format!("Dir::Etc::SourceParts={}", parts.display()),
    ])
}

/// Removes a folder of private lists, if there is one.
pub(super) fn discard(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// sources.list and every file of sources.list.d that apt reads.
fn read_sources(apt: &Path) -> Result<Vec<SourceFile>> {
    let mut files = vec![apt.join(MAIN_LIST)];
    if let Ok(folder) = std::fs::read_dir(apt.join("sources.list.d")) {
        files.extend(folder.flatten().map(|entry| entry.path()));
    }
    files.retain(|file| {
        file.is_file()
            && file
                .extension()
                .is_some_and(|form| form == "list" || form == "sources")
    });
    files.sort();
    let read = |file: &Path| -> Result<SourceFile> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(SourceFile { name, text })
    };
    files.iter().map(|file| read(file)).collect()
}

/// One file of apt's sources.
#[derive(Debug)]
struct SourceFile {
    name: String,
    text: String,
}

impl SourceFile {
    /// The archive that this file has the main component of a suite from.
    fn archive_of(&self, suite: &str) -> Option<Archive> {
        if self.name.ends_with(".sources") {
            self.text
                .split("\n\n")
                .find_map(|stanza| Archive::from_stanza(stanza, suite))
        } else {
            self.text
                .lines()
                .find_map(|line| Archive::from_line(line, suite))
        }
    }
}

/// Where packages come from and whose signature vouches for them.
#[derive(Debug, PartialEq, Eq)]
struct Archive {
    uris: String,
    /// A key's path, or the key itself over several lines. Without it, apt's trusted keys count.
    signed_by: Option<String>,
}

impl Archive {
    /// Reads the one-line form: `deb [signed-by=FILE] URI SUITE COMPONENT…`.
    fn from_line(line: &str, suite: &str) -> Option<Self> {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']')?,
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let uri = words.next()?;
        if words.next()? != suite || !words.any(|component| component == "main") {
            return None;
        }
        let key = options
            .split_whitespace()
            .find_map(|option| option.strip_prefix("signed-by="));
        Some(Self {
            uris: uri.to_owned(),
            signed_by: key.map(str::to_owned),
        })
    }

    /// Reads one stanza of the deb822 form.
    fn from_stanza(stanza: &str, suite: &str) -> Option<Self> {
        let has = |field: &str, word: &str| {
            stanza_field(stanza, field)
                .is_some_and(|value| value.split_whitespace().any(|found| found == word))
        };
        let off = stanza_field(stanza, "Enabled").is_some_and(|value| value.trim() == "no");
        if off || !has("Types", "deb") || !has("Suites", suite) || !has("Components", "main") {
            return None;
        }
        let uris = stanza_field(stanza, "URIs")?
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        Some(Self {
            uris,
            signed_by: stanza_field(stanza, "Signed-By"),
        })
    }

    /// The stanza that has another suite from the same archive.
    fn stanza(&self, suite: &str) -> String {
        let head = format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\n",
            self.uris
        );
        match &self.signed_by {
            Some(key) => format!("{head}Signed-By: {key}\n"),
            None => head,
        }
    }
}

/// A field's value with its continuation lines; comments between them do not count.
fn stanza_field(stanza: &str, name: &str) -> Option<String> {
    let mut lines = stanza.lines().filter(|line| !line.starts_with('#'));
    let first = lines.find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then_some(value.trim())
    })?;
    let more = lines.take_while(|line| line.starts_with([' ', '\t']));
    Some(more.fold(first.to_owned(), |value, line| value + "\n" + line))
}

const MAIN_LIST: &str = "sources.list";

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> SourceFile {
        SourceFile {
            name: name.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_numbered_debian_is_known_by_its_number() {
        let bookworm =
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n";
        assert_eq!(Release::parse(bookworm), Release::Debian(12));
        assert_eq!(
            Release::parse("ID=debian\nVERSION_CODENAME=forky\n"),
            Release::DebianTesting
        );
    }

    #[test]
    fn a_relative_of_debian_is_not_debian() {
        let ubuntu = "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n";
        assert_eq!(Release::parse(ubuntu), Release::Other);
        assert_eq!(Release::parse(""), Release::Other);
    }

    #[test]
    fn the_mirror_and_key_of_a_deb822_entry_serve_its_backports() {
        let sources = file(
            "debian.sources",
            "Types: deb\n# a remark\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n\
             Components: main\nSigned-By: /usr/share/keyrings/debian.gpg\n\n\
             Types: deb\nURIs: http://mirror.example/security\nSuites: bookworm-security\nComponents: main\n",
        );
        let archive = sources.archive_of("bookworm").unwrap();
        assert_eq!(
            archive.stanza("bookworm-backports"),
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\n\
             Components: main\nSigned-By: /usr/share/keyrings/debian.gpg\n"
        );
        assert_eq!(sources.archive_of("bookworm-backports"), None);
    }

    #[test]
    fn a_key_inside_the_entry_is_kept_whole() {
        let sources = file(
            "debian.sources",
            "Types: deb deb-src\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n\
             Signed-By:\n -----BEGIN PGP-----\n .\n abc\n -----END PGP-----\n",
        );
        let key = sources.archive_of("bookworm").unwrap().signed_by.unwrap();
        assert_eq!(key, "\n -----BEGIN PGP-----\n .\n abc\n -----END PGP-----");
    }

    #[test]
    fn the_one_line_form_is_read_with_and_without_options() {
        let plain = file(
            "sources.list",
            "# old\ndeb http://mirror.example/debian bookworm main contrib\n",
        );
        assert_eq!(
            plain.archive_of("bookworm"),
            Some(Archive {
                uris: "http://mirror.example/debian".to_owned(),
                signed_by: None
            })
        );
        let keyed = file(
            "a.list",
            "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example bookworm main\n",
        );
        assert_eq!(
            keyed.archive_of("bookworm").unwrap().signed_by,
            Some("/k.gpg".to_owned())
        );
    }

    #[test]
    fn sources_of_something_else_are_passed_over() {
        for line in [
            "deb-src http://mirror.example/debian bookworm main",
            "# deb http://mirror.example/debian bookworm main",
            "deb http://mirror.example/debian bookworm contrib",
            "deb http://mirror.example/debian trixie main",
        ] {
            assert_eq!(
                file("sources.list", line).archive_of("bookworm"),
                None,
                "{line}"
            );
        }
        let disabled =
            "Enabled: no\nTypes: deb\nURIs: http://m.example\nSuites: bookworm\nComponents: main\n";
        assert_eq!(file("d.sources", disabled).archive_of("bookworm"), None);
    }
}
