//! CPUs of this machine, written as the kernel writes them: `0-3,8`.
//!
//! On a machine with several kinds of CPU it matters on which of them a vCPU may find itself. A
//! thread that stays on some makes its vCPUs stay there, and with them all threads that it starts
//! afterwards. (`sched_setaffinity(2)`, `cpuset(7)`, "List format")

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::Errno;

/// One CPU or more, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuList(BTreeSet<u32>);

/// A text that is no list of CPUs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no list of CPUs: write numbers below {MOST} and ranges of them, as in 0-3,8")]
pub struct NoCpuList(String);

/// Why this thread cannot stay on some CPUs, or nobody knows where it may run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AffinityError {
    /// Of those CPUs only some are there, or none.
    #[error(
        "cannot run on CPUs {asked} alone: this process may run on {allowed}; name some of these, \
         or bring the others online and into its cpuset"
    )]
    NotAllowed {
        /// What was asked.
        asked: CpuList,
        /// Where it may run.
        allowed: CpuList,
    },
    /// The kernel does not say where this thread may run.
    #[error("cannot tell on which CPUs this process may run (sched_getaffinity): {0}")]
    Unknown(Errno),
    /// The kernel does not let it be changed.
    #[error("cannot choose the CPUs that this process runs on (sched_setaffinity): {0}")]
    Unchangeable(Errno),
}

impl CpuList {
    /// The CPUs on which this thread may run: those that are online, and not kept from it.
    ///
    /// # Errors
    ///
    /// [`AffinityError::Unknown`].
    pub fn of_this_thread() -> Result<Self, AffinityError> {
        let set = sched_getaffinity(None).map_err(|error| AffinityError::Unknown(errno(error)))?;
        let cpus = (0..MOST).filter(|cpu| set.is_set(*cpu as usize));
        Ok(Self(cpus.collect()))
    }

    /// Keeps this thread on these CPUs, and all that it starts from now on.
    ///
    /// # Errors
    ///
    /// [`AffinityError::NotAllowed`] unless it may run on every one of them, and what the kernel
    /// says.
    pub fn keep_this_thread(&self) -> Result<(), AffinityError> {
        let allowed = Self::of_this_thread()?;
        if !self.0.is_subset(&allowed.0) {
            let asked = self.clone();
            return Err(AffinityError::NotAllowed { asked, allowed });
        }
        let mut set = CpuSet::new();
        for cpu in &self.0 {
            set.set(*cpu as usize);
        }
        sched_setaffinity(None, &set).map_err(|error| AffinityError::Unchangeable(errno(error)))
    }

    /// Whether this CPU is one of them.
    pub fn contains(&self, cpu: u32) -> bool {
        self.0.contains(&cpu)
    }
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::new(error.raw_os_error())
}

impl FromStr for CpuList {
    type Err = NoCpuList;

    fn from_str(text: &str) -> Result<Self, NoCpuList> {
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        let ranges = ranges.ok_or_else(|| NoCpuList(text.to_owned()))?;
        Ok(Self(ranges.into_iter().flatten().collect()))
    }
}

/// `3` or `0-3`.
fn range(text: &str) -> Option<std::ops::RangeInclusive<u32>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = number(first)?..=number(last)?;
    (!range.is_empty()).then_some(range)
}

fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits)?;
    (number < MOST).then_some(number)
}

/// As short as it can be.
impl fmt::Display for CpuList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut cpus = self.0.iter().copied().peekable();
        while let Some(first) = cpus.next() {
            let mut last = first;
            while let Some(next) = cpus.next_if(|next| *next == last + 1) {
                last = next;
            }
            match first == last {
                true => write!(f, "{separator}{first}")?,
                false => write!(f, "{separator}{first}-{last}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

/// As many CPUs as the kernel can be told of with a set of the usual size.
const MOST: u32 = CpuSet::MAX_CPU as u32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_as_the_kernel_writes_it() {
        for (text, written) in [
            ("0", "0"),
            ("0-3,8", "0-3,8"),
            ("8,3,0,1,2", "0-3,8"),
            ("0-1,1-2", "0-2"),
            ("5-5,1023", "5,1023"),
        ] {
            assert_eq!(text.parse::<CpuList>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["", ",", "0,", "a", "-1", "3-1", "+1", "0-", "1024", "0 1"] {
            let refused = text.parse::<CpuList>();
            assert_eq!(refused, Err(NoCpuList(text.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn a_thread_stays_where_it_is_kept_and_so_do_those_that_it_starts() {
        // Of a thread of its own: other tests run elsewhere.
        let thread = std::thread::spawn(|| {
            let allowed = CpuList::of_this_thread().unwrap();
            let last = *allowed.0.last().unwrap();
            let one = CpuList([last].into());
            one.keep_this_thread().unwrap();
            assert_eq!(CpuList::of_this_thread().unwrap(), one);
            let started = std::thread::spawn(|| CpuList::of_this_thread().unwrap());
            assert_eq!(started.join().unwrap(), one);
        });
        thread.join().unwrap();
    }

    #[test]
    fn a_thread_is_not_kept_on_fewer_cpus_than_were_asked_for() {
        let allowed = CpuList::of_this_thread().unwrap();
        let absent = (0..MOST).find(|cpu| !allowed.contains(*cpu)).unwrap();
        let mut asked = allowed.clone();
        asked.0.insert(absent);
        assert_eq!(
            asked.keep_this_thread(),
            Err(AffinityError::NotAllowed { asked, allowed })
        );
    }
}
