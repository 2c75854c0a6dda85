//! The list of calls and the log of their results, as the host sees them in RAM.
//!
//! The list begins with a magic word, the number of records, the log's address and the number of
//! CPUs; then come the records. The log has twenty words for each: x0 to x17 after the call, flags
//! and CPU, zero. Flag 63 is written last; with flag 62 the call did not return and the registers
//! are 0. All words are little-endian.
#![expect(unsafe_code, reason = "list and log are at fixed addresses")]

use core::{
    ops::Range,
    ptr, slice,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    failure::Failure,
    record::{self, Expected, Record, Registers},
};

/// List and log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    records: &'static [[u64; record::WORDS]],
    log: &'static [[AtomicU64; LOG_WORDS]],
    cpus: u64,
}

/// Records that one CPU makes without a break; only the last one changes power.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) cpu: u64,
    pub(crate) records: Range<usize>,
    pub(crate) last: Record,
}

impl List {
    /// Finds list and log in RAM.
    ///
    /// # Errors
    ///
    /// If there is no list, or one that cannot be.
    pub(crate) fn find() -> Result<Self, Failure> {
        let header = ptr::with_exposed_provenance::<[u64; 4]>(LIST);
        // SAFETY: This is RAM that no segment of the image and no stack covers, aligned, and readable
        // as any integers; the program does not write to it.
        let [magic, count, log, cpus] = *unsafe { &*header };
        within("magic", magic, MAGIC..=MAGIC)?;
        within("number of CPUs", cpus, 1..=MAX_CPUS as u64)?;
        within("number of records", count, 0..=MAX_RECORDS as u64)?;
        within("log address", log, LOG as u64..=LOG as u64)?;
        let count = count as usize; // at most MAX_RECORDS
        let records = ptr::with_exposed_provenance(LIST + HEADER_SIZE);
        let log = ptr::with_exposed_provenance(LOG);
        Ok(Self {
            // SAFETY: As above; MAX_RECORDS records end below the log.
            records: unsafe { slice::from_raw_parts(records, count) },
            // SAFETY: As above, and MAX_RECORDS entries end with the RAM. Entries are atomic: any CPU
            // may write.
            log: unsafe { slice::from_raw_parts(log, count) },
            cpus,
        })
    }

    /// Looks at every record, following the power of the CPUs.
    ///
    /// # Errors
    ///
    /// Names the first record that cannot be made.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let mut on = [false; MAX_CPUS];
        on[0] = true;
        for (index, words) in self.records.iter().enumerate() {
            Record::parse(words)
                .and_then(|record| self.follow(&record, &mut on))
                .map_err(|reason| Failure::Record { index, reason })?;
        }
        Ok(())
    }

    fn follow(&self, record: &Record, on: &mut [bool; MAX_CPUS]) -> Result<(), &'static str> {
        let count = self.cpus as usize; // at most MAX_CPUS
        match on[..count].get_mut(record.cpu as usize) {
            None => return Err("it is for a CPU that the list does not have"),
            Some(false) => return Err("it is for a CPU that is off by then"),
            Some(on) => *on = record.expected != Expected::Leaves,
        }
        match record.expected {
            Expected::Leaves if record.cpu == 0 => Err("the boot CPU may not go off"),
            Expected::Leaves | Expected::Returns => Ok(()),
            Expected::Starts(cpu) => match on[..count].get_mut(cpu as usize) {
                None => Err("it starts a CPU that the list does not have"),
                Some(true) => Err("it starts a CPU that is on by then"),
                Some(off) => {
                    *off = true;
                    Ok(())
                }
            },
        }
    }

    /// The records, cut where CPU or power changes.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Run> {
        let mut next = 0;
        core::iter::from_fn(move || {
            if next == self.records.len() {
                return None;
            }
            let first = next;
            let mut last = self.record(next);
            next += 1;
            while last.expected == Expected::Returns && next < self.records.len() {
                let following = self.record(next);
                if following.cpu != last.cpu {
                    break;
                }
                last = following;
                next += 1;
            }
            Some(Run {
                cpu: last.cpu,
                records: first..next,
                last,
            })
        })
    }

    /// A record of a list that has been checked.
    pub(crate) fn record(&self, index: usize) -> Record {
        match Record::parse(&self.records[index]) {
            Ok(record) => record,
            Err(reason) => panic!("record {index}, once checked: {reason}"),
        }
    }

    /// Logs the registers after a call; it is done when [`set_done`](Self::set_done) says so.
    pub(crate) fn log(&self, index: usize, registers: &Registers) {
        for (place, register) in self.log[index].iter().zip(registers) {
            place.store(*register, Ordering::Relaxed);
        }
    }

    /// Says that a CPU has made a call, and that it is logged.
    pub(crate) fn set_done(&self, index: usize, cpu: u64) {
        self.log[index][FLAGS].store(DONE | cpu, Ordering::Release);
    }

    /// Says, before it makes the call, that a CPU will not return from it.
    pub(crate) fn set_gone(&self, index: usize, cpu: u64) {
        self.log(index, &[0; 18]);
        self.log[index][FLAGS].store(DONE | GONE | cpu, Ordering::Release);
    }

    /// Whether a call is logged.
    pub(crate) fn is_done(&self, index: usize) -> bool {
        self.log[index][FLAGS].load(Ordering::Acquire) & DONE != 0
    }

    /// Forgets what an earlier boot, or the host, has left in the log.
    pub(crate) fn clear_log(&self) {
        for entry in self.log {
            entry[FLAGS].store(0, Ordering::Relaxed);
            entry[FLAGS + 1].store(0, Ordering::Relaxed);
        }
    }
}

fn within(
    what: &'static str,
    found: u64,
    expected: core::ops::RangeInclusive<u64>,
) -> Result<(), Failure> {
    if expected.contains(&found) {
        return Ok(());
    }
    Err(Failure::List {
        what,
        expected: *expected.end(),
        found,
    })
}

/// The list, far from the image and its stacks.
const LIST: usize = 0x4400_0000;
const HEADER_SIZE: usize = 32;
/// The log, up to the end of 128 MiB of RAM.
const LOG: usize = 0x4500_0000;
const LOG_WORDS: usize = 20;
/// As many as fit between the two; the log has room for more.
const MAX_RECORDS: usize = (LOG - LIST - HEADER_SIZE) / (8 * record::WORDS);
/// CPUs that a list may use.
pub(crate) const MAX_CPUS: usize = 8;

const MAGIC: u64 = u64::from_le_bytes(*b"bvcall\0\0");

/// Word of a log entry: CPU and flags.
const FLAGS: usize = 18;
const DONE: u64 = 1 << 63;
const GONE: u64 = 1 << 62;
