//! Bytes that tell where they belong: what is written to disks, and sent both ways at once.
//!
//! Each MiB differs from every other one, and ends with the sum of what is before. Who lost, doubled
//! or swapped a single byte is found, and where.

use std::io::{self, Read, Write};
use std::thread;

/// Who sends: neither end can take its own bytes for the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The guest.
    Guest,
    /// Its host.
    Host,
}

/// Sends so many MiB and receives as many from the other side, both at the same time.
///
/// # Errors
/// In words, what failed, or the first byte that is another one.
pub fn exchange<S>(stream: &S, side: Side, mib: u64) -> Result<(), String>
where
    S: Sync,
    for<'a> &'a S: Read + Write,
{
    thread::scope(|scope| {
        let sender = scope.spawn(|| send(stream, side.first(), mib));
        let received = receive(stream, side.other().first(), mib);
        let sent = sender.join().expect("sending does not panic");
        received.and(sent)
    })
}

fn send(mut stream: impl Write, first: u64, mib: u64) -> Result<(), String> {
    let mut numbers = first..first + mib;
    let sent = numbers.try_for_each(|number| stream.write_all(&block(number)));
    sent.map_err(|error| format!("send: {error}"))
}

fn receive(mut stream: impl Read, first: u64, mib: u64) -> Result<(), String> {
    let mut found = vec![0; BLOCK];
    for number in first..first + mib {
        let failed = |error: io::Error| format!("receive MiB {}: {error}", number - first);
        stream.read_exact(&mut found).map_err(failed)?;
        check(number, &found).map_err(|reason| format!("what was received {reason}"))?;
    }
    Ok(())
}

/// Is this the MiB with that number?
///
/// # Errors
/// The first byte that differs, in words.
pub fn check(number: u64, found: &[u8]) -> Result<(), String> {
    let expected = block(number);
    if found == expected {
        return Ok(());
    }
    let at = found.iter().zip(&expected).position(|(a, b)| a != b);
    let at = at.unwrap_or(found.len().min(BLOCK));
    Err(format!("differs in MiB {number:#x} from byte {at:#x} on"))
}

/// The MiB with this number: a sequence begun by it, and behind it the sum of all of that.
#[must_use]
pub fn block(number: u64) -> Vec<u8> {
    let mut state = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut sum = 0_u64;
    let mut bytes = Vec::with_capacity(BLOCK);
    while bytes.len() < BLOCK - 8 {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        sum = sum.wrapping_add(state);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

impl Side {
    fn first(self) -> u64 {
        match self {
            Self::Guest => 0,
            Self::Host => 1 << 32,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Guest => Self::Host,
            Self::Host => Self::Guest,
        }
    }
}

/// The bytes of a block.
pub const BLOCK: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn two_ends_send_at_the_same_time() {
        let (guest, host) = UnixStream::pair().unwrap();
        let there = thread::spawn(move || exchange(&guest, Side::Guest, 3));
        assert_eq!(exchange(&host, Side::Host, 3), Ok(()));
        assert_eq!(there.join().unwrap(), Ok(()));
    }

    #[test]
    fn an_echo_is_not_the_other_end() {
        let (one, other) = UnixStream::pair().unwrap();
        let there = thread::spawn(move || exchange(&one, Side::Host, 1));
        assert!(exchange(&other, Side::Host, 1).is_err());
        assert!(there.join().unwrap().is_err());
    }

    #[test]
    fn a_single_byte_that_is_another_is_found() {
        let mut bytes = block(7);
        assert_eq!(check(7, &bytes), Ok(()));
        bytes[0x1_2345] ^= 1;
        let reason = check(7, &bytes).unwrap_err();
        assert!(reason.contains("from byte 0x12345 on"), "{reason}");
        assert!(check(8, &block(7)).is_err());
        assert!(check(7, &block(7)[..0x8000]).is_err());
    }
}
