//! The end of a stream of text, kept within bounds.
//!
//! A host's console and QEMU's own messages are read until they end, whatever their length, or
//! their writer would block. Only the last part is kept: it is for a person, after a failure.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// The last bytes of a stream that a thread of its own reads to the end.
#[derive(Debug)]
pub(crate) struct Tail {
    kept: Arc<Mutex<VecDeque<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Tail {
    /// Starts to read `stream`, keeping its last `capacity` bytes.
    pub(crate) fn of(stream: impl Read + Send + 'static, capacity: usize) -> Self {
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let shared = Arc::clone(&kept);
        let reader = std::thread::spawn(move || drain(stream, &shared, capacity));
        Self {
            kept,
            reader: Some(reader),
        }
    }

    /// Waits for the end of the stream. Its writers must be gone.
    pub(crate) fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            // The thread only moves bytes; should it have panicked, what it kept is still good.
            let _ = reader.join();
        }
    }

    /// What is kept by now.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().copied().collect()
    }

    /// The last `count` lines that are not blank, made safe to show on a terminal.
    pub(crate) fn last_lines(&self, count: usize) -> Vec<String> {
        last_lines(&self.bytes(), count)
    }
}

/// The last `count` lines of `text` that are not blank, without control characters.
pub(crate) fn last_lines(text: &[u8], count: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>())
        .map(|line| line.trim_end().to_owned())
        .filter(|line| !line.is_empty())
        .take(count)
        .collect();
    lines.reverse();
    lines
}

fn drain(mut stream: impl Read, kept: &Mutex<VecDeque<u8>>, capacity: usize) {
    let mut buffer = [0; 16 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(&buffer[..count]);
                let excess = kept.len().saturating_sub(capacity);
                kept.drain(..excess);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let mut tail = Tail::of(&b"0123456789"[..], 4);
        tail.finish();
        assert_eq!(tail.bytes(), b"6789");
    }

    #[test]
    fn a_flood_stays_within_bounds() {
        let mut tail = Tail::of(std::io::repeat(b'x').take(10_000_000), 1000);
        tail.finish();
        assert_eq!(tail.bytes().len(), 1000);
    }

    #[test]
    fn shown_lines_are_the_last_and_carry_no_control_characters() {
        let text = b"one\r\ntwo\x1b[31m\x07\r\n\r\n  \nthree\xff\n";
        assert_eq!(last_lines(text, 2), ["two[31m", "three\u{fffd}"]);
    }
}
