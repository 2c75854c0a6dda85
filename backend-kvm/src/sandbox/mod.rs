//! What the process of a machine may still ask of its kernel.
//!
//! A guest that got hold of this process would find one that writes no file but those that are open,
//! starts no program, and makes no connection but to a socket by its path. Two mechanisms say so, each
//! on its own: seccomp lets pass the system calls that machines make, and of a vCPU's thread the few
//! that it makes; Landlock takes the file system away. Both hold until the process ends, for threads
//! that are started later too, so [`confine`] comes when everything is open and before a guest's first
//! instruction.

mod calls;
mod filter;
mod paths;
mod violation;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::param::page_size;
use rustix::time::{ClockId, clock_gettime};

pub use paths::{Extent, PathError};

use filter::{FilterError, Role};

/// What could not be put in force. Nothing runs then: a machine that is to be confined is, or is not
/// at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel takes no filter of system calls.
    #[error("the sandbox cannot filter system calls: {0}")]
    Filter(#[from] FilterError),
    /// The kernel has Landlock and refuses what it is asked for.
    #[error("the sandbox cannot take the file system away: {0}")]
    Paths(#[from] PathError),
}

/// Confines this process for the rest of its life: all its threads as to system calls, this one and those
/// that it starts from here on as to the file system. A call that the filter refuses ends the process
/// with exit code 125, after `before_the_end` and a message that names it.
///
/// Files may still be removed in `removable_in`: sockets that this process has made there. Gives how much
/// of the file system's part the kernel has: Landlock came with Linux 5.13.
///
/// # Errors
/// The kernel refuses; some of it may be in force.
pub fn confine(removable_in: &[&Path], before_the_end: fn()) -> Result<Extent, Error> {
    // Rustix finds the vDSO out at the first use of each, which then would be a vCPU's.
    let _ = (page_size(), clock_gettime(ClockId::Monotonic));
    violation::watch(before_the_end);
    let extent = paths::take_away(removable_in)?;
    filter::install(Role::Machine)?;
    CONFINED.store(true, Ordering::Release);
    Ok(extent)
}

/// Confines a vCPU's thread further, if its process is confined.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn confine_vcpu() -> Result<(), Error> {
    match CONFINED.load(Ordering::Acquire) {
        true => Ok(filter::install(Role::Vcpu)?),
        false => Ok(()),
    }
}

/// A process is confined once, and for ever.
static CONFINED: AtomicBool = AtomicBool::new(false);
