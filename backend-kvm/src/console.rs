//! The console's output: bounded, and split into lines for transcripts.
//!
//! A guest is hostile: it may write for ever. What it writes beyond a limit is counted and dropped,
//! with one line that says so, and the run goes on to its end or its time limit.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::devices::Transmit;

/// Passes bytes on to `W`, up to a limit.
#[derive(Debug)]
pub struct Console<W> {
    output: W,
    limit: u64,
    written: u64,
    dropped: u64,
    error: Option<io::Error>,
}

impl<W: Write> Console<W> {
    /// A console that passes on at most `limit` bytes.
    pub fn new(output: W, limit: u64) -> Self {
        Self {
            output,
            limit,
            written: 0,
            dropped: 0,
            error: None,
        }
    }

    /// Passes on one byte. Nothing is written after an error or beyond the limit.
    pub fn put(&mut self, byte: u8) {
        if self.written < self.limit {
            self.written += 1;
            self.attempt(|output| output.write_all(&[byte]));
            return;
        }
        if self.dropped == 0 {
            let limit = self.limit;
            self.attempt(|output| {
                writeln!(
                    output,
                    "\n[vambrace] console output beyond {limit} bytes was dropped"
                )
            });
        }
        self.dropped = self.dropped.saturating_add(1);
    }

    /// Where the bytes went.
    pub fn output(&self) -> &W {
        &self.output
    }

    /// How many bytes were beyond the limit.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Why writing stopped, if it did.
    pub fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// Gives back where the bytes went.
    pub fn into_output(self) -> W {
        self.output
    }

    fn attempt(&mut self, write: impl FnOnce(&mut W) -> io::Result<()>) {
        if self.error.is_none() {
            self.error = write(&mut self.output).err();
        }
    }
}

impl<W: Write> Transmit for Console<W> {
    fn transmit(&mut self, byte: u8) {
        self.put(byte);
    }
}

/// The lines of a transcript. A carriage return before a line's end is part of the end; what is not
/// UTF-8 and what a terminal would act on is escaped as `\xNN`; a last line without end counts.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = String> {
    let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let lines = (!bytes.is_empty()).then(|| whole.split(|byte| *byte == b'\n'));
    lines
        .into_iter()
        .flatten()
        .map(|line| escape(line.strip_suffix(b"\r").unwrap_or(line)))
}

fn escape(line: &[u8]) -> String {
    let mut escaped = String::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\t' => escaped.push('\t'),
                control if control.is_control() => {
                    control
                        .to_string()
                        .bytes()
                        .for_each(|byte| push_escape(&mut escaped, byte));
                }
                other => escaped.push(other),
            }
        }
        chunk
            .invalid()
            .iter()
            .for_each(|byte| push_escape(&mut escaped, *byte));
    }
    escaped
}

fn push_escape(text: &mut String, byte: u8) {
    write!(text, "\\x{byte:02x}").expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put(console: &mut Console<impl Write>, text: &str) {
        text.bytes().for_each(|byte| console.put(byte));
    }

    fn split(bytes: &[u8]) -> Vec<String> {
        lines(bytes).collect()
    }

    #[test]
    fn bytes_up_to_the_limit_pass() {
        let mut console = Console::new(Vec::new(), 5);
        put(&mut console, "12345");
        assert_eq!(
            (console.output().as_slice(), console.dropped()),
            (&b"12345"[..], 0)
        );
    }

    #[test]
    fn bytes_beyond_the_limit_are_dropped_with_one_notice() {
        let mut console = Console::new(Vec::new(), 5);
        put(&mut console, "123456789");
        assert_eq!(console.dropped(), 4);
        assert_eq!(
            String::from_utf8(console.into_output()).unwrap(),
            "12345\n[vambrace] console output beyond 5 bytes was dropped\n"
        );
    }

    #[test]
    fn a_limit_of_0_passes_nothing() {
        let mut console = Console::new(Vec::new(), 0);
        put(&mut console, "1");
        assert_eq!(console.dropped(), 1);
    }

    #[test]
    fn a_closed_output_is_an_error_once_and_the_guest_goes_on() {
        struct Closed(u32);
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut console = Console::new(Closed(0), 10);
        put(&mut console, "abc");
        assert_eq!(console.output().0, 1);
        assert_eq!(console.error().unwrap().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn lines_end_in_newline_with_or_without_carriage_return() {
        assert_eq!(split(b"one\r\ntwo\n\nfour"), ["one", "two", "", "four"]);
        assert_eq!(split(b""), [""; 0]);
        assert_eq!(split(b"\n"), [""]);
    }

    #[test]
    fn what_is_not_text_is_escaped() {
        assert_eq!(split(b"a\xffb\xc3"), ["a\\xffb\\xc3"]);
        assert_eq!(split(b"\x1b[2J\0\tok\r."), ["\\x1b[2J\\x00\tok\\x0d."]);
        assert_eq!(split("ä\u{9b}".as_bytes()), ["ä\\xc2\\x9b"]);
    }

    proptest! {
        #[test]
        fn lines_hold_nothing_a_terminal_acts_on(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            for line in lines(&bytes) {
                prop_assert!(!line.chars().any(|found| found != '\t' && found.is_control()));
            }
        }
    }
}
