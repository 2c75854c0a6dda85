//! Where the arm64 program is that becomes a lab host's init.
//!
//! It is this program, built from the same sources for `aarch64-unknown-linux-musl`. A release
//! package carries it as `vambrace-aarch64` beside `vambrace`; in a source checkout it lies in the
//! target directory and is built when it is missing or stale. Its build id is compared with ours
//! before it is used: never does a stale one run.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use vambrace_lab::Program;
use vambrace_lab::build_id::BuildId;

use crate::build_id::BUILD_ID;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::progress::say;

/// The arm64 program that belongs to this one, built first if that is needed and possible.
pub(crate) fn locate(interrupt: &Interrupt) -> Result<Program, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::new(format!("cannot tell where this program lies: {error}")))?;
    let beside = own.with_file_name(BESIDE);
    if beside.exists() {
        return accept(Program::open(&beside)?, BUILD_ID).map_err(|program| {
            Failure::new(stale(&program)).with_hint(
                "install both programs from the same package, or build both: cargo xtask build",
            )
        });
    }
    let Some(checkout) = Checkout::of_this_program(&own) else {
        return Err(Failure::new(format!("`{}` is missing", beside.display())).with_hint(
            "install it from the package that this program came from; or, in the sources, build \
             both: cargo xtask build",
        ));
    };
    let path = checkout.part(&PART);
    if let Ok(program) = Program::open(&path)
        && let Ok(program) = accept(program, BUILD_ID)
    {
        return Ok(program);
    }
    checkout.build(&PART, interrupt)?;
    accept(Program::open(&path)?, BUILD_ID).map_err(|program| {
        Failure::new(format!(
            "this program is older than the sources in `{}`: {}",
            checkout.root.display(),
            stale(&program)
        ))
        .with_hint("build it again: cargo xtask build (or cargo build -p vambrace)")
    })
}

/// A program that this one starts and a checkout can build.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) target: &'static str,
    pub(crate) package: &'static str,
    pub(crate) file: &'static str,
    /// What it is called in messages.
    pub(crate) what: &'static str,
}

/// The source checkout that this program was built in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checkout {
    root: PathBuf,
    target: PathBuf,
}

impl Checkout {
    pub(crate) fn of_this_program(own: &Path) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
        let variable = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        Self::find(root, own, variable)
    }

    /// The checkout at `root`, if it still is one. Its target directory is the one that `own` lies
    /// in; elsewhere (an installed program) the one that cargo would use.
    fn find(root: &Path, own: &Path, variable: Option<PathBuf>) -> Option<Self> {
        if !root.join("cli/Cargo.toml").is_file() || !root.join("Cargo.lock").is_file() {
            return None;
        }
        // target/debug/vambrace, target/TRIPLE/debug/vambrace, target/debug/deps/vambrace-…
        // Cargo marks the directory of a target triple as well: the outermost mark counts.
        let around = own
            .ancestors()
            .skip(2)
            .take(3)
            .filter(|path| path.join("CACHEDIR.TAG").is_file())
            .last();
        let target = around
            .map(Path::to_owned)
            .or_else(|| variable.and_then(|path| std::path::absolute(path).ok()))
            .unwrap_or_else(|| root.join("target"));
        Some(Self {
            root: root.to_owned(),
            target,
        })
    }

    /// Where a part of it lies when it is built.
    pub(crate) fn part(&self, part: &Part) -> PathBuf {
        self.target
            .join(part.target)
            .join("release")
            .join(part.file)
    }

    /// Builds a part of it, and says so.
    pub(crate) fn build(&self, part: &Part, interrupt: &Interrupt) -> Result<(), Failure> {
        let Part {
            target,
            package,
            what,
            ..
        } = part;
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        say(&format!(
            "building {what}: cargo build --release --target {target} -p {package}"
        ));
        let child = Command::new(&cargo)
            .args([
                "build",
                "--release",
                "--locked",
                "--target",
                target,
                "-p",
                package,
            ])
            .arg("--target-dir")
            .arg(&self.target)
            .current_dir(&self.root)
            .stdin(Stdio::null())
            // Standard output is the command's own; cargo says nothing of use there.
            .stdout(Stdio::null())
            .spawn();
        let failed = |error| {
            Failure::new(format!("cannot run `{}`: {error}", cargo.display()))
                .with_hint("install Rust with rustup, then: cargo xtask setup")
        };
        let status = wait(child.map_err(failed)?, interrupt)?;
        if status.success() {
            return Ok(());
        }
        Err(
            Failure::new(format!("{what} cannot be built: cargo ended with {status}")).with_hint(
                "cargo's messages stand above; a missing target is added by: cargo xtask setup",
            ),
        )
    }
}

/// Waits for cargo; a signal ends it and us.
fn wait(mut cargo: Child, interrupt: &Interrupt) -> Result<ExitStatus, Failure> {
    let failed = |error| Failure::new(format!("cannot wait for cargo: {error}"));
    loop {
        let status = cargo.try_wait().map_err(failed)?;
        if interrupt.cancel().is_cancelled() {
            // It may have ended by itself: a Ctrl-C on the terminal reaches it as well.
            let _ = cargo.kill();
            let _ = cargo.wait();
            return Err(interrupt.failure(vambrace_lab::Error::Cancelled));
        }
        if let Some(status) = status {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// `program`, or the program again if it was built from other sources than `expected` names.
fn accept(program: Program, expected: BuildId) -> Result<Program, Program> {
    if program.build_id() == expected {
        Ok(program)
    } else {
        Err(program)
    }
}

fn stale(program: &Program) -> String {
    format!(
        "`{}` was built from other sources ({}) than this program ({BUILD_ID})",
        program.path().display(),
        program.build_id()
    )
}

const PART: Part = Part {
    target: "aarch64-unknown-linux-musl",
    package: "vambrace",
    file: "vambrace",
    what: "the arm64 program for lab hosts",
};
const BESIDE: &str = "vambrace-aarch64";

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("cli")).unwrap();
        std::fs::write(root.path().join("cli/Cargo.toml"), "").unwrap();
        std::fs::write(root.path().join("Cargo.lock"), "").unwrap();
        root
    }

    fn target(own: &str, variable: Option<&str>) -> PathBuf {
        let root = checkout();
        let build = tempfile::tempdir().unwrap();
        std::fs::write(build.path().join("CACHEDIR.TAG"), "").unwrap();
        let own = build.path().join(own);
        let found = Checkout::find(root.path(), &own, variable.map(PathBuf::from)).unwrap();
        let relative = found
            .target
            .strip_prefix(build.path())
            .map(|_| PathBuf::from("BUILD"));
        let at_root = found
            .target
            .strip_prefix(root.path())
            .map(|path| Path::new("ROOT").join(path));
        relative.or(at_root).unwrap_or(found.target)
    }

    #[test]
    fn the_target_directory_is_the_one_this_program_lies_in() {
        for own in [
            "debug/vambrace",
            "x86_64-unknown-linux-gnu/release/vambrace",
        ] {
            assert_eq!(target(own, Some("/elsewhere")), Path::new("BUILD"));
        }
    }

    #[test]
    fn an_installed_program_uses_the_directory_that_cargo_would() {
        assert_eq!(
            target("a/b/c/d/bin/vambrace", Some("/elsewhere")),
            Path::new("/elsewhere")
        );
        assert_eq!(
            target("a/b/c/d/bin/vambrace", None),
            Path::new("ROOT/target")
        );
    }

    #[test]
    fn a_checkout_that_is_gone_is_none() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(
            Checkout::find(root.path(), Path::new("/x/debug/vambrace"), None),
            None
        );
    }
}
