//! What the host has not answered when a life ends: a disk's request, above all.
//!
//! An end waits for it, but not for ever: a disk that is gone answers nobody, and a user who ends a
//! machine wants it ended. Nothing that the guest relies on is lost, as it was told of no request
//! that is not answered. The next life of the same machine has to wait, as the request still moves
//! bytes to or from its RAM.

use std::time::{Duration, Instant};

use log::warn;

use super::{Devices, End, Machine};

impl Machine<'_> {
    /// Waits for what devices have under way, unless the machine ends first.
    pub(super) fn wait_for_devices(&self, devices: &Devices, started: Instant) -> Option<End> {
        while !devices.wait_for_threads(LOOK_AGAIN).is_empty() {
            if self.stopper.is_asked() {
                return Some(End::Stopped);
            }
            let limit = self.config.time_limit;
            if limit.is_some_and(|limit| started.elapsed() >= limit) {
                return Some(End::TimeLimit);
            }
        }
        None
    }
}

/// Waits for what devices have under way, for as long as an end may take.
pub(super) fn give_grace(devices: &Devices) {
    let late = devices.wait_for_threads(GRACE);
    if !late.is_empty() {
        let names = late.join(", ");
        warn!(
            "this host has not answered a request of the machine's {names}, which goes no further \
             without it: the request may still be carried out; the guest was told of none that is \
             not answered"
        );
    }
}

const GRACE: Duration = Duration::from_secs(2);
/// How often a machine that waits looks whether it is to end instead.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
