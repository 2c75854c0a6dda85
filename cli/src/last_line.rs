//! Remembers the last line of what passes by: there a test says its exit code where PSCI cannot.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::test::exit_code;

/// Passes everything on to `W`.
#[derive(Debug)]
pub(crate) struct LastLine<W> {
    output: W,
    line: Line,
}

/// The last line so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Arc<Mutex<Bytes>>);

#[derive(Debug, Default)]
struct Bytes {
    line: Vec<u8>,
    ended: bool,
}

impl<W> LastLine<W> {
    /// Remembers what goes to `output`.
    pub(crate) fn new(output: W) -> Self {
        Self {
            output,
            line: Line::default(),
        }
    }

    /// A look at the line, for when the output is somebody else's.
    pub(crate) fn line(&self) -> Line {
        self.line.clone()
    }
}

impl Line {
    /// The exit code that it carries, if it does.
    pub(crate) fn exit_code(&self) -> Option<u32> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        exit_code(str::from_utf8(&bytes.line).ok()?.trim_end())
    }

    fn take(&self, bytes: &[u8]) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            if last.ended {
                last.line.clear();
            }
            last.ended = byte == b'\n';
            // No exit code is longer; a guest that never ends its line takes no memory.
            if last.line.len() < LONGEST {
                last.line.push(byte);
            }
        }
    }
}

impl<W: Write> Write for LastLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.line.take(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn code(output: &str) -> Option<u32> {
        let mut writer = LastLine::new(Vec::new());
        let line = writer.line();
        writer.write_all(output.as_bytes()).unwrap();
        assert_eq!(writer.output, output.as_bytes());
        line.exit_code()
    }

    #[test]
    fn the_last_line_is_the_one_that_counts() {
        assert_eq!(code("exit: 1\nexit: 42\n"), Some(42));
        assert_eq!(code("verdict: pass\r\nexit: 0\r\n"), Some(0));
        assert_eq!(code("exit: 7"), Some(7));
    }

    #[test]
    fn other_last_lines_carry_no_code() {
        for output in [
            "",
            "exit: 1\n\n",
            "exit: 1\nmore",
            "exit: x\n",
            "exit: 1 \u{fffd}\n",
        ] {
            assert_eq!(code(output), None, "{output:?}");
        }
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let mut writer = LastLine::new(io::sink());
        writer.write_all(&[b'x'; 100_000]).unwrap();
        assert_eq!(writer.line.0.lock().unwrap().line.len(), 64);
    }
}
