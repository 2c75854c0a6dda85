//! Words that survive a reset: the boots so far, and the calls.
//!
//! They lie in a page of RAM that belongs to no segment, so that a loader that puts the image back
//! after SYSTEM_RESET leaves it alone (linker/guest-aarch32.ld).
#![expect(unsafe_code, reason = "the page is known by a linker symbol")]

use core::sync::atomic::{AtomicU32, Ordering};

/// The page. Any content is a valid value.
#[derive(Debug)]
#[repr(C)]
struct Survivor {
    magic: AtomicU32,
    boots: AtomicU32,
    forwarded: AtomicU32,
    architecture: AtomicU32,
}

unsafe extern "C" {
    // Safe to use: the linker script reserves the page, and all accesses are atomic.
    #[link_name = "__noinit"]
    safe static SURVIVOR: Survivor;
}

/// Counts this boot; the first one clears the rest.
pub(crate) fn begin() {
    if SURVIVOR.magic.swap(MAGIC, Ordering::Relaxed) == MAGIC {
        SURVIVOR.boots.fetch_add(1, Ordering::Relaxed);
        return;
    }
    for word in [&SURVIVOR.boots, &SURVIVOR.forwarded, &SURVIVOR.architecture] {
        word.store(0, Ordering::Relaxed);
    }
}

/// How often the machine has been reset since it began.
#[must_use]
pub fn boots() -> u32 {
    SURVIVOR.boots.load(Ordering::Relaxed)
}

/// Firmware calls so far, by all CPUs and across resets.
pub(crate) struct Calls {
    /// Outside the architecture range: what a filter forwards.
    pub(crate) forwarded: u32,
    /// In the architecture range, which KVM never forwards.
    pub(crate) architecture: u32,
}

pub(crate) fn calls() -> Calls {
    Calls {
        forwarded: SURVIVOR.forwarded.load(Ordering::Relaxed),
        architecture: SURVIVOR.architecture.load(Ordering::Relaxed),
    }
}

pub(crate) fn count_forwarded() {
    SURVIVOR.forwarded.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn count_architecture() {
    SURVIVOR.architecture.fetch_add(1, Ordering::Relaxed);
}

const MAGIC: u32 = u32::from_le_bytes(*b"vamb");
