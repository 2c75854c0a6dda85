//! `--sandbox`: what this process may still do once a guest runs.

use std::path::Path;

use vambrace_kvm::sandbox::{self, Extent};

use crate::failure::Failure;
use crate::terminal;

/// Whether the process is confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Sandbox {
    /// To what machines do.
    On,
    /// To nothing: for a debugger, or where another sandbox is around it.
    Off,
}

impl Sandbox {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }

    /// Confines this process, with everything open that the machine needs. Files that it has made in
    /// `removable_in` can still be removed.
    pub(super) fn enter(self, removable_in: &[&Path]) -> Result<(), Failure> {
        if self == Self::Off {
            return Ok(());
        }
        let confined = sandbox::confine(removable_in, terminal::restore);
        let failed = |error: sandbox::Error| {
            Failure::new(error.to_string()).with_hint("--sandbox=off runs without it")
        };
        match confined.map_err(failed)? {
            Extent::Whole => {}
            Extent::Partial => {
                log::info!("this kernel's Landlock has a part of what is asked of it");
            }
            Extent::Absent => log::warn!(
                "this kernel has no Landlock (Linux 5.13 and newer have it): system calls are \
                 filtered, and files that this user can read can be read"
            ),
        }
        Ok(())
    }
}
