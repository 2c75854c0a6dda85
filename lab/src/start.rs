//! What the init of a lab host is asked to run.
//!
//! Arguments, names and values are bytes, as Linux has them. The encoding is four lists of byte
//! strings; a list is a count and its strings, a string a length and its bytes (u32, little endian).

/// One command, as it travels into a lab host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The command and its arguments.
    pub arguments: Vec<Vec<u8>>,
    /// Variables set for the command, beside the few that init sets.
    pub environment: Vec<(Vec<u8>, Vec<u8>)>,
    /// Files to bring back when the command has ended.
    pub outputs: Vec<Vec<u8>>,
    /// Where the command finds the host's disks, in their order.
    pub disks: Vec<Vec<u8>>,
}

impl Start {
    /// Appends the encoded form to `bytes`.
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        list(bytes, self.arguments.iter());
        list(
            bytes,
            self.environment
                .iter()
                .flat_map(|(name, value)| [name, value]),
        );
        list(bytes, self.outputs.iter());
        list(bytes, self.disks.iter());
    }

    /// The command that `bytes` holds, or what is wrong with them.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut rest = bytes;
        let arguments = take_list(&mut rest)?;
        let variables = take_list(&mut rest)?;
        let outputs = take_list(&mut rest)?;
        let disks = take_list(&mut rest)?;
        if arguments.is_empty() {
            return Err("it names no command");
        }
        if !rest.is_empty() {
            return Err("bytes are left over");
        }
        let (pairs, []) = variables.as_chunks() else {
            return Err("a variable has no value");
        };
        let environment = pairs
            .iter()
            .map(|[name, value]| (name.clone(), value.clone()))
            .collect();
        Ok(Self {
            arguments,
            environment,
            outputs,
            disks,
        })
    }
}

fn list<'a>(bytes: &mut Vec<u8>, strings: impl Iterator<Item = &'a Vec<u8>>) {
    let at = bytes.len();
    number(bytes, 0);
    let mut count = 0;
    for string in strings {
        number(bytes, string.len());
        bytes.extend_from_slice(string);
        count += 1;
    }
    let mut head = Vec::new();
    number(&mut head, count);
    bytes[at..at + 4].copy_from_slice(&head);
}

/// A number beyond 32 bits saturates: its message is far beyond what a frame may hold, and refused.
fn number(bytes: &mut Vec<u8>, value: usize) {
    bytes.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
}

fn take_list(rest: &mut &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let count = take_number(rest)?;
    // Each string needs four bytes at least, so a count beyond that is refused before allocating.
    if count > rest.len() / 4 {
        return Err("a list is longer than the message");
    }
    (0..count).map(|_| take_string(rest)).collect()
}

fn take_string(rest: &mut &[u8]) -> Result<Vec<u8>, &'static str> {
    let length = take_number(rest)?;
    let (string, behind) = rest
        .split_at_checked(length)
        .ok_or("a string is longer than the message")?;
    *rest = behind;
    Ok(string.to_vec())
}

fn take_number(rest: &mut &[u8]) -> Result<usize, &'static str> {
    let (number, behind) = rest.split_first_chunk().ok_or("it ends inside a number")?;
    *rest = behind;
    usize::try_from(u32::from_le_bytes(*number)).map_err(|_| "a number is too large")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Start {
        Start {
            arguments: vec![b"a".to_vec()],
            environment: vec![(b"N".to_vec(), b"v".to_vec())],
            outputs: vec![],
            disks: vec![b"d".to_vec()],
        }
    }

    fn encoded(start: &Start) -> Vec<u8> {
        let mut bytes = Vec::new();
        start.encode(&mut bytes);
        bytes
    }

    #[test]
    fn the_encoding_has_this_form() {
        let bytes = b"\x01\0\0\0\x01\0\0\0a\x02\0\0\0\x01\0\0\0N\x01\0\0\0v\0\0\0\0\
                      \x01\0\0\0\x01\0\0\0d";
        assert_eq!(encoded(&start()), bytes);
        assert_eq!(Start::decode(bytes), Ok(start()));
    }

    #[test]
    fn every_truncation_is_refused() {
        let whole = encoded(&start());
        for length in 0..whole.len() {
            assert!(Start::decode(&whole[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn left_over_bytes_are_refused() {
        let mut bytes = encoded(&start());
        bytes.push(0);
        assert_eq!(Start::decode(&bytes), Err("bytes are left over"));
    }

    #[test]
    fn no_command_is_refused() {
        assert_eq!(Start::decode(&[0; 16]), Err("it names no command"));
    }

    #[test]
    fn an_absurd_count_is_refused_before_allocating() {
        let bytes = b"\xff\xff\xff\xff\0\0\0\0\0\0\0\0";
        assert_eq!(
            Start::decode(bytes),
            Err("a list is longer than the message")
        );
    }

    #[test]
    fn a_variable_without_a_value_is_refused() {
        let bytes = b"\x01\0\0\0\x01\0\0\0a\x01\0\0\0\x01\0\0\0N\0\0\0\0\0\0\0\0";
        assert_eq!(Start::decode(bytes), Err("a variable has no value"));
    }
}
