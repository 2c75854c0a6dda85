//! The programs that `cargo xtask build` makes: where they are, and that they are current.
//!
//! A test lies in cargo's target directory, and so do they. Beside each of them cargo writes a list
//! of the sources it was made of; one that is newer makes the program stale, and a stale program
//! would be tested in vain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// The program under test, without arguments.
///
/// # Panics
/// If it is not built, or is older than its sources.
#[must_use]
pub fn vambrace() -> Command {
    find_vambrace().unwrap_or_else(|reason| panic!("{reason}"))
}

/// The same for a program, which says itself what is missing.
pub(crate) fn find_vambrace() -> Result<Command, String> {
    let program = find("release/vambrace")?;
    // Its arm64 half, which would otherwise be built in the middle of a test.
    find("aarch64-unknown-linux-musl/release/vambrace")?;
    let mut command = Command::new(program);
    command.env_remove("VAMBRACE_LOG");
    Ok(command)
}

/// A guest test, by the name of its claim.
///
/// # Panics
/// If it is not built, or is older than its sources.
#[must_use]
pub fn guest(claim: &str) -> PathBuf {
    find(&format!("{GUESTS}/{claim}")).unwrap_or_else(|reason| panic!("{reason}"))
}

/// A guest that misbehaves on purpose, by its name.
///
/// # Panics
/// If it is not built, or is older than its sources.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    find_example(name).unwrap_or_else(|reason| panic!("{reason}"))
}

/// The same for a program, which says itself what is missing.
pub(crate) fn find_example(name: &str) -> Result<PathBuf, String> {
    find(&format!("{GUESTS}/examples/{name}"))
}

/// A bare-metal image that others made, by its name; `cargo xtask setup` builds it.
///
/// # Panics
/// If it is not built.
#[must_use]
pub fn image_of_others(name: &str) -> PathBuf {
    let image = target().join("images-of-others/bin").join(name);
    assert!(
        image.is_file(),
        "`{}` is missing: run `cargo xtask setup`",
        image.display()
    );
    image
}

/// A program of this package for arm64 hosts, by its name.
pub(crate) fn find_arm64(name: &str) -> Result<PathBuf, String> {
    find(&format!("aarch64-unknown-linux-musl/release/{name}"))
}

fn find(program: &str) -> Result<PathBuf, String> {
    let program = target().join(program);
    match check(&program) {
        Ok(()) => Ok(program),
        Err(reason) => Err(format!(
            "{}: {reason}; build it with: cargo xtask build",
            program.display()
        )),
    }
}

/// The target directory that this test was built in: the outermost one, as cargo marks the directory
/// of a target triple, too.
fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows where it lies");
    // target/TRIPLE/debug/deps/test
    let around = own.ancestors().take(5);
    let target = around.filter(|path| path.join("CACHEDIR.TAG").is_file());
    target
        .last()
        .expect("cargo runs tests where it builds them")
        .to_owned()
}

fn check(program: &Path) -> Result<(), String> {
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
    let built = changed(program).map_err(|_| "it is not built")?;
    let list = fs::read_to_string(program.with_extension("d"))
        .map_err(|error| format!("the list of its sources cannot be read ({error})"))?;
    match sources(&list)
        .into_iter()
        .find(|source| is_newer(changed(source).ok(), built))
    {
        Some(source) => Err(format!("it is older than {}", source.display())),
        None => Ok(()),
    }
}

/// A source that is gone has changed, too.
fn is_newer(source: Option<SystemTime>, built: SystemTime) -> bool {
    source.is_none_or(|source| source > built)
}

/// The paths behind the colon of `program: source source …`, in which a space is written `\ `.
fn sources(list: &str) -> Vec<PathBuf> {
    let Some((_, sources)) = list.lines().next().and_then(|line| line.split_once(": ")) else {
        return Vec::new();
    };
    let spaces_hidden = sources.replace("\\ ", "\0");
    spaces_hidden
        .split_whitespace()
        .map(|path| path.replace('\0', " ").into())
        .collect()
}

const GUESTS: &str = "aarch64-unknown-none/release";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sources_are_listed_behind_a_colon() {
        let list = "/t/release/vambrace: /s/cli/src/main.rs /s/with\\ space.rs\n";
        assert_eq!(
            sources(list),
            [
                Path::new("/s/cli/src/main.rs"),
                Path::new("/s/with space.rs")
            ]
        );
        assert!(sources("").is_empty());
    }

    #[test]
    fn a_program_is_stale_when_a_source_is_newer_or_gone() {
        let built = SystemTime::now();
        assert!(!is_newer(Some(built), built));
        assert!(is_newer(Some(built + Duration::from_nanos(1)), built));
        assert!(is_newer(None, built));
    }

    #[test]
    fn a_program_that_is_not_built_says_so() {
        let nowhere = tempfile::tempdir().unwrap();
        assert_eq!(
            check(&nowhere.path().join("vambrace")),
            Err("it is not built".into())
        );
    }
}
