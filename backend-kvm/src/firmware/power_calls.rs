//! How often a guest called what turns CPUs on and off (DEN0022 §5.1.3 to §5.1.5).
//!
//! A guest that turns CPUs off and on counts what it does itself: here is the other side of it.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often core was called for each of them, whatever it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerCalls {
    /// CPU_ON, of either width.
    pub cpu_on: u64,
    /// CPU_OFF.
    pub cpu_off: u64,
    /// AFFINITY_INFO, of either width.
    pub affinity_info: u64,
}

/// The same, being counted.
#[derive(Debug, Default)]
pub(super) struct Counter {
    cpu_on: AtomicU64,
    cpu_off: AtomicU64,
    affinity_info: AtomicU64,
}

impl Counter {
    /// Counts a call of this function, if it is one of them.
    pub(super) fn count(&self, function: u32) {
        let counter = match function {
            0x8400_0003 | 0xc400_0003 => &self.cpu_on,
            0x8400_0002 => &self.cpu_off,
            0x8400_0004 | 0xc400_0004 => &self.affinity_info,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn calls(&self) -> PowerCalls {
        PowerCalls {
            cpu_on: self.cpu_on.load(Ordering::Relaxed),
            cpu_off: self.cpu_off.load(Ordering::Relaxed),
            affinity_info: self.affinity_info.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_in_either_width_and_nothing_else_is() {
        let counter = Counter::default();
        let others = [0x8400_0000, 0xc400_0002, 0x8400_0008, 0xc400_000e];
        let powers = [0x8400_0003, 0xc400_0003, 0x8400_0002, 0xc400_0004];
        for function in others.into_iter().chain(powers) {
            counter.count(function);
        }
        let expected = PowerCalls {
            cpu_on: 2,
            cpu_off: 1,
            affinity_info: 1,
        };
        assert_eq!(counter.calls(), expected);
    }
}
