//! Lines that one CPU writes and another prints later.
//!
//! Only the boot CPU prints, so that a transcript's order is not chance. What the others have to say
//! waits here as text. One writer; readers see whole lines.

use core::{
    fmt::{self, Write as _},
    sync::atomic::{AtomicU8, AtomicUsize, Ordering},
};

/// Lines of text, up to a fixed size; what is beyond it is lost, and said to be.
#[derive(Debug)]
pub(crate) struct Notes {
    text: [AtomicU8; CAPACITY],
    /// Bytes of whole lines, also those that did not fit.
    written: AtomicUsize,
}

struct Writer<'a> {
    notes: &'a Notes,
    position: usize,
}

struct Line<'a>(&'a [AtomicU8]);

impl Notes {
    pub(crate) const fn new() -> Self {
        Self {
            text: [const { AtomicU8::new(0) }; CAPACITY],
            written: AtomicUsize::new(0),
        }
    }

    /// Adds a line. By the owning CPU only.
    pub(crate) fn add(&self, line: &impl fmt::Display) {
        let mut writer = Writer {
            notes: self,
            position: self.written.load(Ordering::Relaxed),
        };
        // The writer cannot fail, and neither do the integers and strings of a line.
        let _ = writeln!(writer, "{line}");
        self.written.store(writer.position, Ordering::Release);
    }

    /// The lines so far.
    pub(crate) fn lines(&self) -> impl Iterator<Item = impl fmt::Display> {
        let written = self.written.load(Ordering::Acquire).min(CAPACITY);
        self.text[..written]
            .split_inclusive(|byte| byte.load(Ordering::Relaxed) == b'\n')
            .map(Line)
    }

    /// Whether lines were lost.
    pub(crate) fn overflowed(&self) -> bool {
        self.written.load(Ordering::Acquire) > CAPACITY
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if let Some(place) = self.notes.text.get(self.position) {
                place.store(byte, Ordering::Relaxed);
            }
            self.position += 1;
        }
        Ok(())
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            let byte = byte.load(Ordering::Relaxed);
            if byte != b'\n' {
                out.write_char(char::from(byte))?;
            }
        }
        Ok(())
    }
}

const CAPACITY: usize = 2048;
