//! Words that survive a reset.
//!
//! They lie in a page of RAM that belongs to no segment, so that a loader that puts the image back
//! after SYSTEM_RESET leaves it alone (linker/guest.ld). A magic value tells a first boot, whose RAM
//! holds anything, from a later one. They are written with caches on and read with caches on.
#![expect(unsafe_code, reason = "the page is known by a linker symbol")]

use core::sync::atomic::{AtomicU64, Ordering};

/// The page. Any content is a valid value.
#[derive(Debug)]
#[repr(C)]
struct Survivor {
    magic: AtomicU64,
    boots: AtomicU64,
    forwarded: AtomicU64,
    architecture: AtomicU64,
    lost: AtomicU64,
    words: [AtomicU64; WORDS],
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
    let counters = [
        &SURVIVOR.boots,
        &SURVIVOR.forwarded,
        &SURVIVOR.architecture,
        &SURVIVOR.lost,
    ];
    for word in counters.into_iter().chain(&SURVIVOR.words) {
        word.store(0, Ordering::Relaxed);
    }
}

/// Says what a reset that cleared all RAM has forgotten: the boots before this one, and the
/// forwarded calls in them. There were none in the architecture range.
pub fn remember(boots: u64, forwarded: u64) {
    SURVIVOR.boots.fetch_add(boots, Ordering::Relaxed);
    SURVIVOR.forwarded.fetch_add(forwarded, Ordering::Relaxed);
}

/// How often the machine has been reset since it began.
#[must_use]
pub fn boots() -> u64 {
    SURVIVOR.boots.load(Ordering::Relaxed)
}

/// Word `index` for the claim's own use; 0 at the first boot.
///
/// # Panics
///
/// If there is no such word: see [`WORDS`].
#[must_use]
pub fn word(index: usize) -> &'static AtomicU64 {
    &SURVIVOR.words[index]
}

/// The number of words a claim has.
pub const WORDS: usize = 8;

/// Firmware calls so far, by all CPUs and across resets.
pub(crate) struct Calls {
    /// Outside the architecture range: what a filter forwards.
    pub(crate) forwarded: u64,
    /// In the architecture range, which KVM never forwards.
    pub(crate) architecture: u64,
    /// How many of the forwarded ones may never have been made.
    pub(crate) lost: u64,
}

pub(crate) fn calls() -> Calls {
    Calls {
        forwarded: SURVIVOR.forwarded.load(Ordering::Relaxed),
        architecture: SURVIVOR.architecture.load(Ordering::Relaxed),
        lost: SURVIVOR.lost.load(Ordering::Relaxed),
    }
}

pub(crate) fn count_forwarded() {
    SURVIVOR.forwarded.fetch_add(1, Ordering::Relaxed);
}

/// Counts calls that a claim makes by assembly of its own.
pub fn count_repeated(calls: u64) {
    SURVIVOR.forwarded.fetch_add(calls, Ordering::Relaxed);
}

pub(crate) fn count_architecture() {
    SURVIVOR.architecture.fetch_add(1, Ordering::Relaxed);
}

/// Says that the machine is reset while other CPUs make calls: up to so many of them are counted, and
/// cut off before the firmware hears them.
pub fn allow_lost_calls(count: u64) {
    SURVIVOR.lost.fetch_add(count, Ordering::Relaxed);
}

const MAGIC: u64 = u64::from_le_bytes(*b"vambrace");
