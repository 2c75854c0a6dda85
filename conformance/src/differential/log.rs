//! The log that the guest leaves in its RAM: twenty words for each record of the list.

use super::call::Registers;

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// The run ended before it.
    Missing,
    /// The call did not return.
    Gone,
    /// It did, and left these.
    Returned(Registers),
}

/// Reads the entries of records that these CPUs make, in the order of the list.
///
/// # Errors
///
/// In words, why these bytes are no log of that list.
pub(super) fn parse(
    bytes: &[u8],
    cpus: impl ExactSizeIterator<Item = u8>,
) -> Result<Vec<Entry>, String> {
    if bytes.len() != cpus.len() * ENTRY_BYTES {
        let (records, found) = (cpus.len(), bytes.len());
        return Err(format!(
            "the log of {records} records has {} bytes, and {found} came",
            records * ENTRY_BYTES
        ));
    }
    let entries = bytes.chunks_exact(ENTRY_BYTES).zip(cpus).enumerate();
    entries
        .map(|(index, (entry, cpu))| {
            parse_entry(entry, cpu).map_err(|reason| format!("entry {index} of the log: {reason}"))
        })
        .collect()
}

fn parse_entry(bytes: &[u8], cpu: u8) -> Result<Entry, String> {
    let mut words = [0; ENTRY_WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = bytes
            .iter()
            .rfold(0, |word, &byte| word << 8 | u64::from(byte));
    }
    let [registers @ .., flags, zero] = words;
    match (flags & (DONE | GONE), flags & !(DONE | GONE), zero) {
        (0, 0, 0) => Ok(Entry::Missing),
        (DONE, made_by, 0) if made_by == u64::from(cpu) => Ok(Entry::Returned(registers)),
        (BOTH, made_by, 0) if made_by == u64::from(cpu) => Ok(Entry::Gone),
        _ => Err(format!(
            "its last words are {flags:#x} and {zero:#x}, of CPU {cpu}"
        )),
    }
}

/// Bytes of an entry.
pub(super) const ENTRY_BYTES: usize = 8 * ENTRY_WORDS;
const ENTRY_WORDS: usize = 20;
const DONE: u64 = 1 << 63;
const GONE: u64 = 1 << 62;
const BOTH: u64 = DONE | GONE;

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(registers: Registers, flags: u64) -> Vec<u8> {
        let words = registers.into_iter().chain([flags, 0]);
        words.flat_map(u64::to_le_bytes).collect()
    }

    #[test]
    fn entries_are_missing_gone_or_eighteen_registers() {
        let registers = std::array::from_fn(|index| index as u64 | 1 << 60);
        let log = [
            bytes(registers, 1 << 63 | 2),
            bytes([0; 18], 3 << 62 | 1),
            bytes([0xaa; 18], 0),
        ];
        assert_eq!(
            parse(&log.concat(), [2, 1, 0].into_iter()),
            Ok(vec![
                Entry::Returned(registers),
                Entry::Gone,
                Entry::Missing
            ])
        );
    }

    #[test]
    fn an_entry_of_another_cpu_is_refused() {
        let log = bytes([0; 18], 1 << 63 | 2);
        let error = parse(&log, [1].into_iter()).unwrap_err();
        assert!(error.starts_with("entry 0 of the log: "), "{error}");
    }

    #[test]
    fn a_log_of_another_length_is_refused() {
        let error = parse(&[0; 161], [0].into_iter()).unwrap_err();
        assert_eq!(error, "the log of 1 records has 160 bytes, and 161 came");
    }
}
