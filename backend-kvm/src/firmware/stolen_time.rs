//! Stolen time under core: KVM keeps it, from where this has it begin (DEN0057 §3.3).
//!
//! KVM adds to a vCPU's structure how long its thread had to wait for a CPU, and the first time all
//! of that since the thread began, because core and not KVM answered the call that KVM takes as the
//! beginning. So the structure starts with that much less than nothing: 64 bits wrap, and the guest
//! finds what was stolen since the vCPU first ran.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use vambrace_core::pvtime::StolenTime as Structure;

use crate::layout;
use crate::memory::{GuestMemory, MemoryError};

/// The structures of all vCPUs.
#[derive(Debug)]
pub(super) struct StolenTime {
    page: GuestMemory,
    begun: Vec<AtomicBool>,
}

impl StolenTime {
    /// Of this many vCPUs, in `page`, which is zero at the beginning of each life.
    pub(super) fn new(page: GuestMemory, vcpus: usize) -> Self {
        let begun = (0..vcpus).map(|_| AtomicBool::new(false)).collect();
        Self { page, begun }
    }

    /// Lets the time of vCPU `index` begin, if it has not in this life. To be called on the vCPU's
    /// thread, just before it enters the guest.
    pub(super) fn begin(&self, index: usize) -> Result<(), MemoryError> {
        if self.begun[index].swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let vcpu = u16::try_from(index).expect("a machine has at most 512 vCPUs");
        let before = Structure::from_nanoseconds(0_u64.wrapping_sub(run_delay()));
        self.page
            .write(layout::stolen_time(vcpu), &before.to_bytes())
    }

    /// A new life: every vCPU has a new thread.
    pub(super) fn reset(&mut self) {
        for begun in &mut self.begun {
            *begun.get_mut() = false;
        }
    }
}

/// For how many nanoseconds this thread has waited for a CPU since it began. Where the host does
/// not tell, KVM does not count either.
fn run_delay() -> u64 {
    fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|statistics| parse(&statistics))
        .unwrap_or(0)
}

/// Time on a CPU, time waiting for one, times scheduled (Linux `Documentation/scheduler/
/// sched-stats.rst`).
fn parse(statistics: &str) -> Option<u64> {
    statistics.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use vambrace_core::memory::Ipa;

    use super::*;

    fn stolen(page: &GuestMemory, address: u64) -> i64 {
        let mut bytes = [0; 8];
        page.read(Ipa::new(address + 8), &mut bytes).unwrap();
        i64::from_le_bytes(bytes)
    }

    #[test]
    fn the_second_number_is_the_time_waiting() {
        assert_eq!(parse("3318942 271828 31\n"), Some(271_828));
        assert_eq!(parse("3318942"), None);
        assert_eq!(parse(""), None);
        assert_eq!(parse("1 x 1"), None);
    }

    #[test]
    fn time_begins_once_a_life_with_less_than_nothing() {
        let page = GuestMemory::stolen_time().unwrap();
        let mut time = StolenTime::new(page.clone(), 2);
        time.begin(1).unwrap();
        assert!(stolen(&page, 0x090a_0040) <= 0);
        assert_eq!(stolen(&page, 0x090a_0000), 0);
        let kernels = 5_u64.to_le_bytes();
        page.write(Ipa::new(0x090a_0048), &kernels).unwrap();
        time.begin(1).unwrap();
        assert_eq!(stolen(&page, 0x090a_0040), 5);
        time.reset();
        time.begin(1).unwrap();
        assert!(stolen(&page, 0x090a_0040) <= 0);
    }
}
