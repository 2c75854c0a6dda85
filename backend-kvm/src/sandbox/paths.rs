//! Landlock: a process that has no file system, and no network by address.
//!
//! What is open stays open. Sockets that are reached by a path are not files to open, so a connection of
//! the guest's to a socket of the host's can still be made.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};

/// How much of what is asked for a kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// What its version of Landlock has.
    Partial,
    /// None: no Landlock, or it is switched off.
    Absent,
}

/// Why a kernel that has Landlock refuses.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct PathError(#[from] landlock::RulesetError);

/// Takes away from this thread, and those that it starts, all that Landlock can but the removal of files in
/// these folders.
pub(super) fn take_away(removable_in: &[&Path]) -> Result<Extent, PathError> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(
            READABLE,
            AccessFs::from_read(NEWEST) & !AccessFs::Execute,
        ))?
        .add_rules(path_beneath_rules(removable_in, AccessFs::RemoveFile))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Extent::Whole,
        RulesetStatus::PartiallyEnforced => Extent::Partial,
        RulesetStatus::NotEnforced => Extent::Absent,
    })
}

/// How long a vCPU's thread has waited for a CPU, and which CPUs this host has.
const READABLE: [&str; 2] = ["/proc/self/task", "/sys/devices/system/cpu"];
/// The newest that is known here; older kernels keep what they know of it.
const NEWEST: ABI = ABI::V6;
