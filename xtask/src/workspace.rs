//! Where the repository is, and where cargo puts what it builds.
//!
//! Cargo is asked for the target folder instead of guessing it, so that `CARGO_TARGET_DIR` and a
//! user's own cargo configuration are honoured. Every process is started in the root.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

/// Bare-metal programs for EL1.
pub(crate) const GUEST_TARGET: &str = "aarch64-unknown-none";
/// Bare-metal programs for EL1 in AArch32.
pub(crate) const AARCH32_GUEST_TARGET: &str = "armv7a-none-eabi";
/// Bare-metal programs that leave the floating-point registers to somebody else.
pub(crate) const SOFTFLOAT_TARGET: &str = "aarch64-unknown-none-softfloat";
/// The static program that runs inside a lab host.
pub(crate) const HOST_PROGRAM_TARGET: &str = "aarch64-unknown-linux-musl";

/// Cargo's arguments for every package that has a form for the machine that builds: all but the
/// bare-metal ones.
pub(crate) const HOSTED: &str = "--workspace --exclude vambrace-guest-tests \
    --exclude vambrace-guest-tests-aarch32 --exclude vambrace-image";

/// This checkout.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the root manifest.
    pub(crate) root: PathBuf,
    /// The folder that cargo builds into.
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask is not inside a workspace")?
            .to_owned();
        let mut metadata = process::command("cargo");
        metadata.args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--manifest-path",
        ]);
        metadata.arg(root.join("Cargo.toml"));
        let metadata: serde_json::Value = serde_json::from_str(&process::output(metadata)?)
            .context("cannot read the answer of `cargo metadata`")?;
        let target = metadata["target_directory"]
            .as_str()
            .context("`cargo metadata` names no target_directory")?
            .into();
        Ok(Self { root, target })
    }

    /// `cargo` in the root of this checkout, building into its target folder. The arguments are
    /// separated by blanks.
    pub(crate) fn cargo(&self, arguments: &str) -> Command {
        let mut command = self.command("cargo");
        command.args(arguments.split_whitespace());
        command
    }

    /// A program started in the root of this checkout.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = process::command(program);
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// The built `vambrace` for this machine.
    pub(crate) fn host_program(&self) -> PathBuf {
        self.target.join("release/vambrace")
    }

    /// The folder of the built guest tests.
    pub(crate) fn guest_programs(&self) -> PathBuf {
        self.target.join(GUEST_TARGET).join("release")
    }

    /// The folder of the images that others made, in `bin`.
    pub(crate) fn images_of_others(&self) -> PathBuf {
        self.target.join("images-of-others")
    }

    /// The folder of the built guest tests for AArch32 callers.
    pub(crate) fn aarch32_guest_programs(&self) -> PathBuf {
        self.target.join(AARCH32_GUEST_TARGET).join("release")
    }

    /// A folder of xtask's own, for logs and private package lists.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.target.join("xtask").join(name)
    }
}
