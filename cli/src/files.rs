//! Contracts and host profiles as files that a user names on a command line.
//!
//! A file that cannot be used is told with its name, the place in it, what is wrong and what to do.
//! Nothing that is there already is given up before its successor is whole.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use vambrace_core::contract::{Contract, HostProfile};
use vambrace_formats::contract;
use vambrace_formats::profile::ProfileFile;

use crate::failure::Failure;

/// Something that was read from a file, and the name by which the output calls it: the file's
/// without directory and extension.
#[derive(Debug, Clone)]
pub(crate) struct Named<T> {
    /// The name.
    pub(crate) name: String,
    /// The file.
    pub(crate) path: PathBuf,
    /// What was in it.
    pub(crate) value: T,
}

/// Where a command writes what it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Standard output: `-`.
    Output,
    /// A file, which is replaced once the new one is whole.
    File(PathBuf),
}

/// Reads the contracts, and gives each a name of its own.
pub(crate) fn contracts(paths: &[PathBuf]) -> Result<Vec<Named<Contract>>, Failure> {
    let read = |path: &PathBuf| named(path, contract(path)?);
    Ok(distinct(paths.iter().map(read).collect::<Result<_, _>>()?))
}

/// Reads the host profiles, and gives each a name of its own.
pub(crate) fn hosts(paths: &[PathBuf]) -> Result<Vec<Named<HostProfile>>, Failure> {
    let read = |path: &PathBuf| named(path, profile(path)?.profile);
    Ok(distinct(paths.iter().map(read).collect::<Result<_, _>>()?))
}

/// Reads one contract.
pub(crate) fn one_contract(path: &Path) -> Result<Named<Contract>, Failure> {
    named(path, contract(path)?)
}

/// Reads the profile of one host.
pub(crate) fn one_host(path: &Path) -> Result<Named<HostProfile>, Failure> {
    named(path, profile(path)?.profile)
}

/// Reads a whole profile file.
pub(crate) fn profile(path: &Path) -> Result<ProfileFile, Failure> {
    let kind = Kind::Profile;
    let bytes = kind.read(path)?;
    ProfileFile::read(&bytes).map_err(|error| kind.refuse(path, &bytes, &error))
}

fn contract(path: &Path) -> Result<Contract, Failure> {
    let kind = Kind::Contract;
    let bytes = kind.read(path)?;
    contract::from_bytes(&bytes).map_err(|error| kind.refuse(path, &bytes, &error))
}

fn named<T>(path: &Path, value: T) -> Result<Named<T>, Failure> {
    let name = match path.file_stem() {
        Some(stem) if path != Path::new(STANDARD) => stem.to_string_lossy().into_owned(),
        _ => "standard input".into(),
    };
    Ok(Named {
        name,
        path: path.to_owned(),
        value,
    })
}

/// Names files by their whole path where one name would mean several.
fn distinct<T>(mut files: Vec<Named<T>>) -> Vec<Named<T>> {
    let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    for file in &mut files {
        if names.iter().filter(|name| **name == file.name).count() > 1 {
            file.name = file.path.display().to_string();
        }
    }
    files
}

/// What a file should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Contract,
    Profile,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Profile => "host profile",
        }
    }

    const fn limit(self) -> usize {
        match self {
            Self::Contract => contract::LIMIT,
            Self::Profile => vambrace_formats::profile::LIMIT,
        }
    }

    /// How one is made.
    const fn made_by(self) -> &'static str {
        match self {
            Self::Contract => "make one: vambrace contract new --host PROFILE -o FILE",
            Self::Profile => "make one: vambrace host probe -o FILE",
        }
    }

    /// The content of a file, or one byte more than the greatest that can be of this kind.
    fn read(self, path: &Path) -> Result<Vec<u8>, Failure> {
        let limit = u64::try_from(self.limit()).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        let read = if path == Path::new(STANDARD) {
            let mut input = io::stdin().lock().take(limit.saturating_add(1));
            input.read_to_end(&mut bytes)
        } else {
            File::open(path)
                .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes))
        };
        match read {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.unreadable(path, &error)),
        }
    }

    fn unreadable(self, path: &Path, error: &io::Error) -> Failure {
        let (reason, hint) = match error.kind() {
            io::ErrorKind::NotFound => ("there is no such file".to_owned(), self.made_by()),
            io::ErrorKind::IsADirectory => ("it is a directory".to_owned(), "name the files in it"),
            io::ErrorKind::PermissionDenied => (
                error.to_string(),
                "let yourself read it (chmod), or run this as who can",
            ),
            _ => (error.to_string(), "check the path and the disk it is on"),
        };
        self.failure(path, &reason).with_hint(hint)
    }

    /// Why a file that could be read is none of this kind.
    fn refuse(self, path: &Path, bytes: &[u8], error: &vambrace_formats::Error) -> Failure {
        let failure = self.failure(path, error);
        match (self, bytes.trim_ascii_start().first()) {
            (Self::Contract, Some(b'{')) => failure.with_hint(
                "it looks like a host profile (JSON); a contract is TOML: \
                 vambrace contract new --host PROFILE",
            ),
            (Self::Profile, Some(byte)) if *byte != b'{' => failure.with_hint(
                "a host profile is JSON, written by vambrace host probe; contracts stand before \
                 hosts on the command line",
            ),
            _ => failure,
        }
    }

    fn failure(self, path: &Path, reason: &dyn Display) -> Failure {
        let name = self.name();
        Failure::new(format!(
            "cannot use the {name} `{}`: {reason}",
            path.display()
        ))
    }
}

impl From<PathBuf> for Destination {
    fn from(path: PathBuf) -> Self {
        match path.as_os_str() == STANDARD {
            true => Self::Output,
            false => Self::File(path),
        }
    }
}

impl Destination {
    /// Reads `-o`.
    pub(crate) fn parser() -> impl clap::builder::TypedValueParser<Value = Self> {
        use clap::builder::TypedValueParser as _;
        clap::builder::PathBufValueParser::new().map(Self::from)
    }

    /// Looks for what would keep it from being written later.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let Self::File(path) = self else {
            return Ok(());
        };
        if fs::metadata(path).is_ok_and(|data| data.is_dir()) {
            return Err(unwritable(path, &"it is a directory").with_hint("name a file in it"));
        }
        if !directory_of(path).is_dir() {
            return Err(unwritable(path, &"there is no such directory to put it in")
                .with_hint("make it, or name another"));
        }
        Ok(())
    }

    /// Writes `text`, whole or not at all.
    pub(crate) fn write(&self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Output => Ok(io::stdout().lock().write_all(text.as_bytes())?),
            Self::File(path) => {
                self.check()?;
                replace(path, text).map_err(|error| unwritable(path, &error))
            }
        }
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    // What is no file has nothing that could be lost: a pipe, a terminal.
    if fs::metadata(path).is_ok_and(|data| !data.is_file()) {
        return fs::write(path, text);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".partial-{}", std::process::id()));
    let draft = path.with_file_name(name);
    let written = File::create(&draft)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // What is left of it, if it came to be.
        let _ = fs::remove_file(&draft);
    }
    written
}

fn unwritable(path: &Path, reason: &dyn Display) -> Failure {
    Failure::new(format!("cannot write `{}`: {reason}", path.display()))
}

fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The path that means standard input or output.
const STANDARD: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    fn told(failure: Failure) -> (String, String) {
        match failure {
            Failure::Other { message, hint } => (message, hint.unwrap_or_default()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_missing_file_is_told_with_the_command_that_makes_one() {
        let (message, hint) = told(profile(Path::new("/nowhere/a.json")).unwrap_err());
        assert_eq!(
            message,
            "cannot use the host profile `/nowhere/a.json`: there is no such file"
        );
        assert_eq!(hint, "make one: vambrace host probe -o FILE");
        let (message, hint) = told(contract(Path::new("/nowhere/a.toml")).unwrap_err());
        assert!(message.starts_with("cannot use the contract `/nowhere/a.toml`"));
        assert!(hint.contains("vambrace contract new"));
    }

    #[test]
    fn a_directory_is_told_as_one() {
        let directory = tempfile::tempdir().unwrap();
        let (message, hint) = told(contract(directory.path()).unwrap_err());
        assert!(message.ends_with("it is a directory"), "{message}");
        assert_eq!(hint, "name the files in it");
    }

    #[test]
    fn a_profile_in_a_contracts_place_is_recognised() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        fs::write(&path, "{\"schema\": 1}").unwrap();
        let (message, hint) = told(contract(&path).unwrap_err());
        assert!(message.contains("line 1, column"), "{message}");
        assert!(hint.contains("looks like a host profile"), "{hint}");
        fs::write(&path, "schema = 1").unwrap();
        let (_, hint) = told(profile(&path).unwrap_err());
        assert!(hint.contains("contracts stand before hosts"), "{hint}");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.json");
        fs::write(&path, b"{\n\xff").unwrap();
        let (message, _) = told(profile(&path).unwrap_err());
        assert!(message.contains("line 2, column 1"), "{message}");
        assert!(message.contains("UTF-8"), "{message}");
    }

    #[test]
    fn files_are_called_by_their_stems_unless_two_share_one() {
        let file = |path: &str| named(Path::new(path), ()).unwrap();
        let names = |paths: [&str; 3]| {
            let files = distinct(paths.map(file).into());
            files.into_iter().map(|file| file.name).collect::<Vec<_>>()
        };
        assert_eq!(
            names(["a/7.3-cortex-a76.json", "b.json", "-"]),
            ["7.3-cortex-a76", "b", "standard input"]
        );
        assert_eq!(
            names(["a/x.json", "b/x.json", "c/y.json"]),
            ["a/x.json", "b/x.json", "y"]
        );
    }

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.toml");
        fs::write(&path, "old and longer").unwrap();
        Destination::from(path.clone()).write("new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_told_before_anything_is_done() {
        let directory = tempfile::tempdir().unwrap();
        let refused = |path: &Path| told(Destination::from(path.to_owned()).check().unwrap_err()).0;
        assert!(refused(directory.path()).ends_with("it is a directory"));
        assert!(refused(Path::new("/nowhere/x")).ends_with("no such directory to put it in"));
        assert_eq!(Destination::from(PathBuf::from("-")), Destination::Output);
    }
}
