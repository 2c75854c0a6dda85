//! What a backend lends to a call beside the guest's registers.
//!
//! Core has no clock and no randomness: both come with a call, if it asks for them.

use crate::time::Time;
pub use crate::trng::Entropy;
pub use crate::vendor_hyp::Clocks;

/// Time, clocks and entropy, each only if it is at hand. A call that needs one which is not says so
/// ([`Outcome::Fetch`](super::Outcome::Fetch)) and has no effect.
#[derive(Debug, PartialEq, Eq)]
pub struct Lent<'a> {
    /// The time now.
    pub time: Option<Time>,
    /// The wall clock and the guest's counters at one instant.
    pub clocks: Option<Clocks>,
    /// Fresh random bits, which the call wipes.
    pub entropy: Entropy<'a>,
}

impl Lent<'_> {
    /// Nothing: most calls need nothing.
    pub const NOTHING: Self = Self {
        time: None,
        clocks: None,
        entropy: Entropy::NotLent,
    };
}
